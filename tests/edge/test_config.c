#include "edge/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "scratch.h"

static void start(void)
{
    scratch_open();
    clearenv();
}

TestSuite(config, .init = start, .fini = scratch_close);

static struct config *read_path(const char *path)
{
    struct mistakes mistakes = {0};
    struct config *c = config_read(path, &mistakes);

    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
    cr_assert_not_null(c);
    return c;
}

static struct config *read_config(const char *text)
{
    return read_path(scratch_write("outputd.cfg", text));
}

/* --- defaults --- */

#define NUMBER(member_, value_)                            \
    {                                                      \
#member_, offsetof(struct config, member_), value_ \
    }

static const struct {
    const char *name;
    size_t offset;
    uint32_t value;
} numbers[] = {
    NUMBER(broker.protocol, 5),
    NUMBER(broker.session_expiry_s, 30),
    NUMBER(broker.keep_alive_s, 20),
    NUMBER(broker.connect_timeout_s, 5),
    NUMBER(broker.reconnect_min_ms, 100),
    NUMBER(broker.reconnect_max_ms, 5000),
    NUMBER(broker.presence_settle_ms, 100),
    NUMBER(broker.outbox_max, 200000),
    NUMBER(broker.outbox_bytes_max, 268435456),
    NUMBER(engine.ack_timeout_ms, 10000),
    NUMBER(engine.quarantine_ms, 5000),
    NUMBER(engine.pending_max, 100000),
    NUMBER(engine.pending_bytes_max, 268435456),
    NUMBER(engine.tracker_queue_max, 16),
    NUMBER(engine.trackers_max, 2000000),
    NUMBER(engine.dedup_window_ms, 60000),
    NUMBER(engine.dedup_max, 2000000),
    NUMBER(engine.refused_max, 100000),
    NUMBER(engine.drain_ms, 5000),
    NUMBER(limits.request_bytes_max, 16384),
    NUMBER(limits.ack_bytes_max, 16384),
    NUMBER(limits.ack_partial_bytes_max, 2048),
    NUMBER(limits.user_burst, 100),
    NUMBER(http.console_page_max, 200),
    NUMBER(http.console_scan_max, 10000),
    NUMBER(http.console_events_max, 1024),
    NUMBER(http.console_listeners_max, 16),
    NUMBER(stats_interval_s, 5),
    NUMBER(journal_size_mb, 256),
    NUMBER(audit.bytes_max, 512),
    NUMBER(audit.buffer_bytes_max, 16777216),
    NUMBER(audit.refused_max_per_s, 100),
};

static void expect_defaults(const struct config *c)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        cr_expect_eq(*(const uint32_t *)((const char *)c + numbers[i].offset), numbers[i].value, "%s", numbers[i].name);
    cr_expect_str_eq(c->instance, "outputd-1");
    cr_expect_eq(c->broker.url.count, 1);
    cr_expect_str_eq(c->broker.url.items[0], "mqtt://127.0.0.1:1883");
    cr_expect_str_eq(c->broker.share_group, "");
    cr_expect_eq(c->limits.user_rate, 50.0);
    cr_expect_eq(c->limits.reply_topics.count, 0);
    cr_expect_not(c->http.console);
    cr_expect_eq(c->http.console_hosts.count, 0);
    cr_expect_str_eq(c->topic_prefix, "");
    cr_expect_str_eq(c->reply_default, "api/tracker/output/{action}/response");
    cr_expect_str_eq(c->journal_path, "/var/lib/outputd");
    cr_expect_null(c->audit_options.path);
    cr_expect_null(c->audit_options.topic);
    cr_expect_not(c->audit_options.required);
    cr_expect_eq(c->log_level, LOG_INFO);
    cr_expect_not(c->log_json);
    cr_expect_not(c->journal_sync);
    cr_expect_null(c->mqtt.username);
    cr_expect_null(c->mqtt.password);
    cr_expect_null(c->mqtt.tls.ca_file);
    cr_expect_null(c->mqtt.tls.cert_file);
    cr_expect_null(c->mqtt.tls.key_file);
    cr_expect_null(c->mqtt.tls.key_password);
    cr_expect(c->mqtt.tls.verify);
    cr_expect_not(c->state_is_shared);
    cr_expect_str_eq(c->state.url, "");
    cr_expect_str_eq(c->state.prefix, "outputd");
    cr_expect_eq(c->redis_options.connect_timeout_ms, 2000);
    cr_expect_eq(c->redis_options.reply_timeout_ms, 2000);
    cr_expect_eq(c->redis_options.calls_max, 100000);
    cr_expect_eq(c->redis_options.unsent_bytes_max, 67108864);
    cr_expect_eq(c->redis_options.reply_bytes_max, 16777216);
    cr_expect_null(c->redis_options.username);
    cr_expect_null(c->redis_options.password);
}

