/* What the configuration makes of good and bad values, from the file and from the environment. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "edge/config.h"
#include "scratch.h"

static void start(void)
{
    scratch_open();
    clearenv();
}

TestSuite(config_values, .init = start, .fini = scratch_close);

static struct config *read_config(const char *text)
{
    struct mistakes mistakes = {0};
    struct config *c = config_read(scratch_write("outputd.cfg", text), &mistakes);

    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
    cr_assert_not_null(c);
    return c;
}

static void expect_mistakes(const char *text, const char *expected)
{
    struct mistakes mistakes = {0};

    config_free(config_read(scratch_write("outputd.cfg", text), &mistakes));
    cr_expect_str_eq(scratch_mistakes(&mistakes), expected, "%s\n%s", text, scratch_mistakes(&mistakes));
    mistakes_release(&mistakes);
}

Test(config_values, commas_separate_the_lists_of_the_environment)
{
    struct config *c;

    setenv("OUTPUTD_BROKER_URL", "mqtt://a:1,mqtts://b:2,", 1);
    c = read_config("");
    cr_assert_eq(c->mqtt.url_count, 2);
    cr_expect_str_eq(c->mqtt.urls[0], "mqtt://a:1");
    cr_expect_str_eq(c->mqtt.urls[1], "mqtts://b:2");
    config_free(c);
}

Test(config_values, the_environment_overrides_the_file)
{
    struct config *c;

    setenv("OUTPUTD_INSTANCE", "second", 1);
    setenv("OUTPUTD_BROKER_URL", "mqtts://broker.example:8883", 1);
    setenv("OUTPUTD_BROKER_PROTOCOL", "4", 1);
    setenv("OUTPUTD_BROKER_TLS_VERIFY", "false", 1);
    setenv("OUTPUTD_LIMITS_USER_RATE", "0.5", 1);
    setenv("OUTPUTD_LIMITS_REPLY_TOPICS", "client/+/replies", 1);
    setenv("OUTPUTD_LOG_LEVEL", "debug", 1);
    setenv("OUTPUTD_LOG_FORMAT", "json", 1);
    setenv("OUTPUTD_TOPICS_STATS_INTERVAL_S", "0", 1);
    setenv("OUTPUTD_JOURNAL_PATH", "/tmp/journal", 1);
    setenv("OUTPUTD_JOURNAL_SYNC", "batch", 1);
    c = read_config("instance = \"first\"; broker: { url = [\"mqtt://a:1\", \"mqtt://b:2\"]; protocol = 5;\n"
                    "tls: { verify = true; }; }; limits: { user_rate = 7; reply_topics = [\"a\", \"b\"]; };\n"
                    "log: { level = \"error\"; format = \"text\"; }; topics: { stats_interval_s = 9; };\n"
                    "journal: { path = \"journal\"; };");
    cr_expect_str_eq(c->instance, "second");
    cr_expect_str_eq(c->mqtt.client_id, "second");
    cr_expect_eq(c->mqtt.url_count, 1);
    cr_expect_str_eq(c->mqtt.urls[0], "mqtts://broker.example:8883");
    cr_expect_eq(c->mqtt.protocol, 4);
    cr_expect_not(c->mqtt.tls.verify);
    cr_expect_eq(c->engine_config.user_rate, 0.5);
    cr_expect_eq(c->engine_config.reply_topic_count, 1);
    cr_expect_str_eq(c->engine_config.reply_topics[0], "client/+/replies");
    cr_expect_eq(c->log_level, LOG_DEBUG);
    cr_expect(c->log_json);
    cr_expect_eq(c->stats_interval_s, 0);
    cr_expect_str_eq(c->journal_path, "/tmp/journal");
    cr_expect(c->journal_sync);
    config_free(c);
}

Test(config_values, a_bad_value_of_the_environment_is_a_mistake)
{
    static const struct {
        const char *name;
        const char *value;
        const char *expected;
    } bad[] = {
        {"OUTPUTD_BROKER_PROTOCOL", "3", "environment: OUTPUTD_BROKER_PROTOCOL must be a whole number from 4 to 5\n"},
        {"OUTPUTD_BROKER_PROTOCOL", "", "environment: OUTPUTD_BROKER_PROTOCOL must be a whole number from 4 to 5\n"},
        {"OUTPUTD_BROKER_PROTOCOL", "5 ", "environment: OUTPUTD_BROKER_PROTOCOL must be a whole number from 4 to 5\n"},
        {"OUTPUTD_BROKER_PROTOCOL", "4294967301",
         "environment: OUTPUTD_BROKER_PROTOCOL must be a whole number from 4 to 5\n"},
        {"OUTPUTD_BROKER_TLS_VERIFY", "yes", "environment: OUTPUTD_BROKER_TLS_VERIFY must be true or false\n"},
        {"OUTPUTD_LIMITS_USER_RATE", "nan",
         "environment: OUTPUTD_LIMITS_USER_RATE must be a number from 0 to 1000000\n"},
        {"OUTPUTD_BROKER_URL", "", "FOLDER/outputd.cfg: broker.url names no broker\n"},
        {"OUTPUTD_BROKER_URL", "http://a",
         "FOLDER/outputd.cfg: broker.url must start with mqtt://, mqtts://, ws:// or wss://\n"},
        {"OUTPUTD_BROKER_TLS_CA_FILE", "none.pem", "FOLDER/none.pem: cannot be read: No such file or directory\n"},
        {"OUTPUTD_BROKER_PASSWORD_FILE", "/nowhere/x", "/nowhere/x: cannot be read: No such file or directory\n"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv(bad[i].name, bad[i].value, 1);
        expect_mistakes("", bad[i].expected);
        unsetenv(bad[i].name);
    }
}

Test(config_values, a_bad_value_of_the_file_is_a_mistake_at_its_line)
{
    static const struct {
        const char *text;
        const char *expected; /* behind FOLDER/outputd.cfg */
    } bad[] = {
        {"\nbrokr: { };", ":2: unknown key brokr\n"},
        {"broker: {\n\nur1 = \"mqtt://a\"; };", ":3: unknown key ur1\n"},
        {"broker: { tls: {\nca = \"x\"; }; };", ":2: unknown key ca\n"},
        {"broker = 5;", ":1: broker must be a group: { … }\n"},
        {"\nbroker: { protocol = 3; };", ":2: protocol must be a whole number from 4 to 5\n"},
        {"broker: {\nkeep_alive_s = 4; };", ":2: keep_alive_s must be a whole number from 5 to 3600\n"},
        {"engine: {\npending_max = 0; };", ":2: pending_max must be a whole number from 1 to 10000000\n"},
        {"engine: { ack_timeout_ms = 0; };", ":1: ack_timeout_ms must be a whole number from 1 to 86400000\n"},
        {"engine: {\n\ndrain_ms = 9999999999; };",
         ":3: this number is beyond 32 bits\n"
         "FOLDER/outputd.cfg:3: drain_ms must be a whole number from 0 to 3600000\n"},
        {"engine: { pending_max = 4294967297; };", ":1: this number is beyond 32 bits\n"},
        {"limits: { user_rate = -1; };", ":1: user_rate must be a number from 0 to 1000000\n"},
        {"journal: { size_mb = 0; };", ":1: size_mb must be a whole number from 8 to 16384\n"},
        {"broker: {\nurl = []; };", ":2: broker.url names no broker\n"},
        {"broker: {\nurl = \"127.0.0.1:1883\"; };",
         ":2: broker.url must start with mqtt://, mqtts://, ws:// or wss://\n"},
        {"broker: { url = [\"mqtt://a\", \"mqtt://\"]; };",
         ":1: broker.url must start with mqtt://, mqtts://, ws:// or wss://\n"},
        {"broker: {\nshare_group = \"a/b\"; };", ":2: broker.share_group must not hold /, + or #\n"},
        {"broker: { share_group = \"a+\"; };", ":1: broker.share_group must not hold /, + or #\n"},
        {"broker: {\nreconnect_min_ms = 9000;\nreconnect_max_ms = 8000; };",
         ":3: broker.reconnect_max_ms is below broker.reconnect_min_ms\n"},
        {"\ninstance = \"\";", ":2: instance must be one level of a topic\n"},
        {"instance = \"a/b\";", ":1: instance must be one level of a topic\n"},
        {"instance = \"a+\";", ":1: instance must be one level of a topic\n"},
        {"limits: {\nreply_topics = [\"a/#\", \"a/#/b\"]; };",
         ":2: limits.reply_topics holds what is no topic filter\n"},
        {"log: {\nlevel = \"loud\"; };", ":2: log.level must be error, warning, info or debug\n"},
        {"journal: { sync = \"always\"; };", ":1: journal.sync must be none or batch\n"},
        {"log: { format = \"xml\"; };", ":1: log.format must be text or json\n"},
        {"state: { source = \"disk\"; };", ":1: state.source must be memory or redis\n"},
        {"registry: {\nsource = \"sqlite\"; };", ":2: registry.source must be file or postgres\n"},
        {"registry: { channel = \"a b\"; };", ":1: registry.channel must be a name of letters, digits and _\n"},
        {"registry: { channel = \"\"; };", ":1: registry.channel must be a name of letters, digits and _\n"},
        {"registry: { reconnect_min_ms = 200; reconnect_max_ms = 199; };",
         ":1: registry.reconnect_max_ms is below registry.reconnect_min_ms\n"},
        {"http: { console = true; connections_max = 20;\nconsole_listeners_max = 20; };",
         ":2: http.console_listeners_max must be below http.connections_max\n"},
        {"http: {\nlisten = \"localhost:9108\"; };",
         ":2: http.listen must be ADDRESS:PORT, with an IPv4 address, or an IPv6 one in brackets\n"},
        {"topics: {\nreply_default = \"a/+\"; };",
         ":2: topics.reply_default must make a topic with topics.prefix; {action} is the only placeholder\n"},
        {"topics: { reply_default = \"\"; };",
         ":1: topics.reply_default must make a topic with topics.prefix; {action} is the only placeholder\n"},
        {"topics: { reply_default = \"a/{tracker_id}\"; };",
         ":1: topics.reply_default must make a topic with topics.prefix; {action} is the only placeholder\n"},
        {"topics: { reply_default = \"a/{action}/{action}\"; };",
         ":1: topics.reply_default must make a topic with topics.prefix; {action} is the only placeholder\n"},
        {"topics: { reply_default = \"api/tracker/output/{action}\"; };",
         ":1: topics.reply_default must not be a topic of requests\n"},
        {"topics: { prefix = \"site1/\";\nreply_default = \"api/tracker/output/x\"; };",
         ":2: topics.reply_default must not be a topic of requests\n"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buffer expected = {0};

        buffer_printf(&expected, "FOLDER/outputd.cfg%s", bad[i].expected);
        buffer_put_u8(&expected, '\0');
        expect_mistakes(bad[i].text, (const char *)expected.data);
        buffer_release(&expected);
    }
}

