/* What is no server, or a broken one: it is left, with memory within its limit and no call answered twice. */
#include "edge/redis.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/peer.h"
#include "support/redis_desk.h"
#include "support/sanitizer.h"

enum { REPLY_MAX = 1 << 20, SCRIPTS = 6 };

static struct peer peer;
static struct redis_desk desk;

static void stop(void)
{
    redis_desk_close(&desk);
    if (peer.pid > 0)
        peer_stop(&peer);
}

TestSuite(redis_hostile, .fini = stop, .timeout = 60);

static void face(peer_serve *serve)
{
    static char url[64];
    peer = peer_start(serve);
    snprintf(url, sizeof(url), "redis%s/0", strchr(peer.url, ':'));
    redis_desk_init(&desk, url);
    desk.options.reply_bytes_max = REPLY_MAX;
}

/* The most memory that this process had, in kB, since it was last asked to forget that. */
static long peak_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *in = fopen("/proc/self/status", "r");
    cr_assert_not_null(in);
    while (fgets(line, sizeof(line), in))
        sscanf(line, "VmHWM: %ld", &kb);
    fclose(in);
    return kb;
}

static void forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY);
    cr_assert(fd >= 0 && write(fd, "5", 1) == 1);
    close(fd);
}

/* It is left for this reason, having taken no more memory than a few of the largest replies. */
static void expect_left(const char *why)
{
    redis_desk_open(&desk);
    forget_peak();
    long before_kb = peak_kb();
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_eq(strncmp(redis_error(desk.redis), why, strlen(why)), 0, "%s", redis_error(desk.redis));
    if (!SANITIZED)
        cr_assert_lt(peak_kb() - before_kb, 12 * (REPLY_MAX >> 10));
    cr_assert_eq(desk.ups + desk.downs, 0);
}

/* --- in place of a greeting --- */

