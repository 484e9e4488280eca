#include "edge/outbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "sender.h"

TestSuite(outbox, .init = sender_start, .fini = sender_stop, .timeout = 60);

/* --- what goes out --- */

Test(outbox, a_command_carries_ack_topic_id_expiry_and_content_type)
{
    sender_hear_all();
    sender_put_command(0x0102030405, 61000);
    cr_assert_gt(outbox_bytes(sender.outbox), 0);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 1000), 0);
    cr_assert_eq(sender.sent[0x0102030405 % SENDER_IDS], 1);
    cr_assert_eq(outbox_unacknowledged(sender.outbox), 1);
    sender_run(1);
    cr_expect_str_eq(sender.heard[0].topic, "command/4328719365");
    cr_expect_str_eq(sender.heard[0].payload, "do");
    cr_expect_str_eq(sender.heard[0].response_topic, "ack/here");
    cr_expect_str_eq(sender.heard[0].content_type, "application/json");
    cr_assert_eq(sender.heard[0].correlation_len, 8);
    cr_expect_arr_eq(sender.heard[0].correlation, "\0\0\0\x01\x02\x03\x04\x05", 8);
    cr_expect_leq(sender.heard[0].expiry_s, 60);
    cr_expect_geq(sender.heard[0].expiry_s, 50);
    cr_expect_eq(sender.heard[0].qos, 1);
    cr_expect_not(sender.heard[0].retain);
}

/* The broker takes off what has gone by meanwhile, which one of the five should escape. */
Test(outbox, the_expiry_of_a_command_is_rounded_up)
{
    uint32_t longest_s = 0;

    sender_hear_all();
    for (int id = 0; id < 5; id++) {
        sender_put_command((uint64_t)id, 59001);
        sender_run(id + 1);
        if (sender.heard[id].expiry_s > longest_s)
            longest_s = sender.heard[id].expiry_s;
    }
    cr_assert_eq(longest_s, 60);
}

Test(outbox, a_reply_carries_correlation_and_content_type_and_is_not_retained)
{
    sender_hear_all();
    sender_put_reply(5);
    sender_run(1);
    cr_expect_str_eq(sender.heard[0].topic, "reply");
    cr_expect_str_eq(sender.heard[0].payload, "reply 5");
    cr_expect_str_eq(sender.heard[0].response_topic, "");
    cr_expect_str_eq(sender.heard[0].content_type, "application/msgpack");
    cr_assert_eq(sender.heard[0].correlation_len, 3);
    cr_expect_arr_eq(sender.heard[0].correlation, "\0\xFFx", 3);
    cr_expect_eq(sender.heard[0].expiry_s, 0);
    cr_expect_eq(sender.heard[0].qos, 1);
    cr_expect_not(sender.heard[0].retain);
    cr_expect_eq(sender.delivered[5], 1);
    cr_expect_not(sender.has_why);
}

Test(outbox, a_state_is_retained_json)
{
    sender_hear_all();
    outbox_put_state(sender.outbox, 7, bytes_of_text("state"), bytes_of_text("{}"));
    sender_run(1);
    cr_expect_str_eq(sender.heard[0].topic, "state");
    cr_expect_str_eq(sender.heard[0].content_type, "application/json");
    cr_expect(sender.heard[0].retain);
    cr_expect_eq(sender.heard[0].qos, 1);
    cr_expect_eq(sender.state_delivered, 7);
}

/* --- how much at once --- */

Test(outbox, a_thousand_entries_respect_the_receive_maximum_and_arrive_in_order)
{
    uint64_t start_ms = clock_now().mono_ms;

    cr_assert_eq(mqtt_receive_maximum(sender.m), 20, "a broker as it comes");
    sender_hear_all();
    for (uint64_t id = 0; id < 1000; id++) {
        if (id % 2)
            sender_put_reply(id);
        else
            sender_put_command(id, SENDER_FAR_MS);
    }
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), -EAGAIN);
    cr_assert_eq(outbox_unacknowledged(sender.outbox), 20);
    cr_assert_eq(outbox_count(sender.outbox), 1000);
    sender_run(1000);
    cr_expect_eq(sender.most_unacknowledged, 20);
    cr_expect_lt(clock_now().mono_ms - start_ms, 10000, "it stalls where the maximum is reached");
    for (int id = 0; id < 1000; id++) {
        char expected[40];

        snprintf(expected, sizeof expected, id % 2 ? "reply %d" : "command/%d", id);
        cr_assert_str_eq(id % 2 ? sender.heard[id].payload : sender.heard[id].topic, expected);
        cr_assert_eq(id % 2 ? sender.delivered[id] : sender.sent[id], 1, "%d", id);
    }
}

/* --- what does not go out --- */

Test(outbox, a_cancelled_command_is_not_sent_and_the_others_are)
{
    sender_hear_all();
    for (uint64_t id = 1; id <= 3; id++)
        sender_put_command(id, SENDER_FAR_MS);
    outbox_cancel(sender.outbox, 2);
    outbox_cancel(sender.outbox, 2);
    outbox_cancel(sender.outbox, 17);
    cr_assert_eq(outbox_count(sender.outbox), 2);
    sender_run(2);
    cr_expect_str_eq(sender.heard[0].topic, "command/1");
    cr_expect_str_eq(sender.heard[1].topic, "command/3");
    cr_expect_eq(sender.sent[2] + sender.refused[2], 0);
}

Test(outbox, a_command_that_was_sent_cannot_be_cancelled)
{
    sender_put_command(1, SENDER_FAR_MS);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), 0);
    outbox_cancel(sender.outbox, 1);
    cr_assert_eq(outbox_unacknowledged(sender.outbox), 1);
    sender_run(0);
}