Test(config_values, a_file_that_cannot_be_read_gives_no_configuration)
{
    struct mistakes mistakes = {0};

    cr_expect_null(config_read(scratch_path("none.cfg"), &mistakes));
    cr_expect_str_eq(scratch_mistakes(&mistakes), "FOLDER/none.cfg: cannot be read: No such file or directory\n");
    cr_expect_null(config_read(scratch_write("bad.cfg", "log = ;"), &mistakes));
    cr_expect_eq(mistakes.count, 2);
    mistakes_release(&mistakes);
}

Test(config_values, all_mistakes_are_told_at_once)
{
    setenv("OUTPUTD_BROKER_PROTOCOL", "7", 1);
    expect_mistakes("wrong = 1;\nlog: { level = \"loud\"; };\nengine: { drain_ms = -1; };\n",
                    "FOLDER/outputd.cfg:1: unknown key wrong\n"
                    "environment: OUTPUTD_BROKER_PROTOCOL must be a whole number from 4 to 5\n"
                    "FOLDER/outputd.cfg:3: drain_ms must be a whole number from 0 to 3600000\n"
                    "FOLDER/outputd.cfg:2: log.level must be error, warning, info or debug\n");
}

Test(config_values, paths_are_relative_to_the_file_wherever_they_come_from)
{
    struct config *c;

    scratch_write("ca.pem", "");
    scratch_write("client.pem", "");
    scratch_write("client.key", "");
    setenv("OUTPUTD_BROKER_TLS_CERT_FILE", "client.pem", 1);
    setenv("OUTPUTD_BROKER_TLS_KEY_FILE", scratch_path("client.key"), 1);
    setenv("OUTPUTD_PROFILES_PATH", "more/profiles", 1);
    c = read_config("broker: { tls: { ca_file = \"ca.pem\"; }; }; registry: { path = \"../registry.cfg\"; };\n"
                    "journal: { path = \"journal\"; };");
    cr_expect_str_eq(c->mqtt.tls.ca_file, scratch_path("ca.pem"));
    cr_expect_str_eq(c->mqtt.tls.cert_file, scratch_path("client.pem"));
    cr_expect_str_eq(c->mqtt.tls.key_file, scratch_path("client.key"));
    cr_expect_str_eq(c->registry_path, scratch_path("../registry.cfg"));
    cr_expect_str_eq(c->profiles_path, scratch_path("more/profiles"));
    cr_expect_str_eq(c->journal_path, scratch_path("journal"));
    config_free(c);
}

