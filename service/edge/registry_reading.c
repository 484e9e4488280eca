#include "registry_reading.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"

enum { KEYS_AT_ONCE = 1000, TOLD_MAX = 5 };

static const char *const query_names[REGISTRY_TABLES] = {"registry.users_query", "registry.sessions_query",
                                                         "registry.trackers_query"};

struct table_reading {
    struct registry_reading *r;
    enum registry_table table;
    struct registry_rows rows;
    int columns[REGISTRY_COLUMNS_MAX];      /* where they are in the result; below 0: nowhere */
    const struct registry_changes *changes; /* NULL: everything is read */
    int32_t *new_users;                     /* that were not there before; grows */
    size_t new_user_count;
    uint64_t told;
};

/* Which of the queries it was. */
static bool fail_query(struct table_reading *t)
{
    struct postgres *db = t->r->db;
    char why[sizeof db->error];

    snprintf(why, sizeof why, "%s", db->error);
    snprintf(db->error, sizeof db->error, "%s: %.400s", query_names[t->table], why);
    return false;
}

/* --- rows --- */

static bool find_columns(struct table_reading *t, const PGresult *result)
{
    const struct registry_column *column = registry_columns(t->table);

    for (int i = 0; column->name; column++, i++) {
        t->columns[i] = pq.fnumber(result, column->name);
        if (t->columns[i] < 0 && column->required) {
            snprintf(t->r->db->error, sizeof t->r->db->error, "it has no column %s", column->name);
            return fail_query(t);
        }
    }
    return true;
}

static void refuse(struct table_reading *t)
{
    t->r->refused_count++;
    if (t->told++ < TOLD_MAX)
        t->r->refused(t->r->ctx, (const char *)t->rows.why.data);
}

static void note_new_user(struct table_reading *t, int32_t id)
{
    t->new_users = array_grown(t->new_users, t->new_user_count, sizeof *t->new_users);
    t->new_users[t->new_user_count++] = id;
}

/* Of what is read again: of two rows with one key the first good one stands. */
static void take_changed(struct table_reading *t, const char *const *values)
{
    struct digest key;
    struct registry_change *change;
    bool is_new_user;

    if (!values[0] || !registry_read_key(t->table, values[0], &key))
        return;
    change = registry_changes_find(t->changes, t->table, &key);
    if (change && change->is_there)
        return;
    is_new_user = t->table == REGISTRY_USERS && !registry_find_user(t->rows.registry, registry_key_id(&key));
    if (!registry_take_row(&t->rows, t->table, values)) {
        refuse(t);
        return;
    }
    if (change)
        change->is_there = true;
    if (is_new_user)
        note_new_user(t, registry_key_id(&key));
}

static void take_rows(struct table_reading *t, const PGresult *result)
{
    const char *values[REGISTRY_COLUMNS_MAX] = {NULL};
    int count = pq.ntuples(result);

    for (int row = 0; row < count; row++) {
        for (int i = 0; i < REGISTRY_COLUMNS_MAX; i++) {
            int at = t->columns[i];

            values[i] = at < 0 || pq.getisnull(result, row, at) ? NULL : pq.getvalue(result, row, at);
        }
        if (t->changes)
            take_changed(t, values);
        else if (!registry_take_row(&t->rows, t->table, values))
            refuse(t);
    }
}

static void begin_table(struct table_reading *t, enum registry_table table)
{
    t->table = table;
    for (int i = 0; i < REGISTRY_COLUMNS_MAX; i++)
        t->columns[i] = -1;
}

static void tell_refused(struct table_reading *t)
{
    char text[96];

    if (t->told > TOLD_MAX) {
        snprintf(text, sizeof text, "and %llu more", (unsigned long long)t->told - TOLD_MAX);
        t->r->refused(t->r->ctx, text);
    }
}

/* --- everything --- */

/* As the query stands in the configuration: without the semicolon that ends it. */
static int query_len(const char *query)
{
    size_t len = strlen(query);

    while (len && strchr("; \t\r\n", query[len - 1]))
        len--;
    return (int)len;
}

/* In pieces, so that not all of the rows are in memory twice. */
static bool read_pieces(struct table_reading *t)
{
    bool more = true;
    bool good = true;

    while (more && good) {
        PGresult *result = postgres_query(t->r->db, "FETCH 2000 FROM rows", NULL);

        if (!result)
            return fail_query(t);
        more = pq.ntuples(result) > 0;
        good = find_columns(t, result);
        if (good)
            take_rows(t, result);
        pq.clear(result);
    }
    return good;
}

static bool read_table(struct table_reading *t, enum registry_table table)
{
    const char *query = t->r->queries[table];
    struct buffer sql = {0};
    bool good;

    begin_table(t, table);
    buffer_printf(&sql, "DECLARE rows NO SCROLL CURSOR FOR %.*s", query_len(query), query);
    buffer_put_u8(&sql, '\0');
    good = postgres_execute(t->r->db, (const char *)sql.data) || fail_query(t);
    buffer_release(&sql);
    return good && read_pieces(t) && postgres_execute(t->r->db, "CLOSE rows");
}