Test(outbox, a_command_past_its_deadline_is_dropped_without_a_word)
{
    sender_hear_all();
    sender_put_command(1, 1000);
    sender_put_command(2, 1001);
    sender_put_reply(3);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 1000), 0);
    cr_expect_eq(sender.sent[1] + sender.refused[1], 0);
    cr_expect_eq(sender.sent[2], 1);
    sender_run(2);
    cr_expect_str_eq(sender.heard[0].topic, "command/2");
    cr_expect_str_eq(sender.heard[1].topic, "reply");
    cr_expect_eq(sender.heard_count, 2);
}

Test(outbox, what_can_never_be_sent_is_refused_and_holds_nobody_up)
{
    static char large[4096];

    sender_stop();
    sender_start_with("max_packet_size 2000\n");
    sender_hear_all();
    outbox_put_command(sender.outbox, &(struct engine_command){.id = 1,
                                                               .topic = bytes_of_text("command"),
                                                               .payload = bytes_of(large, sizeof large),
                                                               .deadline_ms = SENDER_FAR_MS});
    outbox_put_reply(sender.outbox, &(struct engine_reply){.id = 2,
                                                           .topic = bytes_of_text("reply"),
                                                           .payload = bytes_of(large, sizeof large),
                                                           .content_type = "application/json"});
    outbox_release(sender.outbox);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), 0);
    cr_expect_eq(sender.refused[1], 1);
    cr_expect_eq(sender.sent[1], 0);
    cr_expect_eq(sender.delivered[2], 1, "a reply that will never be taken counts as delivered");
    cr_expect(sender.has_why);
    sender_put_reply(3);
    sender_run(1);
    cr_expect_eq(sender.delivered[3], 1);
    cr_expect_not(sender.has_why);
}

Test(outbox, an_acknowledgement_of_somebody_elses_publish_is_ignored)
{
    sender_put_reply(1);
    outbox_acked(sender.outbox, 17, 0);
    outbox_acked(sender.outbox, 0, 0);
    outbox_acked(sender.outbox, -1, 0);
    outbox_acked(sender.outbox, 65536, 0);
    cr_assert_eq(outbox_count(sender.outbox), 1);
    sender_run(0);
    cr_expect_eq(sender.delivered[1], 1);
}

Test(outbox, an_acknowledgement_that_says_no_refuses_the_command_and_ends_the_reply)
{
    sender_put_command(1, SENDER_FAR_MS);
    sender_put_reply(2);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), 0);
    for (int token = 1; token < 65536 && outbox_count(sender.outbox) > 0; token++)
        outbox_acked(sender.outbox, token, 0x87);
    cr_expect_eq(sender.refused[1], 1);
    cr_expect_eq(sender.delivered[2], 1);
    cr_expect(sender.has_why);
    cr_expect_eq(outbox_count(sender.outbox), 0);
}

/* --- what waits for the journal --- */

static void put_waiting_reply(uint64_t id)
{
    outbox_put_reply(sender.outbox, &(struct engine_reply){.id = id,
                                                           .waits = true,
                                                           .topic = bytes_of_text("reply"),
                                                           .payload = bytes_of_text("reply that waits"),
                                                           .content_type = "application/json"});
}

Test(outbox, commands_and_replies_that_wait_are_held_until_the_journal_has_them)
{
    sender_hear_all();
    sender.journal_is_late = true;
    sender_put_command(1, SENDER_FAR_MS);
    put_waiting_reply(2);
    sender_put_reply(3); /* rests on nothing that the journal knows */
    cr_expect_eq(outbox_count(sender.outbox), 3);
    cr_expect_eq(outbox_flush(sender.outbox, sender.m, 0), 0, "what is held is nothing to be waited for");
    cr_expect_eq(outbox_unacknowledged(sender.outbox), 1);
    cr_expect_eq(sender.sent[1], 0);
    outbox_release(sender.outbox);
    sender_run(3);
    cr_expect_eq(sender.sent[1], 1);
    cr_expect_eq(sender.delivered[2], 1);
    cr_expect_eq(sender.delivered[3], 1);
}

Test(outbox, what_is_held_can_be_cancelled_and_outlives_a_lost_connection)
{
    sender.journal_is_late = true;
    sender_put_command(1, SENDER_FAR_MS);
    sender_put_command(2, SENDER_FAR_MS);
    put_waiting_reply(3);
    outbox_cancel(sender.outbox, 1);
    outbox_disconnected(sender.outbox);
    cr_expect_eq(outbox_count(sender.outbox), 2);
    outbox_release(sender.outbox);
    sender_run(0);
    cr_expect_eq(sender.sent[1], 0);
    cr_expect_eq(sender.sent[2], 1);
    cr_expect_eq(sender.delivered[3], 1);
    cr_expect_eq(outbox_bytes(sender.outbox), 0);
}

static void put_lonely_reply(uint64_t id)
{
    outbox_put_reply(sender.outbox, &(struct engine_reply){.id = id,
                                                           .is_alone = true,
                                                           .topic = bytes_of_text("reply"),
                                                           .payload = bytes_of_text("only here"),
                                                           .content_type = "application/json"});
}

Test(outbox, what_will_be_judged_again_is_not_replied_to)
{
    sender_hear_all();
    put_lonely_reply(1);
    outbox_left(sender.outbox); /* now its request is acknowledged: nobody else will reply */
    put_lonely_reply(2);
    sender_put_reply(3);
    outbox_disconnected(sender.outbox);
    outbox_forget_unacknowledged(sender.outbox);
    cr_expect_eq(outbox_count(sender.outbox), 2);
    cr_expect_eq(sender.delivered[2], 1, "the journal forgets it");
    sender_run(2);
    cr_expect_eq(sender.delivered[1], 1);
    cr_expect_eq(sender.delivered[3], 1);
}
