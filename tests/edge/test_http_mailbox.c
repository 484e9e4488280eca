#include "edge/http_mailbox.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

enum { ASKS_MAX = 3, PATIENCE_MS = 10000 };

static struct http_mailbox *mailbox;

static void open_mailbox(void)
{
    mailbox = http_mailbox_new(ASKS_MAX);
}

static void close_mailbox(void)
{
    http_mailbox_free(mailbox);
}

TestSuite(http_mailbox, .init = open_mailbox, .fini = close_mailbox, .timeout = 60);

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static struct http_ask *put(void)
{
    struct http_ask *ask = http_ask_new();

    cr_assert(http_mailbox_put(mailbox, ask));
    return ask;
}

Test(http_mailbox, each_side_is_woken_while_there_is_something_for_it)
{
    struct http_ask *ask;

    cr_assert_not(is_readable(http_mailbox_asks_fd(mailbox)));
    cr_assert_null(http_mailbox_take(mailbox));
    ask = put();
    cr_assert(is_readable(http_mailbox_asks_fd(mailbox)));
    cr_assert_eq(http_mailbox_take(mailbox), ask);
    cr_assert_not(is_readable(http_mailbox_asks_fd(mailbox)));
    cr_assert_not(is_readable(http_mailbox_answers_fd(mailbox)));
    cr_assert_null(http_mailbox_answered(mailbox));
    http_ask_answer(ask, 200, "yes");
    http_mailbox_answer(mailbox, ask);
    cr_assert(is_readable(http_mailbox_answers_fd(mailbox)));
    cr_assert_eq(http_mailbox_answered(mailbox), ask);
    cr_assert_not(is_readable(http_mailbox_answers_fd(mailbox)));
    cr_assert_eq(ask->answer.status, 200);
    http_ask_free(ask);
}

Test(http_mailbox, a_nudge_wakes_once)
{
    http_mailbox_nudge(mailbox);
    cr_assert(is_readable(http_mailbox_answers_fd(mailbox)));
    cr_assert_null(http_mailbox_answered(mailbox));
    cr_assert_not(is_readable(http_mailbox_answers_fd(mailbox)));
}

Test(http_mailbox, what_waits_is_bounded_and_what_was_taken_is_not_counted)
{
    struct http_ask *taken[ASKS_MAX];
    struct http_ask *beyond = http_ask_new();

    for (int i = 0; i < ASKS_MAX; i++)
        taken[i] = put();
    cr_assert_not(http_mailbox_put(mailbox, beyond));
    for (int i = 0; i < ASKS_MAX; i++)
        cr_assert_eq(http_mailbox_take(mailbox), taken[i], "in their order");
    cr_assert(http_mailbox_put(mailbox, beyond));
    for (int i = 0; i < ASKS_MAX; i++)
        http_mailbox_answer(mailbox, taken[i]);
}

Test(http_mailbox, nothing_is_put_into_a_closed_one)
{
    struct http_ask *ask = http_ask_new();

    http_mailbox_close(mailbox);
    cr_assert_not(http_mailbox_put(mailbox, ask));
    http_ask_free(ask);
}

/* The loop would be woken for ever by one that is not there. */
Test(http_mailbox, what_was_withdrawn_is_never_taken)
{
    struct http_ask *ask = put();
    struct http_ask *other = put();

    cr_assert(http_mailbox_withdraw(mailbox, ask));
    cr_assert_eq(http_mailbox_take(mailbox), other);
    cr_assert_not(http_mailbox_withdraw(mailbox, other), "the loop has it");
    cr_assert(http_mailbox_put(mailbox, ask), "it is as before");
    cr_assert(http_mailbox_withdraw(mailbox, ask));
    cr_assert_not(is_readable(http_mailbox_asks_fd(mailbox)));
    cr_assert_null(http_mailbox_take(mailbox));
    http_ask_free(ask);
    http_mailbox_answer(mailbox, other);
}

Test(http_mailbox, the_answer_to_one_that_was_given_up_is_dropped)
{
    struct http_ask *waits = put();
    struct http_ask *taken = http_mailbox_take(mailbox);
    struct http_ask *answered;

    cr_assert_eq(taken, waits);
    http_mailbox_give_up(mailbox, taken);
    http_mailbox_answer(mailbox, taken);
    cr_assert_null(http_mailbox_answered(mailbox));
    http_mailbox_give_up(mailbox, put());
    cr_assert_null(http_mailbox_take(mailbox));
    put();
    answered = http_mailbox_take(mailbox);
    http_mailbox_answer(mailbox, answered);
    http_mailbox_give_up(mailbox, answered);
    cr_assert_null(http_mailbox_answered(mailbox));
}

Test(http_mailbox, what_is_only_told_is_taken_and_its_answer_dropped)
{
    struct http_ask *ask = http_ask_new();

    http_mailbox_tell(mailbox, ask);
    cr_assert_eq(http_mailbox_take(mailbox), ask);
    http_mailbox_answer(mailbox, ask);
    cr_assert_null(http_mailbox_answered(mailbox));
    cr_assert_not(is_readable(http_mailbox_answers_fd(mailbox)));
    for (int i = 0; i < ASKS_MAX + 1; i++)
        http_mailbox_tell(mailbox, http_ask_new());
    for (int i = 0; i < ASKS_MAX; i++)
        http_mailbox_answer(mailbox, http_mailbox_take(mailbox));
    cr_assert_null(http_mailbox_take(mailbox));
}

/* --- two threads --- */

enum { ROUNDS = 20000 };

/* Takes and answers, each third one late. */
static void *answer_all(void *ctx)
{
    struct http_ask *late = NULL;
    struct pollfd p = {.fd = http_mailbox_asks_fd(mailbox), .events = POLLIN};
    int count = 0;

    (void)ctx;
    while (count < ROUNDS) {
        struct http_ask *ask = http_mailbox_take(mailbox);

        if (!ask) {
            if (late)
                http_mailbox_answer(mailbox, late);
            late = NULL;
            cr_assert_geq(poll(&p, 1, PATIENCE_MS), 0);
            continue;
        }
        count++;
        buffer_put(&ask->answer.body, buffer_bytes(&ask->target));
        if (late)
            http_mailbox_answer(mailbox, late);
        late = count % 3 == 0 ? ask : NULL;
        if (!late)
            http_mailbox_answer(mailbox, ask);
    }
    if (late)
        http_mailbox_answer(mailbox, late);
    return NULL;
}

static int take_answers(void)
{
    struct http_ask *ask;
    int count = 0;

    while ((ask = http_mailbox_answered(mailbox))) {
        cr_assert(bytes_equal(buffer_bytes(&ask->target), buffer_bytes(&ask->answer.body)));
        http_ask_free(ask);
        count++;
    }
    return count;
}

Test(http_mailbox, two_threads_lose_nothing)
{
    struct pollfd p = {.fd = http_mailbox_answers_fd(mailbox), .events = POLLIN};
    pthread_t loop;
    int put_count = 0;
    int answered = 0;

    cr_assert_eq(pthread_create(&loop, NULL, answer_all, NULL), 0);
    while (answered < ROUNDS) {
        struct http_ask *ask = put_count < ROUNDS ? http_ask_new() : NULL;

        if (ask) {
            buffer_printf(&ask->target, "%d", put_count);
            if (http_mailbox_put(mailbox, ask))
                put_count++;
            else
                http_ask_free(ask);
        }
        cr_assert_geq(poll(&p, 1, put_count < ROUNDS ? 0 : PATIENCE_MS), 0);
        answered += take_answers();
    }
    cr_assert_eq(pthread_join(loop, NULL), 0);
}