/* All of it is wanted, and soon, not its first rows. */
static bool begin(struct registry_reading *r)
{
    return postgres_execute(r->db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") &&
           postgres_execute(r->db, "SET LOCAL cursor_tuple_fraction = 1");
}

static struct registry *ended(struct table_reading *t, bool good)
{
    tell_refused(t);
    buffer_release(&t->rows.why);
    free(t->new_users);
    if (good && postgres_execute(t->r->db, "COMMIT"))
        return t->rows.registry;
    registry_free(t->rows.registry);
    return NULL;
}

struct registry *registry_read_whole(struct registry_reading *r)
{
    struct table_reading t = {.r = r, .rows = {.registry = registry_new(), .profiles = r->profiles}};
    bool good = begin(r);

    for (int table = 0; table < REGISTRY_TABLES && good; table++)
        good = read_table(&t, (enum registry_table)table);
    return ended(&t, good);
}

/* --- what has changed --- */

static bool query_keys(struct table_reading *t, const char *column, const char *keys)
{
    const char *query = t->r->queries[t->table];
    struct buffer sql = {0};
    PGresult *result;
    bool good;

    buffer_printf(&sql, "SELECT * FROM (\n%.*s\n) AS q WHERE q.%s = ANY ($1)", query_len(query), query, column);
    buffer_put_u8(&sql, '\0');
    result = postgres_query(t->r->db, (const char *)sql.data, keys);
    good = result ? find_columns(t, result) : fail_query(t);
    if (good)
        take_rows(t, result);
    if (result)
        pq.clear(result);
    buffer_release(&sql);
    return good;
}

static void put_key(struct buffer *keys, const struct registry_change *change)
{
    char hex[2 * DIGEST_SIZE + 1];

    buffer_put_u8(keys, keys->len ? ',' : '{');
    if (change->table != REGISTRY_SESSIONS) {
        buffer_put_number(keys, registry_key_id(&change->key));
        return;
    }
    bytes_to_hex(bytes_of(change->key.bytes, DIGEST_SIZE), hex);
    buffer_put_text(keys, hex);
}

static bool end_keys(struct table_reading *t, const char *column, struct buffer *keys)
{
    bool good;

    if (keys->len == 0)
        return true;
    buffer_put_text(keys, "}");
    buffer_put_u8(keys, '\0');
    good = query_keys(t, column, (const char *)keys->data);
    buffer_clear(keys);
    return good;
}

static bool read_changed(struct table_reading *t)
{
    const struct registry_changes *changes = t->changes;
    const char *column = registry_columns(t->table)[0].name;
    struct buffer keys = {0};
    bool good = true;
    size_t held = 0;

    for (size_t i = 0; i < changes->count && good; i++) {
        if (changes->list[i].table != t->table)
            continue;
        put_key(&keys, &changes->list[i]);
        if (++held % KEYS_AT_ONCE == 0)
            good = end_keys(t, column, &keys);
    }
    good = good && end_keys(t, column, &keys);
    buffer_release(&keys);
    return good;
}

/* What had no user before may be there already. */
static bool read_of_new_users(struct table_reading *t)
{
    struct buffer keys = {0};
    bool good = true;

    for (size_t i = 0; i < t->new_user_count && good; i++) {
        buffer_put_u8(&keys, keys.len ? ',' : '{');
        buffer_put_number(&keys, t->new_users[i]);
        if ((i + 1) % KEYS_AT_ONCE == 0)
            good = end_keys(t, "user_id", &keys);
    }
    good = good && end_keys(t, "user_id", &keys);
    buffer_release(&keys);
    return good;
}

static void take_out(struct registry *registry, const struct registry_change *change)
{
    if (change->table == REGISTRY_USERS)
        registry_remove_user(registry, registry_key_id(&change->key));
    else if (change->table == REGISTRY_SESSIONS)
        registry_remove_session(registry, &change->key);
    else
        registry_remove_tracker(registry, registry_key_id(&change->key));
}

static void take_out_missing(struct table_reading *t)
{
    bool has_orphans = false;

    for (size_t i = 0; i < t->changes->count; i++) {
        const struct registry_change *change = &t->changes->list[i];

        if (change->table != t->table || change->is_there)
            continue;
        take_out(t->rows.registry, change);
        has_orphans |= change->table == REGISTRY_USERS;
    }
    if (has_orphans)
        registry_remove_orphans(t->rows.registry);
}

struct registry *registry_read_changes(struct registry_reading *r, const struct registry *registry,
                                       const struct registry_changes *changes, struct registry *old)
{
    struct table_reading t = {
        .r = r,
        .changes = changes,
        .rows = {.registry = registry_copy(registry, old), .profiles = r->profiles, .replaces = true},
    };
    bool good = begin(r);

    for (int table = 0; table < REGISTRY_TABLES && good; table++) {
        begin_table(&t, (enum registry_table)table);
        good = read_changed(&t) && (table == REGISTRY_USERS || read_of_new_users(&t));
        take_out_missing(&t);
    }
    return ended(&t, good);
}
