/* Replies without a topic, for whoever asked in this process. No connection is needed. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "edge/outbox.h"

static struct outbox *outbox;
static char told[256]; /* what happened, in its order */

static void tell(const char *what, uint64_t id)
{
    size_t len = strlen(told);

    snprintf(told + len, sizeof told - len, "%s%s %d", len ? ", " : "", what, (int)id);
}

static void on_delivered(void *ctx, uint64_t id, const char *why)
{
    (void)ctx;
    cr_assert_null(why);
    tell("delivered", id);
}

static void on_local(void *ctx, uint64_t id, enum code code, struct bytes payload)
{
    (void)ctx;
    cr_assert_eq(code, CODE_OFFLINE);
    cr_assert(bytes_equal_text(payload, "payload"));
    tell("reply", id);
}

static void open_outbox(void)
{
    static const struct outbox_events events = {.reply_delivered = on_delivered, .local_reply = on_local};

    outbox = outbox_new(&events);
}

static void close_outbox(void)
{
    outbox_free(outbox);
}

TestSuite(outbox_local, .init = open_outbox, .fini = close_outbox, .timeout = 10);

static void put(uint64_t id, bool waits)
{
    outbox_put_reply(outbox, &(struct engine_reply){
                                 .id = id, .waits = waits, .code = CODE_OFFLINE, .payload = bytes_of_text("payload")});
}

Test(outbox_local, are_handed_out_and_count_as_delivered)
{
    put(1, false);
    put(2, false);
    cr_assert_eq(outbox_count(outbox), 2);
    cr_assert_str_eq(told, "", "not before they are asked for");
    outbox_deliver_local(outbox);
    cr_assert_str_eq(told, "reply 1, delivered 1, reply 2, delivered 2");
    cr_assert_eq(outbox_count(outbox), 0);
    cr_assert_eq(outbox_bytes(outbox), 0);
}

Test(outbox_local, wait_for_the_journal_where_they_have_to)
{
    put(1, true);
    put(2, false);
    outbox_deliver_local(outbox);
    cr_assert_str_eq(told, "reply 2, delivered 2");
    outbox_release(outbox);
    outbox_deliver_local(outbox);
    cr_assert_str_eq(told, "reply 2, delivered 2, reply 1, delivered 1");
}

Test(outbox_local, are_freed_with_it)
{
    put(1, true);
    put(2, false);
    outbox_disconnected(outbox);
    cr_assert_eq(outbox_count(outbox), 2);
}