Test(config, an_empty_file_has_every_default)
{
    struct config *c = read_config("");

    expect_defaults(c);
    cr_expect_str_eq(c->registry_path, scratch_path("registry.cfg"));
    cr_expect_str_eq(c->profiles_path, scratch_path("profiles"));
    config_free(c);
}

Test(config, the_shipped_file_states_exactly_the_defaults)
{
    struct config *c = read_path("conf/outputd.cfg");

    expect_defaults(c);
    cr_expect_str_eq(c->registry_path, "conf/registry.cfg");
    cr_expect_str_eq(c->profiles_path, "conf/profiles");
    config_free(c);
}

/* --- keys --- */

static const struct {
    const char *section; /* "": the top */
    const char *key;
    const char *environment;
    bool is_text; /* any text will do, at first */
} known[] = {
    {"", "instance", "OUTPUTD_INSTANCE", true},
    {"broker", "url", "OUTPUTD_BROKER_URL", true},
    {"broker", "protocol", "OUTPUTD_BROKER_PROTOCOL", false},
    {"broker", "username", "OUTPUTD_BROKER_USERNAME", true},
    {"broker", "username_file", "OUTPUTD_BROKER_USERNAME_FILE", true},
    {"broker", "password", "OUTPUTD_BROKER_PASSWORD", true},
    {"broker", "password_file", "OUTPUTD_BROKER_PASSWORD_FILE", true},
    {"broker", "share_group", "OUTPUTD_BROKER_SHARE_GROUP", true},
    {"broker", "session_expiry_s", "OUTPUTD_BROKER_SESSION_EXPIRY_S", false},
    {"broker", "keep_alive_s", "OUTPUTD_BROKER_KEEP_ALIVE_S", false},
    {"broker", "connect_timeout_s", "OUTPUTD_BROKER_CONNECT_TIMEOUT_S", false},
    {"broker", "reconnect_min_ms", "OUTPUTD_BROKER_RECONNECT_MIN_MS", false},
    {"broker", "reconnect_max_ms", "OUTPUTD_BROKER_RECONNECT_MAX_MS", false},
    {"broker", "presence_settle_ms", "OUTPUTD_BROKER_PRESENCE_SETTLE_MS", false},
    {"broker", "outbox_max", "OUTPUTD_BROKER_OUTBOX_MAX", false},
    {"broker", "outbox_bytes_max", "OUTPUTD_BROKER_OUTBOX_BYTES_MAX", false},
    {"broker.tls", "ca_file", "OUTPUTD_BROKER_TLS_CA_FILE", true},
    {"broker.tls", "cert_file", "OUTPUTD_BROKER_TLS_CERT_FILE", true},
    {"broker.tls", "key_file", "OUTPUTD_BROKER_TLS_KEY_FILE", true},
    {"broker.tls", "key_password", "OUTPUTD_BROKER_TLS_KEY_PASSWORD", true},
    {"broker.tls", "key_password_file", "OUTPUTD_BROKER_TLS_KEY_PASSWORD_FILE", true},
    {"broker.tls", "verify", "OUTPUTD_BROKER_TLS_VERIFY", false},
    {"topics", "prefix", "OUTPUTD_TOPICS_PREFIX", true},
    {"topics", "reply_default", "OUTPUTD_TOPICS_REPLY_DEFAULT", true},
    {"topics", "stats_interval_s", "OUTPUTD_TOPICS_STATS_INTERVAL_S", false},
    {"registry", "source", "OUTPUTD_REGISTRY_SOURCE", true},
    {"registry", "path", "OUTPUTD_REGISTRY_PATH", true},
    {"registry", "conninfo", "OUTPUTD_REGISTRY_CONNINFO", true},
    {"registry", "conninfo_file", "OUTPUTD_REGISTRY_CONNINFO_FILE", true},
    {"registry", "users_query", "OUTPUTD_REGISTRY_USERS_QUERY", true},
    {"registry", "sessions_query", "OUTPUTD_REGISTRY_SESSIONS_QUERY", true},
    {"registry", "trackers_query", "OUTPUTD_REGISTRY_TRACKERS_QUERY", true},
    {"registry", "channel", "OUTPUTD_REGISTRY_CHANNEL", true},
    {"registry", "changes_max", "OUTPUTD_REGISTRY_CHANGES_MAX", false},
    {"registry", "timeout_s", "OUTPUTD_REGISTRY_TIMEOUT_S", false},
    {"registry", "reconnect_min_ms", "OUTPUTD_REGISTRY_RECONNECT_MIN_MS", false},
    {"registry", "reconnect_max_ms", "OUTPUTD_REGISTRY_RECONNECT_MAX_MS", false},
    {"registry", "refresh_s", "OUTPUTD_REGISTRY_REFRESH_S", false},
    {"profiles", "path", "OUTPUTD_PROFILES_PATH", true},
    {"engine", "ack_timeout_ms", "OUTPUTD_ENGINE_ACK_TIMEOUT_MS", false},
    {"engine", "quarantine_ms", "OUTPUTD_ENGINE_QUARANTINE_MS", false},
    {"engine", "pending_max", "OUTPUTD_ENGINE_PENDING_MAX", false},
    {"engine", "pending_bytes_max", "OUTPUTD_ENGINE_PENDING_BYTES_MAX", false},
    {"engine", "tracker_queue_max", "OUTPUTD_ENGINE_TRACKER_QUEUE_MAX", false},
    {"engine", "trackers_max", "OUTPUTD_ENGINE_TRACKERS_MAX", false},
    {"engine", "dedup_window_ms", "OUTPUTD_ENGINE_DEDUP_WINDOW_MS", false},
    {"engine", "dedup_max", "OUTPUTD_ENGINE_DEDUP_MAX", false},
    {"engine", "refused_max", "OUTPUTD_ENGINE_REFUSED_MAX", false},
    {"engine", "drain_ms", "OUTPUTD_ENGINE_DRAIN_MS", false},
    {"limits", "request_bytes_max", "OUTPUTD_LIMITS_REQUEST_BYTES_MAX", false},
    {"limits", "ack_bytes_max", "OUTPUTD_LIMITS_ACK_BYTES_MAX", false},
    {"limits", "ack_partial_bytes_max", "OUTPUTD_LIMITS_ACK_PARTIAL_BYTES_MAX", false},
    {"limits", "user_rate", "OUTPUTD_LIMITS_USER_RATE", false},
    {"limits", "user_burst", "OUTPUTD_LIMITS_USER_BURST", false},
    {"limits", "reply_topics", "OUTPUTD_LIMITS_REPLY_TOPICS", true},
    {"journal", "path", "OUTPUTD_JOURNAL_PATH", true},
    {"journal", "size_mb", "OUTPUTD_JOURNAL_SIZE_MB", false},
    {"journal", "sync", "OUTPUTD_JOURNAL_SYNC", true},
    {"audit", "path", "OUTPUTD_AUDIT_PATH", true},
    {"audit", "topic", "OUTPUTD_AUDIT_TOPIC", true},
    {"audit", "required", "OUTPUTD_AUDIT_REQUIRED", false},
    {"audit", "bytes_max", "OUTPUTD_AUDIT_BYTES_MAX", false},
    {"audit", "buffer_bytes_max", "OUTPUTD_AUDIT_BUFFER_BYTES_MAX", false},
    {"audit", "refused_max_per_s", "OUTPUTD_AUDIT_REFUSED_MAX_PER_S", false},
    {"http", "listen", "OUTPUTD_HTTP_LISTEN", true},
    {"http", "api", "OUTPUTD_HTTP_API", false},
    {"http", "connections_max", "OUTPUTD_HTTP_CONNECTIONS_MAX", false},
    {"http", "asks_max", "OUTPUTD_HTTP_ASKS_MAX", false},
    {"http", "head_bytes_max", "OUTPUTD_HTTP_HEAD_BYTES_MAX", false},
    {"http", "timeout_ms", "OUTPUTD_HTTP_TIMEOUT_MS", false},
    {"http", "answer_ms", "OUTPUTD_HTTP_ANSWER_MS", false},
    {"http", "reply_ms", "OUTPUTD_HTTP_REPLY_MS", false},
    {"http", "console", "OUTPUTD_HTTP_CONSOLE", false},
    {"http", "console_hosts", "OUTPUTD_HTTP_CONSOLE_HOSTS", true},
    {"http", "console_page_max", "OUTPUTD_HTTP_CONSOLE_PAGE_MAX", false},
    {"http", "console_scan_max", "OUTPUTD_HTTP_CONSOLE_SCAN_MAX", false},
    {"http", "console_events_max", "OUTPUTD_HTTP_CONSOLE_EVENTS_MAX", false},
    {"http", "console_listeners_max", "OUTPUTD_HTTP_CONSOLE_LISTENERS_MAX", false},
    {"state", "source", "OUTPUTD_STATE_SOURCE", true},
    {"state", "url", "OUTPUTD_STATE_URL", true},
    {"state", "username", "OUTPUTD_STATE_USERNAME", true},
    {"state", "username_file", "OUTPUTD_STATE_USERNAME_FILE", true},
    {"state", "password", "OUTPUTD_STATE_PASSWORD", true},
    {"state", "password_file", "OUTPUTD_STATE_PASSWORD_FILE", true},
    {"state", "prefix", "OUTPUTD_STATE_PREFIX", true},
    {"state", "timeout_ms", "OUTPUTD_STATE_TIMEOUT_MS", false},
    {"state", "calls_max", "OUTPUTD_STATE_CALLS_MAX", false},
    {"state", "unsent_bytes_max", "OUTPUTD_STATE_UNSENT_BYTES_MAX", false},
    {"state", "reply_bytes_max", "OUTPUTD_STATE_REPLY_BYTES_MAX", false},
    {"log", "level", "OUTPUTD_LOG_LEVEL", true},
    {"log", "format", "OUTPUTD_LOG_FORMAT", true},
};

