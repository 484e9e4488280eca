/* What has to be done before a server is there: who asks, which database, whether it is a server to be up with. */
#include "edge/redis.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "support/broker.h"
#include "support/redis_desk.h"
#include "support/redis_server.h"

static struct redis_server *server;
static struct redis_server *other;
static struct redis_desk desk;
static char log_path[] = "/tmp/redis-log-XXXXXX";
static char lines[8192];

static void start(void)
{
    int fd = mkstemp(log_path);
    cr_assert_geq(fd, 0);
    log_set_fd(fd);
}

static void stop(void)
{
    redis_desk_close(&desk);
    redis_server_stop(server);
    redis_server_stop(other);
    log_set_fd(STDERR_FILENO);
    unlink(log_path);
}

TestSuite(redis_greeting, .init = start, .fini = stop, .timeout = 60);

static void serve(const struct redis_server_options *options)
{
    server = redis_server_start(options);
    redis_desk_init(&desk, redis_server_url(server));
}

/* How many lines of the log hold it. */
static int logged(const char *what)
{
    int count = 0;
    log_flush();
    FILE *in = fopen(log_path, "r");
    cr_assert_not_null(in);
    lines[fread(lines, 1, sizeof(lines) - 1, in)] = '\0';
    fclose(in);
    for (const char *at = lines; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* Attempts are made, and all say this. */
static void expect_refused(const char *why)
{
    redis_desk_open(&desk);
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_eq(strncmp(redis_error(desk.redis), why, strlen(why)), 0, "%s", redis_error(desk.redis));
    for (int i = 0; i < 5; i++) {
        desk.ahead_ms += 10000; /* the pause */
        redis_desk_turn(&desk, 0);
        cr_assert(DESK_UNTIL(&desk, redis_fd(desk.redis) < 0));
    }
    cr_assert_eq(desk.ups + desk.downs, 0);
    cr_assert_eq(logged("Redis cannot be used"), 1, "%s", lines);
}

Test(redis_greeting, a_password_lets_in)
{
    serve(&(struct redis_server_options){.password = "sesame"});
    desk.options.password = "sesame";
    redis_desk_come_up(&desk);
    cr_assert_str_eq(redis_desk_ask(&desk, DESK_ECHO, "in")->text, "in");
    cr_assert_eq(logged("sesame"), 0);
}

Test(redis_greeting, a_wrong_one_does_not_and_is_one_line_of_the_log)
{
    serve(&(struct redis_server_options){.password = "sesame"});
    desk.options.password = "open";
    expect_refused("AUTH: WRONGPASS ");
    cr_assert_eq(logged("open"), 0);
}

Test(redis_greeting, nor_does_none)
{
    serve(&(struct redis_server_options){.password = "sesame"});
    expect_refused("echo: NOAUTH ");
}

/* All that the client itself needs; the scripts' own commands come on top. */
static const struct redis_server_options with_user = {
    .password = "sesame",
    .user = "outputd on >simsim ~key -@all +script|load +evalsha +info +ping +select +incrby",
};

Test(redis_greeting, a_user_of_its_own_lets_in)
{
    serve(&with_user);
    desk.options.username = "outputd";
    desk.options.password = "simsim";
    redis_desk_come_up(&desk);
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "2")->number, 2);
}

Test(redis_greeting, what_a_user_may_not_do_is_named)
{
    serve(&with_user);
    redis_server_ask(server, "ACL SETUSER outputd -info");
    desk.options.username = "outputd";
    desk.options.password = "simsim";
    expect_refused("INFO: NOPERM ");
}

Test(redis_greeting, the_database_of_the_url_is_used)
{
    char url[64];
    serve(NULL);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u/3", redis_server_port(server));
    desk.options.url = url;
    redis_desk_come_up(&desk);
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "4")->number, 4);
    cr_assert_str_eq(redis_server_ask(server, "-n 3 GET key"), "4");
    cr_assert_str_eq(redis_server_ask(server, "GET key"), "");
}

Test(redis_greeting, one_that_is_not_there_is_no_server)
{
    char url[64];
    serve(NULL);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u/99", redis_server_port(server));
    desk.options.url = url;
    expect_refused("SELECT: ERR DB index is out of range");
}

Test(redis_greeting, a_script_that_does_not_compile_is_named)
{
    static const struct redis_script broken[] = {{"fine", "return 1"}, {"settle", "return ("}};
    serve(NULL);
    redis_desk_open(&desk);
    struct redis_handlers handlers = {&desk, NULL, NULL, NULL};
    redis_free(desk.redis);
    desk.redis = redis_new(&desk.options, broken, 2, &handlers);
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_eq(strncmp(redis_error(desk.redis), "settle: ERR Error compiling script", 34), 0, "%s",
                 redis_error(desk.redis));
}

Test(redis_greeting, a_replica_is_no_server)
{
    char extra[64];
    other = redis_server_start(NULL);
    snprintf(extra, sizeof(extra), "replicaof 127.0.0.1 %u\nreplica-serve-stale-data yes", redis_server_port(other));
    serve(&(struct redis_server_options){.extra = extra});
    expect_refused("is a replica");
}

Test(redis_greeting, nor_is_a_node_of_a_cluster)
{
    serve(&(struct redis_server_options){.extra = "cluster-enabled yes"});
    expect_refused("is a node of a cluster");
}

Test(redis_greeting, a_server_that_starts_later_is_found)
{
    serve(NULL);
    redis_server_halt(server);
    expect_refused("Connection refused");
    redis_server_resume(server);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 1));
    cr_assert_eq(logged("Redis is there"), 1);
}

Test(redis_greeting, a_name_that_is_unknown_is_an_error)
{
    serve(NULL);
    desk.options.url = "redis://a..b";
    redis_desk_open(&desk);
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_eq(redis_fd(desk.redis), -1);
    cr_assert_eq(logged("Redis cannot be used"), 1);
}

Test(redis_greeting, a_server_that_would_lose_state_is_warned_of)
{
    serve(&(struct redis_server_options){.extra = "maxmemory 100mb\nmaxmemory-policy allkeys-lru"});
    redis_desk_come_up(&desk);
    cr_assert_eq(logged("keeps no log"), 1);
    cr_assert_eq(logged("maxmemory-policy=allkeys-lru"), 1);
}

Test(redis_greeting, one_that_keeps_it_is_not)
{
    serve(&(struct redis_server_options){.log = true, .extra = "maxmemory 100mb\nmaxmemory-policy noeviction"});
    redis_desk_come_up(&desk);
    cr_assert_eq(logged("warning"), 0, "%s", lines);
}

Test(redis_greeting, pauses_between_attempts_grow_to_five_seconds_and_vary)
{
    int64_t last_ms = 0;
    bool varies = false;
    char url[64];
    snprintf(url, sizeof(url), "redis://127.0.0.1:%u", broker_free_port()); /* nobody is there */
    redis_desk_init(&desk, url);
    redis_desk_open(&desk);
    for (int i = 0; i < 12; i++) {
        cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis) && redis_fd(desk.redis) < 0));
        int64_t wait_ms = redis_wait_ms(desk.redis, redis_desk_now(&desk));
        cr_assert(wait_ms <= 5000 && (i > 0 || wait_ms < 150), "%ld", wait_ms);
        varies = varies || (i > 7 && wait_ms != last_ms);
        last_ms = wait_ms;
        desk.ahead_ms += (uint64_t)wait_ms;
        redis_turn(desk.redis, redis_desk_now(&desk));
    }
    cr_assert_gt(last_ms, 2000);
    cr_assert(varies);
}