Test(config_values, a_key_without_a_certificate_is_a_mistake)
{
    scratch_write("client.key", "");
    expect_mistakes("broker: { tls: {\nkey_file = \"client.key\"; }; };",
                    "FOLDER/outputd.cfg:2: broker.tls.key_file is given without cert_file\n");
}

Test(config_values, secrets_come_from_the_first_line_of_a_file)
{
    struct config *c;

    scratch_write("user", "outputd");
    scratch_write("password", "s3cret word\r\nsecond line\n");
    scratch_write("key_password", "\n");
    setenv("OUTPUTD_BROKER_PASSWORD_FILE", "password", 1);
    c = read_config("broker: { username_file = \"user\"; tls: { key_password_file = \"key_password\"; }; };");
    cr_expect_str_eq(c->mqtt.username, "outputd");
    cr_expect_str_eq(c->mqtt.password, "s3cret word");
    cr_expect_null(c->mqtt.tls.key_password, "an empty one is none");
    config_free(c);
}

Test(config_values, secrets_may_stand_in_the_environment_or_the_file_itself)
{
    struct config *c;

    setenv("OUTPUTD_BROKER_PASSWORD", "from the environment", 1);
    c = read_config("broker: { username = \"outputd\"; password = \"from the file\"; };");
    cr_expect_str_eq(c->mqtt.username, "outputd");
    cr_expect_str_eq(c->mqtt.password, "from the environment");
    config_free(c);
}