/* A group where a value belongs. */
static void put_misfit(char *text, size_t size, const char *section, const char *key)
{
    const char *dot = strchr(section, '.');

    if (dot)
        snprintf(text, size, "%.*s: { %s: {\n%s = { }; }; };", (int)(dot - section), section, dot + 1, key);
    else if (*section)
        snprintf(text, size, "%s: {\n%s = { }; };", section, key);
    else
        snprintf(text, size, "\n%s = { };", key);
}

Test(config, every_key_has_its_place_and_type)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mistakes mistakes = {0};
        char text[128];
        char expected[128];

        put_misfit(text, sizeof text, known[i].section, known[i].key);
        snprintf(expected, sizeof expected, "FOLDER/outputd.cfg:2: %s must be a", known[i].key);
        config_free(config_read(scratch_write("outputd.cfg", text), &mistakes));
        if (known[i].is_text)
            cr_expect_eq(strncmp(scratch_mistakes(&mistakes), expected, strlen(expected)), 0, "%s\n%s", text,
                         scratch_mistakes(&mistakes));
        else
            cr_expect_not_null(strstr(scratch_mistakes(&mistakes), ":2: "), "%s", text);
        cr_expect_eq(mistakes.count, 1, "%s\n%s", text, scratch_mistakes(&mistakes));
        cr_expect_null(strstr(scratch_mistakes(&mistakes), "unknown"), "%s", text);
        mistakes_release(&mistakes);
    }
}

