/* The client of Redis against a real server. */
#include "edge/redis.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "support/redis_desk.h"
#include "support/redis_server.h"

static struct redis_server *server;
static struct redis_desk desk;

static void stop(void)
{
    redis_desk_close(&desk);
    redis_server_stop(server);
}

TestSuite(redis, .fini = stop, .timeout = 60);

static void start(const struct redis_server_options *options)
{
    server = redis_server_start(options);
    redis_desk_init(&desk, redis_server_url(server));
}

static void come_up(void)
{
    redis_desk_open(&desk);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 1), "%s", redis_error(desk.redis));
}

static struct desk_answer *ask(enum desk_script script, const char *argument)
{
    size_t before = desk.answered;
    cr_assert_eq(redis_desk_call(&desk, script, argument), 0);
    cr_assert(DESK_UNTIL(&desk, desk.answered > before));
    return &desk.answers[before];
}

Test(redis, is_up_with_the_servers_run_id)
{
    start(NULL);
    come_up();
    const char *info = redis_server_ask(server, "INFO server");
    const char *at = strstr(info, "run_id:");
    cr_assert(at && strncmp(at + strlen("run_id:"), desk.run_id, 40) == 0, "%s", desk.run_id);
    cr_assert(redis_is_up(desk.redis));
    cr_assert_str_eq(redis_error(desk.redis), "");
}

Test(redis, is_up_through_a_socket_in_the_file_system)
{
    start(NULL);
    desk.options.url = redis_server_unix_url(server);
    come_up();
    cr_assert_str_eq(ask(DESK_ECHO, "hello")->text, "hello");
}

Test(redis, answers_calls_in_their_order)
{
    enum { CALLS = 10000 };
    char text[16];
    start(NULL);
    come_up();
    for (size_t i = 0; i < CALLS; i++) {
        snprintf(text, sizeof(text), "%zu", i);
        cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, text), 0);
    }
    cr_assert_eq(redis_outstanding(desk.redis), CALLS);
    cr_assert(DESK_UNTIL(&desk, desk.answered == CALLS));
    for (size_t i = 0; i < CALLS; i++) {
        snprintf(text, sizeof(text), "%zu", i);
        cr_assert(desk.answers[i].call == i && strcmp(desk.answers[i].text, text) == 0, "%zu: %s", i,
                  desk.answers[i].text);
    }
    cr_assert_eq(redis_outstanding(desk.redis), 0);
    cr_assert_eq(redis_stats(desk.redis)->calls, CALLS);
}