Test(config_values, a_secret_of_the_environment_beats_the_secrets_file_of_the_file)
{
    struct config *c;

    scratch_write("password", "from the secrets file\n");
    setenv("OUTPUTD_BROKER_PASSWORD", "from the environment", 1);
    c = read_config("broker: { password_file = \"password\"; };");
    cr_expect_str_eq(c->mqtt.password, "from the environment");
    config_free(c);
}

Test(config_values, the_prefix_goes_before_the_services_own_topics)
{
    struct config *c = read_config("instance = \"one\"; topics: { prefix = \"site1/\"; };");

    cr_expect_str_eq(c->fence_topic, "site1/outputd/one/fence");
    cr_expect_str_eq(c->stats_topic, "site1/outputd/one/stats");
    cr_expect_eq(c->engine_config.own_topic_count, 2);
    cr_expect_str_eq(c->engine_config.prefix, "site1/");
    config_free(c);
}

Test(config_values, what_the_engine_takes_is_what_the_file_says)
{
    struct config *c = read_config("engine: { ack_timeout_ms = 1; quarantine_ms = 2; pending_max = 3;\n"
                                   "pending_bytes_max = 65536; tracker_queue_max = 5; trackers_max = 6;\n"
                                   "dedup_window_ms = 7; dedup_max = 8; refused_max = 9; drain_ms = 10; };\n"
                                   "limits: { request_bytes_max = 64; ack_bytes_max = 65; user_burst = 13; };");
    const struct engine_config *e = &c->engine_config;

    cr_expect_eq(e->ack_timeout_ms, 1);
    cr_expect_eq(e->quarantine_ms, 2);
    cr_expect_eq(e->store.pending_max, 3);
    cr_expect_eq(e->store.pending_bytes_max, 65536);
    cr_expect_eq(e->store.tracker_queue_max, 5);
    cr_expect_eq(e->trackers_max, 6);
    cr_expect_eq(e->store.dedup_window_ms, 7);
    cr_expect_eq(e->store.dedup_max, 8);
    cr_expect_eq(e->store.refused_max, 9);
    cr_expect_eq(e->drain_ms, 10);
    cr_expect_eq(e->request_bytes_max, 64);
    cr_expect_eq(e->ack_bytes_max, 65);
    cr_expect_eq(e->user_burst, 13);
    config_free(c);
}

