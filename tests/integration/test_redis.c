/* Calls of scripts, on a real server. */
#include "edge/redis.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/redis_desk.h"
#include "support/redis_server.h"

static struct redis_server *server;
static struct redis_desk desk;

static void start(void)
{
    server = redis_server_start(NULL);
    redis_desk_init(&desk, redis_server_url(server));
}

static void stop(void)
{
    redis_desk_close(&desk);
    redis_server_stop(server);
}

TestSuite(redis, .init = start, .fini = stop, .timeout = 60);

/* How often the server has executed a script since it was told to count from zero. */
static unsigned executed(void)
{
    const char *at = strstr(redis_server_ask(server, "INFO commandstats"), "cmdstat_evalsha:calls=");
    return at ? (unsigned)strtoul(at + strlen("cmdstat_evalsha:calls="), NULL, 10) : 0;
}

static bool has_library(void)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "r");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof(line), maps))
        found = found || strstr(line, "libhiredis");
    fclose(maps);
    return found;
}

Test(redis, who_does_not_use_it_has_nothing_of_the_library)
{
    cr_assert_not(has_library());
    redis_desk_open(&desk);
    cr_assert(has_library());
}

Test(redis, is_up_with_the_servers_run_id)
{
    redis_desk_come_up(&desk);
    const char *at = strstr(redis_server_ask(server, "INFO server"), "run_id:");
    cr_assert(at && strncmp(at + strlen("run_id:"), desk.run_id, 40) == 0, "%s", desk.run_id);
    cr_assert(redis_is_up(desk.redis));
    cr_assert_str_eq(redis_error(desk.redis), "");
}

Test(redis, is_up_through_a_socket_in_the_file_system)
{
    desk.options.url = redis_server_unix_url(server);
    redis_desk_come_up(&desk);
    cr_assert_str_eq(redis_desk_ask(&desk, DESK_ECHO, "hello")->text, "hello");
}

Test(redis, is_up_by_a_name)
{
    char url[64];
    snprintf(url, sizeof(url), "redis://localhost:%u", redis_server_port(server));
    desk.options.url = url;
    redis_desk_come_up(&desk);
    cr_assert_str_eq(redis_desk_ask(&desk, DESK_ECHO, "hello")->text, "hello");
}

Test(redis, takes_no_calls_before_it_is_up)
{
    redis_desk_open(&desk);
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "early"), -ENOTCONN);
    redis_turn(desk.redis, clock_now());
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "early"), -ENOTCONN);
}

Test(redis, answers_calls_in_their_order)
{
    enum { CALLS = 10000 };
    char text[16];
    redis_desk_come_up(&desk);
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
}

Test(redis, counts_calls_and_how_long_they_took)
{
    redis_desk_come_up(&desk);
    const struct redis_stats *stats = redis_stats(desk.redis);
    uint64_t counted = 0;
    for (int i = 0; i < 5; i++)
        redis_desk_ask(&desk, i == 3 ? DESK_RAISE : DESK_ECHO, "ERR no");
    for (size_t i = 0; i <= stats->reply.bound_count; i++)
        counted += stats->reply.counts[i];
    cr_assert_eq(stats->calls, 5);
    cr_assert_eq(counted, 5);
    cr_assert_gt(stats->reply.sum_us, 0);
    cr_assert_eq(stats->errors, 1);
    cr_assert_eq(stats->connects, 1);
    cr_assert_eq(stats->lost + stats->timeouts, 0);
}

Test(redis, a_call_leaves_when_it_is_flushed_and_no_sooner)
{
    redis_desk_come_up(&desk);
    redis_server_ask(server, "CONFIG RESETSTAT");
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "later"), 0);
    for (int i = 0; i < 10; i++)
        redis_turn(desk.redis, clock_now());
    cr_assert_eq(executed(), 0);
    redis_flush(desk.redis, clock_now());
    cr_assert(DESK_UNTIL(&desk, desk.answered == 1));
    cr_assert_eq(executed(), 1);
}

Test(redis, keys_and_arguments_are_told_apart)
{
    redis_desk_come_up(&desk);
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "3")->number, 3);
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "4")->number, 7);
    cr_assert_str_eq(redis_server_ask(server, "GET key"), "7");
}

Test(redis, arguments_are_any_bytes)
{
    static const char bytes[] = "a\0b\r\n$5\r\n\xff";
    const struct bytes argument = bytes_of(bytes, sizeof(bytes) - 1);
    redis_desk_come_up(&desk);
    cr_assert_eq(redis_call(desk.redis, DESK_ECHO, 0, &argument, 1, &desk), 0);
    cr_assert(DESK_UNTIL(&desk, desk.answered == 1));
    cr_assert_eq(desk.answers[0].len, argument.len);
    cr_assert_eq(memcmp(desk.answers[0].text, "a", 2), 0);
    cr_assert_eq(redis_desk_ask(&desk, DESK_ECHO, "")->len, 0);
}

