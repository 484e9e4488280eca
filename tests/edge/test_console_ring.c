/* The last events: in their order, the oldest give way, and nobody waits. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "edge/console_ring.h"

enum { SIZE = 16, MANY = 200000 };

static struct console_ring *ring;
static uint64_t next = 1;
static uint64_t missed;
static struct console_event events[SIZE];

static void open_ring(void)
{
    ring = console_ring_new(SIZE, 7);
}

static void close_ring(void)
{
    console_ring_free(ring);
}

TestSuite(console_ring, .init = open_ring, .fini = close_ring, .timeout = 60);

static void put(int32_t from, int32_t to)
{
    for (int32_t i = from; i <= to; i++)
        console_ring_put(ring, &(struct console_event){.tracker_id = i});
}

static size_t take(size_t max)
{
    return console_ring_read(ring, &next, events, max, &missed);
}

Test(console_ring, gives_back_what_was_put_in_its_order)
{
    cr_assert_eq(take(SIZE), 0);
    put(1, 5);
    cr_assert_eq(take(3), 3);
    cr_assert_eq(events[0].tracker_id, 1);
    cr_assert_eq(events[0].number, 1);
    cr_assert_eq(events[2].tracker_id, 3);
    cr_assert_eq(take(SIZE), 2);
    cr_assert_eq(events[1].number, 5);
    cr_assert_eq(take(SIZE), 0);
    cr_assert_eq(missed, 0);
    cr_assert_eq(console_ring_last(ring), 5);
    cr_assert_eq(console_ring_life(ring), 7);
}

Test(console_ring, whoever_is_slow_learns_how_many_he_has_missed)
{
    put(1, SIZE);
    cr_assert_eq(take(1), 1);
    cr_assert_eq(missed, 0);
    put(SIZE + 1, SIZE + 11);
    cr_assert_eq(take(SIZE), SIZE);
    cr_assert_eq(missed, 10);
    cr_assert_eq(events[0].tracker_id, 12);
    cr_assert_eq(events[SIZE - 1].tracker_id, SIZE + 11);
}

Test(console_ring, the_last_few_are_found)
{
    cr_assert_eq(console_ring_first(ring, 4), 1);
    put(1, 3);
    cr_assert_eq(console_ring_first(ring, 4), 1);
    put(4, 10);
    cr_assert_eq(console_ring_first(ring, 4), 7);
    put(11, 100);
    cr_assert_eq(console_ring_first(ring, 1000), 100 - SIZE + 1);
}

Test(console_ring, a_reader_that_sleeps_is_woken_once)
{
    put(1, 1);
    cr_assert_not(console_ring_wakes(ring));
    cr_assert(console_ring_sleep(ring, 1));
    cr_assert_not(console_ring_wakes(ring), "there is nothing new");
    put(2, 3);
    cr_assert(console_ring_wakes(ring));
    put(4, 4);
    cr_assert_not(console_ring_wakes(ring), "it is awake");
    cr_assert_not(console_ring_sleep(ring, 3), "there is more than it has seen");
    cr_assert(console_ring_sleep(ring, 4));
    put(5, 5);
    cr_assert(console_ring_wakes(ring));
}

static void *put_many(void *ctx)
{
    (void)ctx;
    put(1, MANY);
    return NULL;
}

Test(console_ring, between_two_threads_each_event_is_told_or_counted)
{
    uint64_t told = 0;
    uint64_t lost = 0;
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, put_many, NULL), 0);
    while (told + lost < MANY) {
        size_t count = take(5);

        lost += missed;
        for (size_t i = 0; i < count; i++)
            cr_assert_eq((uint64_t)events[i].tracker_id, told + lost + i + 1);
        told += count;
    }
    pthread_join(thread, NULL);
    cr_assert_eq(told + lost, MANY);
}