Test(config_values, an_audit_trail_has_a_path_beside_the_file_and_a_topic_of_the_services_own)
{
    struct config *c = read_config("topics: { prefix = \"site1/\"; };\n"
                                   "audit: { path = \"trail/audit.jsonl\"; topic = \"audit/tracker/output\"; "
                                   "required = true; };");

    cr_expect_str_eq(c->audit_options.path, scratch_path("trail/audit.jsonl"));
    cr_expect_str_eq(c->audit_options.topic, "site1/audit/tracker/output");
    cr_expect(c->audit_options.required);
    cr_expect_eq(c->engine_config.own_topic_count, 3);
    cr_expect_str_eq(c->engine_config.own_topics[3], "site1/audit/tracker/output");
    config_free(c);
}

Test(config_values, an_audit_trail_that_cannot_be_is_a_mistake)
{
    expect_mistakes("audit: { required = true; };", "FOLDER/outputd.cfg:1: audit.required needs audit.path\n");
    expect_mistakes("audit: { topic = \"audit/+\"; };",
                    "FOLDER/outputd.cfg:1: audit.topic must make a topic with topics.prefix\n");
    expect_mistakes("topics: { prefix = \"a/\"; }; audit: { topic = \"tracker/7/output/command\"; };",
                    "FOLDER/outputd.cfg:1: audit.topic must not be a topic of requests, of trackers or of the service "
                    "itself\n");
    expect_mistakes("audit: { topic = \"api/tracker/output/set\"; };",
                    "FOLDER/outputd.cfg:1: audit.topic must not be a topic of requests, of trackers or of the service "
                    "itself\n");
    expect_mistakes("topics: { reply_default = \"audit/{action}\"; }; audit: { topic = \"audit/set\"; };",
                    "FOLDER/outputd.cfg:1: topics.reply_default must not be a topic of trackers or of the service "
                    "itself\n");
}

/* --- state --- */

#define GROUP "broker: { share_group = \"g\"; };\n"

Test(config_values, state_in_redis_has_the_options_of_a_connection)
{
    struct config *c = read_config(GROUP "state: { source = \"redis\"; url = \"redis://db:6380/2\"; username = \"o\"; "
                                         "password = \"p\"; prefix = \"site1\"; timeout_ms = 300; calls_max = 200; "
                                         "unsent_bytes_max = 1000001; reply_bytes_max = 70000; };");

    cr_expect(c->state_is_shared);
    cr_expect_str_eq(c->state.prefix, "site1");
    cr_expect_str_eq(c->redis_options.url, "redis://db:6380/2");
    cr_expect_str_eq(c->redis_options.username, "o");
    cr_expect_str_eq(c->redis_options.password, "p");
    cr_expect_eq(c->redis_options.connect_timeout_ms, 300);
    cr_expect_eq(c->redis_options.reply_timeout_ms, 300);
    cr_expect_eq(c->redis_options.calls_max, 200);
    cr_expect_eq(c->redis_options.unsent_bytes_max, 1000001);
    cr_expect_eq(c->redis_options.reply_bytes_max, 70000);
    config_free(c);
}