Test(redis, a_nested_reply_is_what_the_script_returned)
{
    redis_desk_come_up(&desk);
    const struct desk_answer *answer = redis_desk_ask(&desk, DESK_NEST, "");
    cr_assert_eq(answer->kind, REDIS_ARRAY);
    cr_assert_eq(answer->len, 3);
    cr_assert_str_eq(answer->text, "[1,[two,[3,nil,[]]],four]");
}

Test(redis, an_error_of_a_script_is_an_answer)
{
    redis_desk_come_up(&desk);
    const struct desk_answer *answer = redis_desk_ask(&desk, DESK_RAISE, "MISCONF no disk");
    cr_assert_eq(answer->kind, REDIS_ERROR);
    cr_assert_str_eq(answer->text, "MISCONF no disk");
    cr_assert_str_eq(redis_desk_ask(&desk, DESK_ECHO, "on")->text, "on");
    cr_assert_eq(desk.downs, 0);
}

Test(redis, a_server_without_memory_says_so_and_goes_on)
{
    redis_desk_come_up(&desk);
    redis_server_ask(server, "CONFIG SET maxmemory 1");
    const struct desk_answer *answer = redis_desk_ask(&desk, DESK_COUNT, "1");
    cr_assert(answer->kind == REDIS_ERROR && strncmp(answer->text, "OOM ", 4) == 0, "%s", answer->text);
    redis_server_ask(server, "CONFIG SET maxmemory 0");
    cr_assert_eq(redis_desk_ask(&desk, DESK_COUNT, "1")->number, 1);
    cr_assert_eq(desk.downs, 0);
}

Test(redis, a_large_reply_is_taken_whole_and_a_larger_one_closes_the_connection)
{
    desk.options.reply_bytes_max = 6000000;
    redis_desk_come_up(&desk);
    cr_assert_eq(redis_desk_ask(&desk, DESK_LARGE, "5000000")->len, 5000000);
    cr_assert_eq(redis_desk_ask(&desk, DESK_LARGE, "5000000")->len, 5000000);
    cr_assert(redis_desk_ask(&desk, DESK_LARGE, "7000000")->is_lost);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_str_eq(desk.why, "a reply is too large");
    cr_assert(DESK_UNTIL(&desk, desk.ups == 2));
}

Test(redis, no_more_calls_wait_than_may)
{
    desk.options.calls_max = 3;
    redis_desk_come_up(&desk);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, round % 2 ? "a" : "b"), 0);
        cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "c"), -EAGAIN);
        cr_assert(DESK_UNTIL(&desk, redis_outstanding(desk.redis) == 0));
    }
    for (size_t i = 0; i < 15; i++)
        cr_assert(desk.answers[i].call == i && strcmp(desk.answers[i].text, i / 3 % 2 ? "a" : "b") == 0);
}

Test(redis, no_more_bytes_wait_than_may)
{
    static char large[400001];
    memset(large, 'x', sizeof(large) - 1);
    desk.options.unsent_bytes_max = 1000000;
    redis_desk_come_up(&desk);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, large), 0);
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "one more"), -EAGAIN);
    cr_assert(DESK_UNTIL(&desk, desk.answered == 3));
    cr_assert_eq(desk.answers[2].len, 400000);
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "one more"), 0);
}

static void turn_without_flush(void)
{
    redis_turn(desk.redis, clock_now());
    struct pollfd wait = {.fd = redis_fd(desk.redis), .events = redis_events(desk.redis)};
    poll(&wait, 1, 20);
}

/* Neither side's socket takes all of it at once. */
Test(redis, what_the_socket_does_not_take_at_once_follows)
{
    uint64_t end_ms = clock_now().mono_ms + DESK_PATIENCE_MS;
    enum { CALLS = 300, SIZE = 100000 };
    static char large[SIZE + 1];
    memset(large, 'x', SIZE);
    redis_desk_come_up(&desk);
    for (size_t i = 0; i < CALLS; i++) {
        large[0] = (char)('A' + i % 26);
        cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, large), 0);
    }
    redis_flush(desk.redis, clock_now());
    while (desk.answered < CALLS && clock_now().mono_ms < end_ms)
        turn_without_flush();
    cr_assert_eq(desk.answered, CALLS);
    for (size_t i = 0; i < CALLS; i++)
        cr_assert(desk.answers[i].call == i && desk.answers[i].len == SIZE &&
                      desk.answers[i].text[0] == (char)('A' + i % 26),
                  "%zu", i);
    cr_assert_eq(desk.downs, 0);
}
