/* The service's configuration: conf/outputd.cfg, overridden by the environment. */
#ifndef EDGE_CONFIG_H
#define EDGE_CONFIG_H

#include "base/log.h"
#include "core/engine.h"
#include "edge/audit.h"
#include "edge/conf_file.h"
#include "edge/mqtt.h"
#include "edge/redis.h"
#include "edge/registry_postgres.h"

struct config_broker {
    struct conf_texts url;
    uint32_t protocol;
    const char *username;
    const char *username_file;
    const char *password;
    const char *password_file;
    const char *share_group;
    uint32_t session_expiry_s;
    uint32_t keep_alive_s;
    uint32_t connect_timeout_s;
    uint32_t reconnect_min_ms;
    uint32_t reconnect_max_ms;
    uint32_t presence_settle_ms;
    uint32_t outbox_max;
    uint32_t outbox_bytes_max;
    const struct conf_node *tls;
};

struct config_tls {
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    const char *key_password;
    const char *key_password_file;
    bool verify;
};

struct config_registry {
    const char *source;
    const char *path;
    const char *conninfo;
    const char *conninfo_file;
    const char *users_query;
    const char *sessions_query;
    const char *trackers_query;
    const char *channel;
    uint32_t timeout_s;
    uint32_t reconnect_min_ms;
    uint32_t reconnect_max_ms;
    uint32_t changes_max;
    uint32_t refresh_s;
};

struct config_engine {
    uint32_t ack_timeout_ms;
    uint32_t quarantine_ms;
    uint32_t pending_max;
    uint32_t pending_bytes_max;
    uint32_t tracker_queue_max;
    uint32_t trackers_max;
    uint32_t dedup_window_ms;
    uint32_t dedup_max;
    uint32_t refused_max;
    uint32_t drain_ms;
};

struct config_limits {
    uint32_t request_bytes_max;
    uint32_t ack_bytes_max;
    uint32_t ack_partial_bytes_max;
    double user_rate;
    uint32_t user_burst;
    struct conf_texts reply_topics;
};

struct config_http {
    const char *listen;     /* empty: off */
    bool listen_is_default; /* nobody has asked for it */
    bool api;
    uint32_t connections_max;
    uint32_t asks_max;
    uint32_t head_bytes_max;
    uint32_t timeout_ms;
    uint32_t answer_ms;
    uint32_t reply_ms;
    bool console;
    struct conf_texts console_hosts;
    uint32_t console_page_max;
    uint32_t console_scan_max;
    uint32_t console_events_max;
    uint32_t console_listeners_max;
};

struct config_audit {
    const char *path;
    const char *topic;
    bool required;
    uint32_t bytes_max;
    uint32_t buffer_bytes_max;
    uint32_t refused_max_per_s;
};

struct config_state {
    const char *source;
    const char *url;
    const char *username;
    const char *username_file;
    const char *password;
    const char *password_file;
    const char *prefix;
    uint32_t lease_ms;
    uint32_t timeout_ms;
    uint32_t calls_max;
    uint32_t unsent_bytes_max;
    uint32_t reply_bytes_max;
};

enum { CONFIG_OWN_FILTERS = 3 };

/* Texts are borrowed from the configuration; paths are absolute, or relative to the working directory. */
struct config {
    const char *instance;
    struct config_broker broker;
    struct config_tls tls;
    struct config_registry registry;
    struct config_engine engine;
    struct config_limits limits;
    struct config_http http;
    struct config_audit audit;
    struct config_state state;
    const char *topic_prefix;
    const char *reply_default;
    uint32_t stats_interval_s;
    char *registry_path; /* of source file */
    bool registry_is_postgres;
    struct registry_postgres_options registry_options;
    char *profiles_path;
    char *journal_path;
    uint32_t journal_size_mb;
    bool journal_sync; /* each commit waits for the disk */
    enum log_level log_level;
    bool log_json;
    struct mqtt_options mqtt; /* of the broker section, ready for mqtt_new */
    struct engine_config engine_config;
    struct audit_options audit_options;
    bool state_is_shared;               /* state.source is redis */
    struct redis_options redis_options; /* where it is, ready for redis_new */
    char *fence_topic;                  /* the service's own topics, with the prefix */
    char *stats_topic;
    char *reply_topic;                     /* where other instances reply to what came here over HTTP */
    char *own_filters[CONFIG_OWN_FILTERS]; /* these three of every instance */
    char *audit_topic;                     /* NULL: none */
    char *audit_head_path;
    char *audit_path;                               /* NULL: none */
    const char *own_topics[CONFIG_OWN_FILTERS + 1]; /* of these, without NULL: never a reply topic */

    struct conf_file *file; /* what the texts are borrowed from */
    struct buffer secrets[6];
    char *tls_paths[3];
};

/* With defaults where there are mistakes, so that the other files can be looked at all the same: not to be used when
 * any were added. NULL where the file cannot be read at all. */
struct config *config_read(const char *path, struct mistakes *mistakes);
void config_free(struct config *c); /* takes NULL */

#endif
