/* A server that dies, stops, forgets or steps down. */
#include "edge/redis.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/redis_desk.h"
#include "support/redis_server.h"

static struct redis_server *server;
static struct redis_server *other;
static struct redis_desk desk;

static void start(void)
{
    server = redis_server_start(&(struct redis_server_options){.log = true});
    redis_desk_init(&desk, redis_server_url(server));
    redis_desk_come_up(&desk);
}

static void stop(void)
{
    redis_desk_close(&desk);
    redis_server_stop(server);
    redis_server_stop(other);
}

TestSuite(redis_lost, .init = start, .fini = stop, .timeout = 60);

static void call_many(size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(redis_desk_call(&desk, DESK_COUNT, "1"), 0);
    redis_flush(desk.redis, redis_desk_now(&desk));
}

/* Each of them once, in their order. */
static void expect_lost(size_t count)
{
    cr_assert_eq(desk.answered, count);
    for (size_t i = 0; i < count; i++)
        cr_assert(desk.answers[i].is_lost && desk.answers[i].call == i, "%zu", i);
    cr_assert_eq(redis_stats(desk.redis)->lost, count);
    cr_assert_eq(redis_outstanding(desk.redis), 0);
}

Test(redis_lost, calls_that_a_killed_server_had_are_answered_once_by_nothing)
{
    redis_server_freeze(server);
    call_many(500);
    redis_server_kill(server);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    expect_lost(500);
    cr_assert_eq(redis_desk_call(&desk, DESK_COUNT, "1"), -ENOTCONN);
}

Test(redis_lost, a_server_that_comes_back_is_another_one_and_has_the_scripts_again)
{
    char before[64];
    snprintf(before, sizeof(before), "%s", desk.run_id);
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "5")->number, 5);
    redis_server_kill(server);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    redis_server_resume(server);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
    cr_assert_str_neq(desk.run_id, before);
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "1")->number, 6); /* its log has kept the rest */
    cr_assert_eq(redis_stats(desk.redis)->connects, 2);
}

Test(redis_lost, one_that_was_stopped_in_order_as_well)
{
    redis_server_halt(server);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_str_eq(desk.why, "it has closed the connection");
    cr_assert(DESK_UNTIL(&desk, strcmp(redis_error(desk.redis), "Connection refused") == 0));
    redis_server_resume(server);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
}

Test(redis_lost, one_that_does_not_answer_is_left_and_found_again)
{
    redis_server_freeze(server);
    call_many(3);
    desk.ahead_ms += desk.options.reply_timeout_ms - 1000;
    redis_desk_turn(&desk, 0);
    cr_assert_eq(desk.downs, 0);
    desk.ahead_ms += 1000;
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_str_eq(desk.why, "no answer in time");
    expect_lost(3);
    cr_assert_eq(redis_stats(desk.redis)->timeouts, 1);
    redis_server_thaw(server);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
    cr_assert_str_eq(redis_desk_ask(&desk, DESK_ECHO, "on")->text, "on");
}

/* The kernel takes the connection for a frozen server. */
Test(redis_lost, one_that_does_not_greet_is_not_up)
{
    redis_server_freeze(server);
    call_many(1);
    desk.ahead_ms += desk.options.reply_timeout_ms;
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    desk.ahead_ms += 60000; /* the pause */
    redis_desk_turn(&desk, 20);
    cr_assert(DESK_UNTIL(&desk, redis_fd(desk.redis) >= 0));
    desk.ahead_ms += desk.options.connect_timeout_ms;
    cr_assert(DESK_UNTIL(&desk, redis_stats(desk.redis)->timeouts == 2));
    cr_assert_eq(desk.ups, 1);
    cr_assert_eq(desk.downs, 1);
    redis_server_thaw(server);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
}

/* Its answers lie in the socket. */
Test(redis_lost, a_loop_that_was_late_itself_does_not_blame_the_server)
{
    call_many(100);
    cr_assert(strcmp(redis_server_ask(server, "GET key"), "100") == 0); /* so they are answered */
    desk.ahead_ms += 10 * desk.options.reply_timeout_ms;
    cr_assert(DESK_UNTIL(&desk, desk.answered == 100));
    cr_assert_eq(desk.downs, 0);
    cr_assert_eq(redis_stats(desk.redis)->lost, 0);
}

Test(redis_lost, silence_is_asked_whether_it_is_a_server)
{
    redis_server_ask(server, "CONFIG RESETSTAT");
    desk.ahead_ms += 60000;
    redis_desk_turn(&desk, 20);
    cr_assert(DESK_UNTIL(&desk, strstr(redis_server_ask(server, "INFO commandstats"), "cmdstat_ping:calls=1,")));
    cr_assert_eq(redis_outstanding(desk.redis), 0);
    redis_server_freeze(server);
    for (int i = 0; i < 3 && desk.downs == 0; i++) {
        desk.ahead_ms += 60000;
        redis_desk_turn(&desk, 20);
    }
    cr_assert_eq(desk.downs, 1);
    cr_assert_eq(desk.answered, 0);
    cr_assert_eq(redis_stats(desk.redis)->lost, 0);
}

Test(redis_lost, scripts_that_were_flushed_are_loaded_again)
{
    redis_server_ask(server, "SCRIPT FLUSH");
    call_many(50);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_eq(strncmp(desk.why, "NOSCRIPT ", 9), 0, "%s", desk.why);
    cr_assert_eq(desk.answered, 50);
    for (size_t i = 0; i < 50; i++) /* and none is in doubt */
        cr_assert(desk.answers[i].kind == REDIS_ERROR && strncmp(desk.answers[i].text, "NOSCRIPT ", 9) == 0);
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "1")->number, 1);
}

Test(redis_lost, while_it_leaves_it_takes_no_calls)
{
    desk.calls_again = true;
    redis_server_ask(server, "SCRIPT FLUSH");
    call_many(2);
    cr_assert(DESK_UNTIL(&desk, desk.answered == 2));
    cr_assert_eq(desk.again, -ENOTCONN);
}

Test(redis_lost, a_handler_may_call_but_not_on_what_is_lost)
{
    desk.calls_again = true;
    redis_server_freeze(server);
    call_many(10);
    redis_server_kill(server);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_eq(desk.again, -ENOTCONN);
    expect_lost(10);
}

Test(redis_lost, a_handler_may_call_while_it_is_up)
{
    desk.calls_again = true;
    redis_desk_ask(&desk, DESK_RAISE, "ERR no");
    cr_assert(DESK_UNTIL(&desk, desk.answered == 2));
    cr_assert_str_eq(desk.answers[1].text, "again");
}

static void make_replica(void)
{
    char command[64];
    other = redis_server_start(NULL);
    snprintf(command, sizeof(command), "REPLICAOF 127.0.0.1 %u", redis_server_port(other));
    redis_server_ask(server, command);
}

Test(redis_lost, a_server_that_became_a_replica_is_left_until_it_is_a_primary)
{
    make_replica();
    cr_assert(redis_desk_call(&desk, DESK_COUNT, "1") == 0);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_eq(strncmp(desk.why, "READONLY ", 9), 0, "%s", desk.why);
    cr_assert_eq(desk.answers[0].kind, REDIS_ERROR);
    cr_assert(DESK_UNTIL(&desk, strcmp(redis_error(desk.redis), "is a replica") == 0), "%s", redis_error(desk.redis));
    redis_server_ask(server, "REPLICAOF NO ONE");
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "1")->number, 1);
}