Test(config, the_environment_has_the_last_word_on_every_key)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mistakes mistakes = {0};
        char expected[128];

        if (known[i].is_text)
            continue;
        snprintf(expected, sizeof expected, "environment: %s must be", known[i].environment);
        setenv(known[i].environment, "nonsense", 1);
        config_free(config_read(scratch_write("outputd.cfg", ""), &mistakes));
        cr_expect_eq(strncmp(scratch_mistakes(&mistakes), expected, strlen(expected)), 0, "%s",
                     scratch_mistakes(&mistakes));
        unsetenv(known[i].environment);
        mistakes_release(&mistakes);
    }
}

Test(config, every_key_stands_in_the_shipped_file)
{
    FILE *in = fopen("conf/outputd.cfg", "r");
    static char text[32768];

    cr_assert_not_null(in);
    cr_assert_lt(fread(text, 1, sizeof text - 1, in), sizeof text - 1);
    fclose(in);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char key[64];

        snprintf(key, sizeof key, "%s = ", known[i].key);
        if (strcmp(known[i].key, "username_file") == 0 || strcmp(known[i].key, "key_password") == 0 ||
            strcmp(known[i].key, "key_password_file") == 0 || strcmp(known[i].key, "password") == 0)
            snprintf(key, sizeof key, "%s", known[i].key);
        cr_expect_not_null(strstr(text, key), "%s", key);
    }
}