static void say(int fd, const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Keeps the connection until the other side closes it. */
static void hold(int fd)
{
    char bytes[4096];
    while (recv(fd, bytes, sizeof(bytes), 0) > 0)
        ;
}

/* The same over and over, as long as somebody takes it. */
static void repeat(int fd, const char *first, const char *again)
{
    static char many[65536];
    size_t len = 0;
    for (; len + strlen(again) < sizeof(many); len += strlen(again))
        memcpy(many + len, again, strlen(again));
    say(fd, first);
    while (send(fd, many, len, MSG_NOSIGNAL) > 0)
        ;
}

#define SERVES(name, ...)                 \
    static void name(int fd, int reports) \
    {                                     \
        (void)reports;                    \
        __VA_ARGS__;                      \
    }

SERVES(close_at_once, (void)fd)
SERVES(say_garbage, say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n"), hold(fd))
SERVES(say_nothing, hold(fd))
SERVES(say_an_endless_bulk, repeat(fd, "$2000000000\r\n", "xxxxxxxx"))
SERVES(say_an_endless_line, repeat(fd, "+", "xxxxxxxx"))
SERVES(say_an_endless_array, repeat(fd, "*2000000\r\n", ":1\r\n"))
SERVES(say_a_large_array_of_texts, repeat(fd, "*20000\r\n", "$40\r\naaaaaaaaaabbbbbbbbbbccccccccccdddddddddd\r\n"))
SERVES(say_the_largest_array, say(fd, "*2147483647\r\n"), hold(fd))
SERVES(say_a_longer_array, say(fd, "*9223372036854775807\r\n"), hold(fd))
SERVES(say_the_longest_bulk, say(fd, "$9223372036854775807\r\nx"), repeat(fd, "", "x"))
SERVES(nest_without_end, repeat(fd, "", "*1\r\n"))
SERVES(say_a_negative_bulk, say(fd, "$-2\r\n"), hold(fd))
SERVES(say_a_negative_array, say(fd, "*-2\r\n"), hold(fd))
SERVES(say_ok, repeat(fd, "", "+OK\r\n"))
SERVES(say_a_map, say(fd, "%1\r\n+a\r\n+b\r\n"), hold(fd))

Test(redis_hostile, one_that_closes)
{
    face(close_at_once);
    redis_desk_open(&desk);
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_str_neq(redis_error(desk.redis), "no answer in time");
    cr_assert_eq(desk.ups, 0);
}

Test(redis_hostile, one_that_speaks_something_else)
{
    face(say_garbage);
    expect_left("Protocol error");
}

Test(redis_hostile, one_that_says_nothing)
{
    face(say_nothing);
    redis_desk_open(&desk);
    redis_desk_turn(&desk, 100);
    redis_desk_turn(&desk, 100);
    cr_assert_str_eq(redis_error(desk.redis), "");
    desk.ahead_ms += desk.options.connect_timeout_ms;
    redis_desk_turn(&desk, 0);
    cr_assert_str_eq(redis_error(desk.redis), "no answer in time");
}

Test(redis_hostile, an_endless_text)
{
    face(say_an_endless_bulk);
    expect_left("a reply is too large");
}

Test(redis_hostile, an_endless_line)
{
    face(say_an_endless_line);
    expect_left("a reply is too large");
}

Test(redis_hostile, an_endless_array)
{
    face(say_an_endless_array);
    expect_left("a reply is too large");
}

Test(redis_hostile, an_array_whose_texts_add_up)
{
    face(say_a_large_array_of_texts);
    expect_left("a reply is too large");
}

/* It comes in one piece, and takes more memory than room on the way. */
static void say_two_arrays(int fd, int reports)
{
    static char text[20000];
    size_t len = (size_t)sprintf(text, "*2\r\n");
    (void)reports;
    for (int i = 0; i < 2; i++) {
        len += (size_t)sprintf(text + len, "*1500\r\n");
        for (int j = 0; j < 1500; j++)
            len += (size_t)sprintf(text + len, ":1\r\n");
    }
    say(fd, text);
    hold(fd);
}

Test(redis_hostile, arrays_that_add_up)
{
    face(say_two_arrays);
    desk.options.reply_bytes_max = 100000;
    expect_left("a reply is too large");
}

Test(redis_hostile, the_largest_array)
{
    face(say_the_largest_array);
    expect_left("a reply is too large");
}

Test(redis_hostile, an_array_larger_than_any)
{
    face(say_a_longer_array);
    redis_desk_open(&desk);
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_eq(desk.ups, 0);
}

Test(redis_hostile, the_longest_text)
{
    face(say_the_longest_bulk);
    redis_desk_open(&desk);
    cr_assert(DESK_UNTIL(&desk, *redis_error(desk.redis)));
    cr_assert_eq(desk.ups, 0);
}

Test(redis_hostile, arrays_within_arrays_without_end)
{
    face(nest_without_end);
    expect_left("No support for nested multi bulk replies");
}

Test(redis_hostile, lengths_below_none)
{
    face(say_a_negative_bulk);
    expect_left("Bulk string length out of range");
    redis_desk_close(&desk);
    peer_stop(&peer);
    face(say_a_negative_array);
    expect_left("Multi-bulk length out of range");
}

Test(redis_hostile, a_kind_of_a_later_protocol)
{
    face(say_a_map);
    expect_left("Protocol error");
}

Test(redis_hostile, one_that_agrees_to_everything)
{
    face(say_ok);
    expect_left("is no Redis");
}

/* --- once it is up --- */

static const char *answer_text;

/* Takes what comes until this has come. */
static bool take_until(int fd, const char *end)
{
    char bytes[65536];
    size_t len = 0;
    while (len < sizeof(bytes)) {
        ssize_t n = recv(fd, bytes + len, sizeof(bytes) - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        if (memmem(bytes, len, end, strlen(end)))
            return true;
    }
    return false;
}

static void greet(int fd)
{
    if (!take_until(fd, "INFO\r\n"))
        return;
    for (int i = 0; i < SCRIPTS; i++)
        say(fd, "$40\r\naaaaaaaaaabbbbbbbbbbccccccccccdddddddddd\r\n");
    say(fd, "$40\r\nrun_id:1\r\nrole:master\r\ncluster_enabled:0\r\n");
}

static void greet_and_answer(int fd, int reports)
{
    (void)reports;
    greet(fd);
    if (take_until(fd, "EVALSHA\r\n"))
        say(fd, answer_text);
    hold(fd);
}

static void ask_and_hear(const char *text, size_t calls)
{
    answer_text = text;
    face(greet_and_answer);
    redis_desk_come_up(&desk);
    cr_assert_str_eq(desk.run_id, "1");
    for (size_t i = 0; i < calls; i++)
        cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "x"), 0);
    redis_flush(desk.redis, redis_desk_now(&desk));
}

Test(redis_hostile, more_answers_than_calls)
{
    ask_and_hear("+a\r\n+b\r\n+c\r\n", 2);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_str_eq(desk.why, "it answers what was not asked");
    cr_assert_eq(desk.answered, 2);
    cr_assert(strcmp(desk.answers[0].text, "a") == 0 && strcmp(desk.answers[1].text, "b") == 0);
}

Test(redis_hostile, garbage_behind_an_answer)
{
    ask_and_hear("+a\r\n?\r\n", 2);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_eq(desk.answered, 2);
    cr_assert(!desk.answers[0].is_lost && desk.answers[1].is_lost);
}

Test(redis_hostile, half_an_answer)
{
    ask_and_hear("*2\r\n+a\r\n$5\r\nab", 1);
    redis_desk_turn(&desk, 200);
    redis_desk_turn(&desk, 200);
    cr_assert_eq(desk.answered, 0);
    desk.ahead_ms += desk.options.reply_timeout_ms;
    redis_desk_turn(&desk, 0);
    cr_assert_str_eq(desk.why, "no answer in time");
    cr_assert(desk.answered == 1 && desk.answers[0].is_lost);
}

/* The call behind it is still answered, by whatever comes. */
Test(redis_hostile, a_server_that_is_loading_is_left)
{
    ask_and_hear("-LOADING Redis is loading the dataset in memory\r\n+late\r\n", 2);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_eq(strncmp(desk.why, "LOADING ", 8), 0, "%s", desk.why);
    cr_assert_eq(desk.answered, 2);
    cr_assert_str_eq(desk.answers[1].text, "late");
}

static int go_on[2]; /* the test says when */

static void answer_in_two_pieces(int fd, int reports)
{
    char byte;
    (void)reports;
    greet(fd);
    if (take_until(fd, "EVALSHA\r\n"))
        say(fd, "-NOSCRIPT\r\n");
    if (read(go_on[0], &byte, 1) == 1)
        say(fd, "+late\r\n");
    hold(fd);
}

Test(redis_hostile, it_is_left_when_all_calls_are_answered_and_no_sooner)
{
    cr_assert_eq(pipe(go_on), 0);
    face(answer_in_two_pieces);
    redis_desk_come_up(&desk);
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "a"), 0);
    cr_assert_eq(redis_desk_call(&desk, DESK_ECHO, "b"), 0);
    cr_assert(DESK_UNTIL(&desk, desk.answered == 1));
    redis_desk_turn(&desk, 0);
    cr_assert_eq(desk.downs, 0);
    cr_assert_eq(redis_outstanding(desk.redis), 1);
    cr_assert_eq(write(go_on[1], "", 1), 1);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_str_eq(desk.answers[1].text, "late");
}

Test(redis_hostile, a_word_that_only_begins_so_is_any_error)
{
    ask_and_hear("-LOADINGS\r\n-READONLY\r\n", 2);
    cr_assert(DESK_UNTIL(&desk, desk.downs == 1));
    cr_assert_str_eq(desk.answers[0].text, "LOADINGS");
    cr_assert_str_eq(desk.why, "READONLY");
}
