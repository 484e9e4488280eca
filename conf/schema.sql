-- The registry in PostgreSQL: who may switch what. For registry.source = "postgres" of outputd.
--
--     psql -v ON_ERROR_STOP=1 -d DATABASE -f schema.sql
--
-- It can be run again: what is there stays. Tables are made in the first schema of the search path, and found by the
-- service in its own; where that is not "public", give both the same, the service with options=-csearch_path=NAME in
-- registry.conninfo. What the columns mean is told in registry.cfg, the same registry as a file.

BEGIN;

CREATE TABLE IF NOT EXISTS users (
    id       integer PRIMARY KEY CHECK (id > 0),
    blocked  boolean NOT NULL DEFAULT false
);

-- rights: of a sub-user, {tracker_set_output}. trackers: of a sub-user, the only ones it sees; all of the account where
-- it is null. expires_at: never where it is null.
CREATE TABLE IF NOT EXISTS sessions (
    hash_sha256  text PRIMARY KEY CHECK (hash_sha256 ~ '^[0-9a-f]{64}$'),
    user_id      integer NOT NULL REFERENCES users ON DELETE CASCADE,
    master       boolean NOT NULL DEFAULT false,
    rights       text[] NOT NULL DEFAULT '{}' CHECK (array_position(rights, NULL) IS NULL),
    trackers     integer[] CHECK (array_position(trackers, NULL) IS NULL AND 0 < ALL (trackers)),
    expires_at   timestamptz
);

-- outputs, reserved_outputs: as the profile says where they are null. vars: what the profile's placeholders need, as in
-- {"password": "0000"}.
CREATE TABLE IF NOT EXISTS trackers (
    id                integer PRIMARY KEY CHECK (id > 0),
    user_id           integer NOT NULL REFERENCES users ON DELETE CASCADE,
    model             text NOT NULL CHECK (model <> '' AND model !~ '[+#[:cntrl:]]'),
    device_id         text NOT NULL DEFAULT '' CHECK (device_id !~ '[+#[:cntrl:]]'),
    outputs           smallint CHECK (outputs BETWEEN 1 AND 64),
    blocked           boolean NOT NULL DEFAULT false,
    clone             boolean NOT NULL DEFAULT false,
    reserved_outputs  integer[] CHECK (array_position(reserved_outputs, NULL) IS NULL
                                       AND 1 <= ALL (reserved_outputs) AND 64 >= ALL (reserved_outputs)),
    vars              jsonb CHECK (jsonb_typeof(vars) = 'object'
                                   AND NOT vars @? '$.* ? (@.type() == "object" || @.type() == "array")'
                                   AND NOT vars @? '$.* ? (@.type() == "number" && @.floor() != @)'
                                   AND NOT vars @? '$.* ? (@ like_regex "[+#\\x01-\\x1f\\x7f]")'),
    CHECK (outputs IS NOT NULL OR coalesce(vars ? 'outputs', false)
           OR model NOT IN ('generic_json', 'generic_msgpack'))
);

CREATE INDEX IF NOT EXISTS sessions_user_id ON sessions (user_id);
CREATE INDEX IF NOT EXISTS trackers_user_id ON trackers (user_id);

-- Tells the service which rows have changed: "tracker 265489,265490". It reads these again. A transaction that changes
-- many says "all" in place of the rest, so that a bulk load tells it once.
CREATE OR REPLACE FUNCTION outputd_notify() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    channel CONSTANT text := 'outputd_registry';
    most CONSTANT bigint := 10000;
    told bigint := coalesce(nullif(current_setting('outputd.told', true), ''), '0')::bigint;
    changed bigint := most;
    source text := CASE TG_OP WHEN 'INSERT' THEN 'SELECT %1$I AS key FROM after'
                              WHEN 'DELETE' THEN 'SELECT %1$I AS key FROM before'
                              ELSE 'SELECT %1$I AS key FROM before UNION SELECT %1$I FROM after' END;
    keys text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*) INTO changed FROM after;
    ELSIF TG_OP IN ('UPDATE', 'DELETE') THEN
        SELECT count(*) INTO changed FROM before;
    END IF;
    IF changed = 0 THEN
        RETURN NULL;
    END IF;
    told := told + changed;
    PERFORM set_config('outputd.told', told::text, true);
    IF told > most OR TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify(channel, 'all');
        RETURN NULL;
    END IF;
    -- A notification may have 8000 bytes, and a session's key has 64.
    FOR keys IN EXECUTE format(
        'SELECT string_agg(key::text, '','') FROM'
        ' (SELECT key, (row_number() OVER () - 1) / 100 AS piece FROM (' || source || ') AS k) AS p GROUP BY piece',
        TG_ARGV[1])
    LOOP
        PERFORM pg_notify(channel, TG_ARGV[0] || ' ' || keys);
    END LOOP;
    RETURN NULL;
END
$body$;

DO $body$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM (VALUES ('users', 'user', 'id'), ('sessions', 'session', 'hash_sha256'),
                                     ('trackers', 'tracker', 'id')) AS v (tbl, kind, key)
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER outputd_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS after'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION outputd_notify(%L, %L)', one.tbl, one.kind, one.key);
        EXECUTE format('CREATE OR REPLACE TRIGGER outputd_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS before'
                       ' NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION outputd_notify(%L, %L)',
                       one.tbl, one.kind, one.key);
        EXECUTE format('CREATE OR REPLACE TRIGGER outputd_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS before'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION outputd_notify(%L, %L)', one.tbl, one.kind, one.key);
        EXECUTE format('CREATE OR REPLACE TRIGGER outputd_truncate AFTER TRUNCATE ON %I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION outputd_notify(%L, %L)', one.tbl, one.kind, one.key);
    END LOOP;
END
$body$;

-- The service's role: it reads these three tables, and nothing else. It has no password: give it one with
-- \password outputd, or let pg_hba.conf say how it is known.
DO $body$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'outputd') THEN
        CREATE ROLE outputd LOGIN;
    END IF;
    ALTER ROLE outputd SET default_transaction_read_only = on;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO outputd', current_schema());
    GRANT SELECT ON users, sessions, trackers TO outputd;
END
$body$;

COMMIT;