Test(config_values, the_password_of_redis_may_be_in_a_file)
{
    scratch_write("who", "outputd\n");
    scratch_write("secret", "sesame\n");
    struct config *c = read_config(GROUP "state: { source = \"redis\"; url = \"unix:///run/redis\"; "
                                         "username_file = \"who\"; password_file = \"secret\"; };");

    cr_expect_str_eq(c->redis_options.username, "outputd");
    cr_expect_str_eq(c->redis_options.password, "sesame");
    config_free(c);
    c = read_config(GROUP "state: { source = \"redis\"; url = \"unix:///run/redis\"; username = \"o\"; "
                          "password_file = \"secret\"; };");
    cr_expect_str_eq(c->redis_options.username, "o");
    config_free(c);
}

Test(config_values, state_in_redis_without_what_it_needs_is_a_mistake)
{
    expect_mistakes(GROUP "state: {\nsource = \"redis\"; };", "FOLDER/outputd.cfg:3: state.source needs state.url\n");
    expect_mistakes("state: {\nsource = \"redis\"; url = \"redis://a\"; };",
                    "FOLDER/outputd.cfg:2: state.source needs broker.share_group, by which instances share the "
                    "requests\n");
    expect_mistakes(GROUP "state: { source = \"redis\"; url = \"redis://a\"; prefix = \"\"; };",
                    "FOLDER/outputd.cfg:2: state.prefix must not be empty\n");
    expect_mistakes(GROUP "state: { source = \"redis\"; url = \"redis://a\";\nusername = \"o\"; };",
                    "FOLDER/outputd.cfg:3: state.username is given without a password\n");
}

Test(config_values, a_url_of_redis_says_where_and_nothing_else)
{
    static const char form[] = "must be redis://HOST:PORT/DB or unix:///PATH";
    static const struct {
        const char *url;
        const char *mistake; /* NULL: none */
    } urls[] = {
        {"redis://a", NULL},
        {"redis://a:6380", NULL},
        {"redis://a:6380/", NULL},
        {"redis://a/15", NULL},
        {"redis://10.0.0.1:1/2147483647", NULL},
        {"redis://[::1]:6379/0", NULL},
        {"redis://[fe80::1]", NULL},
        {"unix:///run/redis/socket", NULL},
        {"", form},
        {"redis://", form},
        {"redis://:6379", form},
        {"redis://a:", form},
        {"redis://a:0", form},
        {"redis://a:65536", form},
        {"redis://a:99999999999999999999", form},
        {"redis://a:x", form},
        {"redis://a/x", form},
        {"redis://a/-1", form},
        {"redis://a/1/2", form},
        {"redis://a/2147483648", form},
        {"redis://[::1", form},
        {"redis://[a]:6379", form},
        {"redis://[::1]6379", form},
        {"unix://run/redis", form},
        {"http://a", form},
        {"redis://user:secret@a", "must not hold a user or password: they have settings of their own"},
        {"rediss://a", "must not be rediss://: there is no TLS here, so use a tunnel such as stunnel"},
    };

    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const char *mistake = redis_url_mistake(urls[i].url);

        if (urls[i].mistake)
            cr_expect_str_eq(mistake ? mistake : "none", urls[i].mistake, "%s", urls[i].url);
        else
            cr_expect_null(mistake, "%s: %s", urls[i].url, mistake);
    }
    expect_mistakes(GROUP "state: { source = \"redis\";\nurl = \"a\"; };",
                    "FOLDER/outputd.cfg:3: state.url must be redis://HOST:PORT/DB or unix:///PATH\n");
}

Test(config_values, a_path_that_is_too_long_for_a_socket_is_a_mistake)
{
    char url[256] = "unix:///";

    memset(url + strlen(url), 'a', 120);
    cr_expect_str_eq(redis_url_mistake(url), "is too long for a socket's path");
}
