#include "edge/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "core/topic.h"
#include "edge/http_server.h"

/* --- keys --- */

static const char default_listen[] = "127.0.0.1:9108";

/* What stands in the file before it is looked at more closely. */
struct raw {
    const char *instance;
    const struct conf_node *sections[11]; /* in the order of the section table below */
    const char *profiles_path;
    const char *journal_path;
    uint32_t journal_size_mb;
    const char *journal_sync;
    const char *log_level;
    const char *log_format;
};

#define KEY(type_, struct_, name_, ...)                                    \
    {                                                                      \
#name_, type_, offsetof(struct struct_, name_), false, __VA_ARGS__ \
    }
#define TEXT(struct_, name_) KEY(CONF_TEXT, struct_, name_, 0, 0)

enum { DAY_MS = 86400000, YEAR_S = 31536000, MILLION = 1000000 };

#define SECTION(name_, index_)                                                                     \
    {                                                                                              \
        name_, CONF_GROUP, offsetof(struct raw, sections) + (index_) * sizeof(void *), false, 0, 0 \
    }

static const struct conf_key top_keys[] = {
    {"instance", CONF_TEXT, offsetof(struct raw, instance), false, 0, 0},
    SECTION("broker", 0),
    SECTION("topics", 1),
    SECTION("registry", 2),
    SECTION("profiles", 3),
    SECTION("engine", 4),
    SECTION("limits", 5),
    SECTION("journal", 6),
    SECTION("audit", 7),
    SECTION("http", 8),
    SECTION("state", 9),
    SECTION("log", 10),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key broker_keys[] = {
    KEY(CONF_TEXTS, config_broker, url, 0, 0),
    KEY(CONF_UINT, config_broker, protocol, 4, 5),
    TEXT(config_broker, username),
    TEXT(config_broker, username_file),
    TEXT(config_broker, password),
    TEXT(config_broker, password_file),
    TEXT(config_broker, share_group),
    KEY(CONF_UINT, config_broker, session_expiry_s, 0, YEAR_S),
    KEY(CONF_UINT, config_broker, keep_alive_s, 5, 3600),
    KEY(CONF_UINT, config_broker, connect_timeout_s, 1, 60),
    KEY(CONF_UINT, config_broker, reconnect_min_ms, 10, 60000),
    KEY(CONF_UINT, config_broker, reconnect_max_ms, 10, 600000),
    KEY(CONF_UINT, config_broker, presence_settle_ms, 0, 60000),
    KEY(CONF_UINT, config_broker, outbox_max, 1000, 10 * MILLION),
    KEY(CONF_UINT, config_broker, outbox_bytes_max, MILLION, INT32_MAX),
    KEY(CONF_GROUP, config_broker, tls, 0, 0),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key tls_keys[] = {
    TEXT(config_tls, ca_file),         TEXT(config_tls, cert_file),         TEXT(config_tls, key_file),
    TEXT(config_tls, key_password),    TEXT(config_tls, key_password_file), KEY(CONF_BOOL, config_tls, verify, 0, 0),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key topics_keys[] = {
    {"prefix", CONF_TEXT, offsetof(struct config, topic_prefix), false, 0, 0},
    {"reply_default", CONF_TEXT, offsetof(struct config, reply_default), false, 0, 0},
    {"stats_interval_s", CONF_UINT, offsetof(struct config, stats_interval_s), false, 0, 3600},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key registry_keys[] = {
    TEXT(config_registry, source),
    TEXT(config_registry, path),
    TEXT(config_registry, conninfo),
    TEXT(config_registry, conninfo_file),
    TEXT(config_registry, users_query),
    TEXT(config_registry, sessions_query),
    TEXT(config_registry, trackers_query),
    TEXT(config_registry, channel),
    KEY(CONF_UINT, config_registry, timeout_s, 1, 3600),
    KEY(CONF_UINT, config_registry, reconnect_min_ms, 10, 60000),
    KEY(CONF_UINT, config_registry, reconnect_max_ms, 10, 600000),
    KEY(CONF_UINT, config_registry, changes_max, 1, MILLION),
    KEY(CONF_UINT, config_registry, refresh_s, 0, YEAR_S),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key profiles_keys[] = {
    {"path", CONF_TEXT, offsetof(struct raw, profiles_path), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key engine_keys[] = {
    KEY(CONF_UINT, config_engine, ack_timeout_ms, 1, DAY_MS),
    KEY(CONF_UINT, config_engine, quarantine_ms, 0, DAY_MS),
    KEY(CONF_UINT, config_engine, pending_max, 1, 10 * MILLION),
    KEY(CONF_UINT, config_engine, pending_bytes_max, 65536, INT32_MAX),
    KEY(CONF_UINT, config_engine, tracker_queue_max, 0, 1000),
    KEY(CONF_UINT, config_engine, trackers_max, 1, 100 * MILLION),
    KEY(CONF_UINT, config_engine, dedup_window_ms, 0, DAY_MS),
    KEY(CONF_UINT, config_engine, dedup_max, 1, 100 * MILLION),
    KEY(CONF_UINT, config_engine, refused_max, 0, 100 * MILLION),
    KEY(CONF_UINT, config_engine, drain_ms, 0, 3600000),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key limits_keys[] = {
    KEY(CONF_UINT, config_limits, request_bytes_max, 64, 16 * MILLION),
    KEY(CONF_UINT, config_limits, ack_bytes_max, 64, 16 * MILLION),
    KEY(CONF_UINT, config_limits, ack_partial_bytes_max, 64, 65536),
    KEY(CONF_NUMBER, config_limits, user_rate, 0, MILLION),
    KEY(CONF_UINT, config_limits, user_burst, 1, MILLION),
    KEY(CONF_TEXTS, config_limits, reply_topics, 0, 0),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key journal_keys[] = {
    {"path", CONF_TEXT, offsetof(struct raw, journal_path), false, 0, 0},
    {"size_mb", CONF_UINT, offsetof(struct raw, journal_size_mb), false, 8, 16384},
    {"sync", CONF_TEXT, offsetof(struct raw, journal_sync), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key audit_keys[] = {
    TEXT(config_audit, path),
    TEXT(config_audit, topic),
    KEY(CONF_BOOL, config_audit, required, 0, 0),
    KEY(CONF_UINT, config_audit, bytes_max, 16, 16384),
    KEY(CONF_UINT, config_audit, buffer_bytes_max, 65536, INT32_MAX),
    KEY(CONF_UINT, config_audit, refused_max_per_s, 0, MILLION),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key http_keys[] = {
    TEXT(config_http, listen),
    KEY(CONF_BOOL, config_http, api, 0, 0),
    KEY(CONF_UINT, config_http, connections_max, 1, 10000),
    KEY(CONF_UINT, config_http, asks_max, 1, 10000),
    KEY(CONF_UINT, config_http, head_bytes_max, 2048, MILLION),
    KEY(CONF_UINT, config_http, timeout_ms, 100, 600000),
    KEY(CONF_UINT, config_http, answer_ms, 100, 600000),
    KEY(CONF_UINT, config_http, reply_ms, 100, DAY_MS),
    KEY(CONF_BOOL, config_http, console, 0, 0),
    KEY(CONF_TEXTS, config_http, console_hosts, 0, 0),
    KEY(CONF_UINT, config_http, console_page_max, 1, 1000),
    KEY(CONF_UINT, config_http, console_scan_max, 1, MILLION),
    KEY(CONF_UINT, config_http, console_events_max, 16, MILLION),
    KEY(CONF_UINT, config_http, console_listeners_max, 1, 1000),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key state_keys[] = {
    TEXT(config_state, source),
    TEXT(config_state, url),
    TEXT(config_state, username),
    TEXT(config_state, username_file),
    TEXT(config_state, password),
    TEXT(config_state, password_file),
    TEXT(config_state, prefix),
    KEY(CONF_UINT, config_state, lease_ms, 1000, 600000),
    KEY(CONF_UINT, config_state, timeout_ms, 100, 60000),
    KEY(CONF_UINT, config_state, calls_max, 100, MILLION),
    KEY(CONF_UINT, config_state, unsent_bytes_max, MILLION, INT32_MAX),
    KEY(CONF_UINT, config_state, reply_bytes_max, 65536, INT32_MAX),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key log_keys[] = {
    {"level", CONF_TEXT, offsetof(struct raw, log_level), false, 0, 0},
    {"format", CONF_TEXT, offsetof(struct raw, log_format), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

/* --- reading --- */

struct reading {
    struct config *c;
    struct raw raw;
    struct mistakes *mistakes;
    const char *path;
};

/* OUTPUTD_BROKER_TLS_CA_FILE for ca_file of the section broker.tls. */
static void environment_name(char *out, size_t size, const char *section, const char *key)
{
    snprintf(out, size, "OUTPUTD_%s%s%s", section, *section ? "_" : "", key);
    for (; *out; out++)
        *out = *out == '.' ? '_' : (char)toupper((unsigned char)*out);
}

static void override(struct reading *r, const char *section, const struct conf_key *key, void *out)
{
    char name[96];
    const char *text;
    const char *error;

    if (key->type == CONF_GROUP || key->type == CONF_LIST)
        return;
    environment_name(name, sizeof name, section, key->name);
    text = getenv(name);
    error = text ? conf_read_value(text, key, (char *)out + key->offset) : NULL;
    if (error)
        mistakes_add(r->mistakes, "environment", 0, "%s %s", name, error);
}

static void read_section(struct reading *r, const char *name, const struct conf_node *node, const struct conf_key *keys,
                         void *out)
{
    conf_read(r->c->file, node, keys, out);
    for (; keys->name; keys++)
        override(r, name, keys, out);
}

static void read_sections(struct reading *r)
{
    struct config *c = r->c;
    struct raw *raw = &r->raw;
    const struct {
        const char *name;
        const struct conf_key *keys;
        void *out;
    } sections[] = {
        {"broker", broker_keys, &c->broker},
        {"topics", topics_keys, c},
        {"registry", registry_keys, &c->registry},
        {"profiles", profiles_keys, raw},
        {"engine", engine_keys, &c->engine},
        {"limits", limits_keys, &c->limits},
        {"journal", journal_keys, raw},
        {"audit", audit_keys, &c->audit},
        {"http", http_keys, &c->http},
        {"state", state_keys, &c->state},
        {"log", log_keys, raw},
    };

    read_section(r, "", conf_root(c->file), top_keys, raw);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        read_section(r, sections[i].name, raw->sections[i], sections[i].keys, sections[i].out);
    read_section(r, "broker.tls", c->broker.tls, tls_keys, &c->tls);
}

/* --- checking --- */

/* At the setting's line, or of the file where the setting comes from elsewhere. */
static void mistake(struct reading *r, const char *key, const char *what)
{
    const struct conf_node *node = conf_find(r->c->file, key);

    if (node)
        conf_mistake(r->c->file, node, "%s %s", key, what);
    else
        mistakes_add(r->mistakes, r->path, 0, "%s %s", key, what);
}

static bool has_scheme(const char *url)
{
    static const char *const schemes[] = {"mqtt://", "mqtts://", "ws://", "wss://"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0 && url[strlen(schemes[i])])
            return true;
    }
    return false;
}

static void check_broker(struct reading *r)
{
    struct config_broker *broker = &r->c->broker;
    const char *group = broker->share_group;

    if (broker->url.count == 0)
        mistake(r, "broker.url", "names no broker");
    for (size_t i = 0; i < broker->url.count; i++) {
        if (!has_scheme(broker->url.items[i]))
            mistake(r, "broker.url", "must start with mqtt://, mqtts://, ws:// or wss://");
    }
    if (strpbrk(group, "/+#"))
        mistake(r, "broker.share_group", "must not hold /, + or #");
    if (broker->reconnect_max_ms < broker->reconnect_min_ms)
        mistake(r, "broker.reconnect_max_ms", "is below broker.reconnect_min_ms");
    if (r->c->tls.key_file && !r->c->tls.cert_file)
        mistake(r, "broker.tls.key_file", "is given without cert_file");
}

/* True for a topic, without the prefix, on which others are spoken to or listened to: the engine would refuse every
 * reply that goes there. What profiles add to these is not known here. */
static bool is_spoken_for(struct bytes topic)
{
    static const char *const filters[] = {"tracker/+/output/+", "tracker/+/status", "outputd/+/fence",
                                          "outputd/+/stats", "outputd/+/reply"};

    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (topic_matches(bytes_of_text(filters[i]), topic))
            return true;
    }
    return false;
}

static bool is_given(const char *text)
{
    return text && *text;
}

static void check_audit(struct reading *r)
{
    const struct config_audit *audit = &r->c->audit;
    struct bytes topic = bytes_of_text(audit->topic);

    if (audit->required && !is_given(audit->path))
        mistake(r, "audit.required", "needs audit.path");
    if (!is_given(audit->topic))
        return;
    if (!topic_is_publishable(bytes_of_text(r->c->audit_topic)))
        mistake(r, "audit.topic", "must make a topic with topics.prefix");
    else if (is_spoken_for(topic) || topic_matches(bytes_of_text("api/tracker/output/+"), topic))
        mistake(r, "audit.topic", "must not be a topic of requests, of trackers or of the service itself");
}

/* A topic that the service publishes to, with {action} as if it were an action. */
static void check_reply_default(struct reading *r)
{
    struct buffer topic = {0};
    const char *mark = strstr(r->c->reply_default, "{action}");

    buffer_put_text(&topic, r->c->topic_prefix);
    buffer_put(&topic, bytes_of(r->c->reply_default,
                                mark ? (size_t)(mark - r->c->reply_default) : strlen(r->c->reply_default)));
    buffer_put_text(&topic, mark ? "set" : "");
    buffer_put_text(&topic, mark ? mark + strlen("{action}") : "");
    if (!topic_is_publishable(buffer_bytes(&topic)) || !topic.data || memchr(topic.data, '{', topic.len))
        mistake(r, "topics.reply_default", "must make a topic with topics.prefix; {action} is the only placeholder");
    else if (topic_matches(bytes_of_text("api/tracker/output/+"),
                           bytes_of(topic.data + strlen(r->c->topic_prefix), topic.len - strlen(r->c->topic_prefix))))
        mistake(r, "topics.reply_default", "must not be a topic of requests");
    else if (is_spoken_for(bytes_of(topic.data + strlen(r->c->topic_prefix), topic.len - strlen(r->c->topic_prefix))) ||
             (r->c->audit_topic && bytes_equal_text(buffer_bytes(&topic), r->c->audit_topic)))
        mistake(r, "topics.reply_default", "must not be a topic of trackers or of the service itself");
    buffer_release(&topic);
}

static void check_texts(struct reading *r)
{
    const struct conf_texts *filters = &r->c->limits.reply_topics;

    if (!topic_is_publishable(bytes_of_text(r->c->instance)) || strchr(r->c->instance, '/'))
        mistake(r, "instance", "must be one level of a topic");
    if (strpbrk(r->c->topic_prefix, "{}"))
        mistake(r, "topics.prefix", "must not hold { or }"); /* it stands before topics with placeholders */
    for (size_t i = 0; i < filters->count; i++) {
        if (!topic_filter_is_valid(bytes_of_text(filters->items[i])))
            mistake(r, "limits.reply_topics", "holds what is no topic filter");
    }
    if (!log_level_from_name(r->raw.log_level, &r->c->log_level))
        mistake(r, "log.level", "must be error, warning, info or debug");
    r->c->log_json = strcmp(r->raw.log_format, "json") == 0;
    if (!r->c->log_json && strcmp(r->raw.log_format, "text") != 0)
        mistake(r, "log.format", "must be text or json");
    r->c->journal_sync = strcmp(r->raw.journal_sync, "batch") == 0;
    if (!r->c->journal_sync && strcmp(r->raw.journal_sync, "none") != 0)
        mistake(r, "journal.sync", "must be none or batch");
}

static void check_redis(struct reading *r)
{
    const struct config_state *state = &r->c->state;
    const char *why = is_given(state->url) ? redis_url_mistake(state->url) : NULL;

    if (!is_given(state->url))
        mistake(r, "state.source", "needs state.url");
    if (why)
        mistake(r, "state.url", why);
    if (!is_given(r->c->broker.share_group))
        mistake(r, "state.source", "needs broker.share_group, by which instances share the requests");
    if (is_given(state->username) && !is_given(state->password))
        mistake(r, "state.username", "is given without a password");
    if (!is_given(state->prefix))
        mistake(r, "state.prefix", "must not be empty");
}

static void check_state(struct reading *r)
{
    const char *source = r->c->state.source;

    r->c->state_is_shared = strcmp(source, "redis") == 0;
    if (r->c->state_is_shared)
        check_redis(r);
    else if (strcmp(source, "memory") != 0)
        mistake(r, "state.source", "must be memory or redis");
}

/* The channel goes into a statement as it stands. */
static bool is_channel(const char *name)
{
    enum { CHANNEL_MAX = 63 };
    size_t len = strlen(name);

    return len > 0 && len <= CHANNEL_MAX &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static void check_registry(struct reading *r)
{
    const struct config_registry *registry = &r->c->registry;

    r->c->registry_is_postgres = strcmp(registry->source, "postgres") == 0;
    if (!r->c->registry_is_postgres && strcmp(registry->source, "file") != 0)
        mistake(r, "registry.source", "must be file or postgres");
    if (!is_channel(registry->channel))
        mistake(r, "registry.channel", "must be a name of letters, digits and _");
    if (registry->reconnect_max_ms < registry->reconnect_min_ms)
        mistake(r, "registry.reconnect_max_ms", "is below registry.reconnect_min_ms");
}

static void check_http(struct reading *r)
{
    struct config_http *http = &r->c->http;
    struct sockaddr_storage address;

    http->listen_is_default = http->listen == default_listen;
    if (*http->listen && !http_listen_parse(http->listen, &address))
        mistake(r, "http.listen", "must be ADDRESS:PORT, with an IPv4 address, or an IPv6 one in brackets");
    if (http->console_listeners_max >= http->connections_max && http->console)
        mistake(r, "http.console_listeners_max", "must be below http.connections_max");
}

/* --- secrets from files --- */

/* The first line of the file in place of the text. */
static void read_secret(struct reading *r, const char *file, const char **text, struct buffer *keep)
{
    char *path;
    FILE *in;

    if (!file || !*file)
        return;
    path = conf_resolve(r->path, file);
    in = fopen(path, "re");
    if (!in) {
        mistakes_add(r->mistakes, path, 0, "cannot be read: %m");
    } else {
        keep->len = fread(buffer_room(keep, 4096), 1, 4096, in);
        buffer_put_u8(keep, '\0');
        keep->data[strcspn((char *)keep->data, "\r\n")] = '\0';
        *text = (const char *)keep->data;
        fclose(in);
    }
    free(path);
}

/* A text in the environment goes before a file that the configuration names. */
static void read_secrets(struct reading *r)
{
    struct config *c = r->c;
    const struct {
        const char *variable;
        const char *file;
        const char **text;
    } secrets[] = {
        {"OUTPUTD_BROKER_USERNAME", c->broker.username_file, &c->broker.username},
        {"OUTPUTD_BROKER_PASSWORD", c->broker.password_file, &c->broker.password},
        {"OUTPUTD_BROKER_TLS_KEY_PASSWORD", c->tls.key_password_file, &c->tls.key_password},
        {"OUTPUTD_STATE_USERNAME", c->state.username_file, &c->state.username},
        {"OUTPUTD_STATE_PASSWORD", c->state.password_file, &c->state.password},
        {"OUTPUTD_REGISTRY_CONNINFO", c->registry.conninfo_file, &c->registry.conninfo},
    };

    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (!getenv(secrets[i].variable))
            read_secret(r, secrets[i].file, secrets[i].text, &c->secrets[i]);
    }
}

/* Certificates are named relative to the configuration, and paho wants paths. */
static void resolve_tls(struct reading *r)
{
    const char **const files[] = {&r->c->tls.ca_file, &r->c->tls.cert_file, &r->c->tls.key_file};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!*files[i] || !**files[i]) {
            *files[i] = NULL;
            continue;
        }
        *files[i] = r->c->tls_paths[i] = conf_resolve(r->path, *files[i]);
        if (access(*files[i], R_OK) != 0)
            mistakes_add(r->mistakes, *files[i], 0, "cannot be read: %m");
    }
}

/* --- what the other modules take --- */

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static void make_mqtt_options(struct config *c)
{
    c->mqtt = (struct mqtt_options){
        .urls = c->broker.url.items,
        .url_count = c->broker.url.count,
        .client_id = c->instance,
        .username = given(c->broker.username),
        .password = given(c->broker.password),
        .protocol = (int)c->broker.protocol,
        .session_expiry_s = c->broker.session_expiry_s,
        .keep_alive_s = (int)c->broker.keep_alive_s,
        .connect_timeout_s = (int)c->broker.connect_timeout_s,
        .tls = {c->tls.ca_file, c->tls.cert_file, c->tls.key_file, given(c->tls.key_password), c->tls.verify},
    };
}

static void make_registry_options(struct config *c)
{
    c->registry_options = (struct registry_postgres_options){
        .conninfo = c->registry.conninfo,
        .queries = {[REGISTRY_USERS] = c->registry.users_query,
                    [REGISTRY_SESSIONS] = c->registry.sessions_query,
                    [REGISTRY_TRACKERS] = c->registry.trackers_query},
        .channel = c->registry.channel,
        .timeout_s = c->registry.timeout_s,
        .reconnect_min_ms = c->registry.reconnect_min_ms,
        .reconnect_max_ms = c->registry.reconnect_max_ms,
        .changes_max = c->registry.changes_max,
        .refresh_s = c->registry.refresh_s,
        .topic_prefix = c->topic_prefix,
    };
}

static void make_audit_options(struct config *c)
{
    struct buffer head = {0};

    buffer_printf(&head, "%s/audit.head", c->journal_path);
    buffer_put_u8(&head, '\0');
    c->audit_head_path = (char *)head.data;
    c->audit_options = (struct audit_options){
        .path = c->audit_path,
        .topic = c->audit_topic,
        .head_path = c->audit_head_path,
        .instance = c->instance,
        .required = c->audit.required,
        .bytes_max = c->audit.bytes_max,
        .buffer_bytes_max = c->audit.buffer_bytes_max,
        .refused_max_per_s = c->audit.refused_max_per_s,
    };
}

static void make_redis_options(struct config *c)
{
    c->redis_options = (struct redis_options){
        .url = c->state.url,
        .username = given(c->state.username),
        .password = given(c->state.password),
        .connect_timeout_ms = c->state.timeout_ms,
        .reply_timeout_ms = c->state.timeout_ms,
        .calls_max = c->state.calls_max,
        .unsent_bytes_max = c->state.unsent_bytes_max,
        .reply_bytes_max = c->state.reply_bytes_max,
    };
}

static char *topic_of(const struct config *c, const char *instance, const char *leaf)
{
    struct buffer topic = {0};

    buffer_printf(&topic, "%soutputd/%s/%s", c->topic_prefix, instance, leaf);
    buffer_put_u8(&topic, '\0');
    return (char *)topic.data;
}

/* What stands behind outputd/{instance}/. */
static const char *const own_leaves[CONFIG_OWN_FILTERS] = {"fence", "stats", "reply"};

static char *own_topic(const struct config *c, const char *leaf)
{
    return topic_of(c, c->instance, leaf);
}

static void make_engine_config(struct config *c)
{
    c->fence_topic = own_topic(c, "fence");
    c->stats_topic = own_topic(c, "stats");
    c->reply_topic = own_topic(c, "reply");
    for (int i = 0; i < CONFIG_OWN_FILTERS; i++)
        c->own_topics[i] = c->own_filters[i] = topic_of(c, "+", own_leaves[i]);
    c->own_topics[CONFIG_OWN_FILTERS] = c->audit_topic;
    c->engine_config = (struct engine_config){
        .store = {.pending_max = c->engine.pending_max,
                  .tracker_queue_max = c->engine.tracker_queue_max,
                  .pending_bytes_max = c->engine.pending_bytes_max,
                  .dedup_max = c->engine.dedup_max,
                  .refused_max = c->engine.refused_max,
                  .dedup_window_ms = c->engine.dedup_window_ms},
        .ack_timeout_ms = c->engine.ack_timeout_ms,
        .quarantine_ms = c->engine.quarantine_ms,
        .drain_ms = c->engine.drain_ms,
        .trackers_max = c->engine.trackers_max,
        .request_bytes_max = c->limits.request_bytes_max,
        .ack_bytes_max = c->limits.ack_bytes_max,
        .ack_partial_bytes_max = c->limits.ack_partial_bytes_max,
        .user_rate = c->limits.user_rate,
        .user_burst = c->limits.user_burst,
        .prefix = c->topic_prefix,
        .reply_default = c->reply_default,
        .reply_topics = c->limits.reply_topics.items,
        .reply_topic_count = c->limits.reply_topics.count,
        .own_topics = c->own_topics,
        .own_topic_count = CONFIG_OWN_FILTERS + (c->audit_topic != NULL),
        .reply_local = c->reply_topic,
    };
}

/* --- reading it all --- */

static void set_state_defaults(struct config_state *state)
{
    *state = (struct config_state){
        .source = "memory",
        .url = "",
        .prefix = "outputd",
        .lease_ms = 5000,
        .timeout_ms = 2000,
        .calls_max = 100000,
        .unsent_bytes_max = 64 * 1024 * 1024,
        .reply_bytes_max = 16 * 1024 * 1024,
    };
}

static void set_registry_defaults(struct config *c)
{
    c->registry = (struct config_registry){
        .source = "file",
        .path = "registry.cfg",
        .conninfo = "",
        .users_query = "SELECT id, blocked FROM users",
        .sessions_query = "SELECT hash_sha256, user_id, master, rights, trackers, expires_at FROM sessions",
        .trackers_query = "SELECT id, user_id, model, device_id, outputs, blocked, clone, reserved_outputs, vars "
                          "FROM trackers",
        .channel = "outputd_registry",
        .timeout_s = 30,
        .reconnect_min_ms = 100,
        .reconnect_max_ms = 5000,
        .changes_max = 10000,
    };
}

static void set_defaults(struct reading *r)
{
    struct config *c = r->c;

    c->instance = "outputd-1";
    c->broker = (struct config_broker){
        .protocol = 5,
        .share_group = "",
        .session_expiry_s = 30,
        .keep_alive_s = 20,
        .connect_timeout_s = 5,
        .reconnect_min_ms = 100,
        .reconnect_max_ms = 5000,
        .presence_settle_ms = 100,
        .outbox_max = 200000,
        .outbox_bytes_max = 256 * 1024 * 1024,
    };
    conf_read_value("mqtt://127.0.0.1:1883", &broker_keys[0], &c->broker);
    c->tls.verify = true;
    set_registry_defaults(c);
    c->engine = (struct config_engine){
        .ack_timeout_ms = 10000,
        .quarantine_ms = 5000,
        .pending_max = 100000,
        .pending_bytes_max = 256 * 1024 * 1024,
        .tracker_queue_max = 16,
        .trackers_max = 2 * MILLION,
        .dedup_window_ms = 60000,
        .dedup_max = 2 * MILLION,
        .refused_max = 100000,
        .drain_ms = 5000,
    };
    c->limits = (struct config_limits){.request_bytes_max = 16384,
                                       .ack_bytes_max = 16384,
                                       .ack_partial_bytes_max = 2048,
                                       .user_rate = 50.0,
                                       .user_burst = 100};
    c->http = (struct config_http){
        .listen = default_listen,
        .connections_max = 512,
        .asks_max = 256,
        .head_bytes_max = 16384,
        .timeout_ms = 10000,
        .answer_ms = 10000,
        .reply_ms = 60000,
        .console_page_max = 200,
        .console_scan_max = 10000,
        .console_events_max = 1024,
        .console_listeners_max = 16,
    };
    c->audit = (struct config_audit){.bytes_max = 512, .buffer_bytes_max = 16 * 1024 * 1024, .refused_max_per_s = 100};
    set_state_defaults(&c->state);
    c->topic_prefix = "";
    c->reply_default = "api/tracker/output/{action}/response";
    c->stats_interval_s = 5;
    r->raw = (struct raw){
        .instance = "outputd-1",
        .profiles_path = "profiles",
        .journal_path = "/var/lib/outputd",
        .journal_size_mb = 256,
        .journal_sync = "none",
        .log_level = "info",
        .log_format = "text",
    };
}

static char *audit_topic_of(const struct config *c)
{
    struct buffer topic = {0};

    buffer_put_text(&topic, c->topic_prefix);
    buffer_put_text(&topic, c->audit.topic);
    buffer_put_u8(&topic, '\0');
    return (char *)topic.data;
}

static void check_all(struct reading *r)
{
    struct config *c = r->c;

    c->instance = r->raw.instance;
    c->registry_path = conf_resolve(r->path, c->registry.path);
    c->profiles_path = conf_resolve(r->path, r->raw.profiles_path);
    c->journal_path = conf_resolve(r->path, r->raw.journal_path);
    c->journal_size_mb = r->raw.journal_size_mb;
    c->audit_path = is_given(c->audit.path) ? conf_resolve(r->path, c->audit.path) : NULL;
    c->audit_topic = is_given(c->audit.topic) ? audit_topic_of(c) : NULL;
    check_broker(r);
    check_texts(r);
    check_registry(r);
    check_http(r);
    check_audit(r);
    check_reply_default(r);
    read_secrets(r);
    check_state(r);
    resolve_tls(r);
}

struct config *config_read(const char *path, struct mistakes *mistakes)
{
    struct reading r = {.c = calloc(1, sizeof *r.c), .mistakes = mistakes, .path = path};

    CHECK(r.c);
    set_defaults(&r);
    r.c->file = conf_open(path, mistakes);
    if (!r.c->file) {
        config_free(r.c);
        return NULL;
    }
    read_sections(&r);
    check_all(&r);
    make_mqtt_options(r.c);
    make_engine_config(r.c);
    make_audit_options(r.c);
    make_redis_options(r.c);
    make_registry_options(r.c);
    return r.c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < sizeof c->secrets / sizeof *c->secrets; i++)
        buffer_release(&c->secrets[i]);
    for (size_t i = 0; i < sizeof c->tls_paths / sizeof *c->tls_paths; i++)
        free(c->tls_paths[i]);
    free(c->broker.url.items);
    free(c->limits.reply_topics.items);
    free(c->http.console_hosts.items);
    free(c->registry_path);
    free(c->profiles_path);
    free(c->journal_path);
    free(c->fence_topic);
    free(c->reply_topic);
    for (int i = 0; i < CONFIG_OWN_FILTERS; i++)
        free(c->own_filters[i]);
    free(c->stats_topic);
    free(c->audit_topic);
    free(c->audit_path);
    free(c->audit_head_path);
    conf_close(c->file);
    free(c);
}
