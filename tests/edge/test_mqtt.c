#include "edge/mqtt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"

static struct broker *broker;

static void stop_broker(void)
{
    broker_stop(broker);
}

static void start_broker(void)
{
    broker = broker_start(NULL);
}

TestSuite(mqtt, .init = start_broker, .fini = stop_broker, .timeout = 60);

Test(mqtt, every_property_comes_back)
{
    struct probe *p = probe_start(broker_url(broker), "a/b", 1);
    cr_assert_eq(mqtt_protocol(p->m), 5);
    cr_assert_str_eq(mqtt_url(p->m), broker_url(broker));
    struct mqtt_publish publish = {
        .topic = bytes_of_text("a/b"),
        .payload = bytes_of("\0\1payload", 9),
        .response_topic = bytes_of_text("reply/here"),
        .correlation = bytes_of("\0\xff\x7f", 3),
        .content_type = bytes_of_text("application/json"),
        .expiry_s = 100,
        .qos = 1,
    };
    int token = 0;
    cr_assert_eq(mqtt_publish(p->m, &publish, &token), 0);
    cr_assert(probe_wait(p, 1));
    cr_assert(probe_wait_acked(p, 1));
    cr_assert_eq(p->last_acked, token);
    cr_assert_eq(p->last_reason, 0);

    const struct probe_message *got = &p->messages[0];
    cr_assert_str_eq(got->topic, "a/b");
    cr_assert_eq(got->payload_len, 9);
    cr_assert_arr_eq(got->payload, "\0\1payload", 9);
    cr_assert_str_eq(got->response_topic, "reply/here");
    cr_assert_eq(got->correlation_len, 3);
    cr_assert_arr_eq(got->correlation, "\0\xff\x7f", 3);
    cr_assert_str_eq(got->content_type, "application/json");
    cr_assert(got->has_expiry);
    cr_assert_leq(got->expiry_s, 100);
    cr_assert_geq(got->expiry_s, 98);
    cr_assert_eq(got->qos, 1);
    cr_assert_not(got->retain);
    cr_assert_not(got->dup);
    probe_free(p);
}

Test(mqtt, small_packets_do_not_wait_for_one_another)
{
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    int value = 0;
    socklen_t len = sizeof(value);
    cr_assert_eq(getsockopt(mqtt_fd(p->m), IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    cr_assert_eq(value, 1);
    probe_free(p);
}

Test(mqtt, absent_properties_are_absent_and_an_empty_payload_is_one)
{
    struct probe *p = probe_start(broker_url(broker), "a/b", 0);
    probe_publish(p, "a/b", "", 0);
    cr_assert(probe_wait(p, 1));
    const struct probe_message *got = &p->messages[0];
    cr_assert_eq(got->payload_len, 0);
    cr_assert_null(got->response_topic);
    cr_assert_null(got->correlation);
    cr_assert_null(got->content_type);
    cr_assert_not(got->has_expiry);
    cr_assert_eq(got->qos, 0);
    probe_free(p);
}

Test(mqtt, version_3_1_1_carries_messages_without_properties)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.protocol = 4;
    cr_assert_eq(probe_connect(p), 0);
    cr_assert_eq(mqtt_protocol(p->m), 4);
    cr_assert_eq(mqtt_receive_maximum(p->m), 100);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a/#", .qos = 1}, 1), 0);
    struct mqtt_publish publish = {.topic = bytes_of_text("a/b"),
                                   .payload = bytes_of_text("x"),
                                   .response_topic = bytes_of_text("r"),
                                   .correlation = bytes_of_text("c"),
                                   .expiry_s = 5,
                                   .qos = 1};
    int token = 0;
    cr_assert_eq(mqtt_publish(p->m, &publish, &token), 0);
    cr_assert(probe_wait(p, 1));
    cr_assert(probe_wait_acked(p, 1));
    cr_assert_eq(p->last_acked, token);
    cr_assert_str_eq(p->messages[0].payload, "x");
    cr_assert_null(p->messages[0].response_topic);
    cr_assert_not(p->messages[0].has_expiry);
    probe_free(p);
}

Test(mqtt, version_3_1_1_acknowledges_each_token_once)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.protocol = 4;
    cr_assert_eq(probe_connect(p), 0);
    for (int sent = 0; sent < 1000;) {
        if (probe_publish(p, "nobody/listens", "x", 1) == 0)
            sent++;
        else
            cr_assert(probe_wait_acked(p, p->acked_count + 1));
    }
    cr_assert(probe_wait_acked(p, 1000));
    bool more;
    cr_assert_eq(mqtt_receive(p->m, 64, &more), 0);
    cr_assert_eq(p->acked_count, 1000);
    probe_free(p);
}

Test(mqtt, quality_2_arrives_once)
{
    struct probe *p = probe_start(broker_url(broker), "a/b", 2);
    probe_publish_elsewhere(broker_port(broker), "-t a/b -q 2", 50);
    cr_assert(probe_wait(p, 50));
    cr_assert_eq(p->messages[49].qos, 2);
    probe_publish_elsewhere(broker_port(broker), "-t a/b -q 1", 1);
    cr_assert(probe_wait(p, 51));
    cr_assert_eq(p->count, 51);
    probe_free(p);
}

Test(mqtt, retain_as_published_shows_the_flag_of_live_messages)
{
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    const struct mqtt_filter filters[] = {{.filter = "kept/#", .qos = 1, .retain_as_published = true},
                                          {.filter = "plain/#", .qos = 1}};
    cr_assert_eq(mqtt_subscribe(p->m, filters, 2), 0);
    struct mqtt_publish publish = {.topic = bytes_of_text("kept/x"), .payload = bytes_of_text("1"), .retain = true};
    cr_assert_eq(mqtt_publish(p->m, &publish, NULL), 0);
    publish.topic = bytes_of_text("plain/x");
    cr_assert_eq(mqtt_publish(p->m, &publish, NULL), 0);
    cr_assert(probe_wait(p, 2));
    cr_assert_str_eq(p->messages[0].topic, "kept/x");
    cr_assert(p->messages[0].retain);
    cr_assert_not(p->messages[1].retain);
    probe_free(p);
}

Test(mqtt, no_retained_leaves_out_what_the_broker_keeps)
{
    probe_publish_elsewhere(broker_port(broker), "-t kept -r", 1);
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "kept", .no_retained = true}, 1), 0);
    probe_publish(p, "kept", "live", 0);
    cr_assert(probe_wait(p, 1));
    cr_assert_str_eq(p->messages[0].payload, "live");

    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "kept"}, 1), 0);
    cr_assert(probe_wait(p, 2));
    cr_assert_str_eq(p->messages[1].payload, "1");
    cr_assert(p->messages[1].retain);
    probe_free(p);
}

Test(mqtt, unsubscribed_topics_stay_away)
{
    struct probe *p = probe_start(broker_url(broker), "a", 0);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "b"}, 1), 0);
    cr_assert_eq(mqtt_unsubscribe(p->m, (const char *const[]){"a"}, 1), 0);
    probe_publish(p, "a", "1", 0);
    probe_publish(p, "b", "2", 0);
    cr_assert(probe_wait(p, 1));
    cr_assert_str_eq(p->messages[0].topic, "b");
    probe_free(p);
}

Test(mqtt, receive_stops_at_max_and_says_that_there_is_more)
{
    struct probe *p = probe_start(broker_url(broker), "a", 1);
    probe_publish_elsewhere(broker_port(broker), "-t a -q 1", 10);
    bool more = false;
    while (p->count < 4) {
        cr_assert(probe_is_readable(p, 5000));
        int r = mqtt_receive(p->m, 4 - p->count, &more);
        cr_assert_geq(r, 0);
    }
    cr_assert_eq(p->count, 4);
    cr_assert(more);
    cr_assert(probe_wait(p, 10));
    mqtt_receive(p->m, 4, &more);
    cr_assert_not(more);
    probe_free(p);
}

Test(mqtt, receive_maximum_of_a_default_broker_is_kept)
{
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    cr_assert_eq(mqtt_receive_maximum(p->m), 20);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(probe_publish(p, "a", "x", 1), 0);
    cr_assert_eq(probe_publish(p, "a", "x", 1), -EAGAIN);
    cr_assert_eq(probe_publish(p, "a", "x", 0), -EAGAIN, "paho would wait here");
    for (int sent = 20; sent < 1000;) {
        if (probe_publish(p, "a", "x", 1) == 0)
            sent++;
        else
            cr_assert(probe_wait_acked(p, p->acked_count + 1));
    }
    cr_assert(probe_wait_acked(p, 1000));
    bool more;
    cr_assert_eq(mqtt_receive(p->m, 64, &more), 0);
    cr_assert_eq(p->acked_count, 1000);
    cr_assert_eq(p->last_reason, 0x10, "no matching subscribers");
    probe_free(p);
}

Test(mqtt, what_can_never_be_sent_is_refused)
{
    struct broker *small = broker_start("max_packet_size 1000");
    struct probe *p = probe_start(broker_url(small), NULL, 0);
    cr_assert_eq(mqtt_maximum_packet(p->m), 1000);
    char big[2000] = {0};
    const struct mqtt_publish bad[] = {
        {.topic = bytes_of_text("a"), .payload = bytes_of(big, sizeof(big))},
        {.topic = bytes_of_text("a/+")},
        {.topic = bytes_of_text("a/#")},
        {.topic = bytes_of("a\0b", 3)},
        {.topic = bytes_of_text("")},
        {.topic = bytes_of_text("\xff")},
        {.topic = bytes_of_text("a"), .response_topic = bytes_of_text("b/#")},
        {.topic = bytes_of_text("a"), .content_type = bytes_of_text("\xc0")},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(mqtt_publish(p->m, &bad[i], NULL), -EINVAL, "publish %zu", i);
    cr_assert_eq(probe_publish(p, "a", "x", 1), 0);
    cr_assert(probe_wait_acked(p, 1));
    probe_free(p);
    broker_stop(small);
}

/* --- never waits --- */

Test(mqtt, publish_never_waits_for_a_peer_that_stopped_reading)
{
    struct broker *b = broker_start("max_inflight_messages 0\nmax_queued_messages 0");
    struct probe *p = probe_start(broker_url(b), NULL, 0);
    static char payload[20001];
    memset(payload, 'x', 20000);
    broker_freeze(b);
    int sent = 0;
    uint64_t longest_us = 0;
    for (int r = 0; r == 0;) {
        uint64_t start_us = clock_mono_us();
        r = probe_publish(p, "a", payload, 1);
        uint64_t took_us = clock_mono_us() - start_us;
        longest_us = took_us > longest_us ? took_us : longest_us;
        sent += r == 0;
        cr_assert_lt(sent, 60000);
        bool more;
        cr_assert_eq(mqtt_receive(p->m, 64, &more), 0);
    }
    cr_assert_gt(sent, 10);
    cr_assert(mqtt_may_publish(p->m), "it is the socket that is full");
    cr_assert_lt(longest_us, 90000, "%d sent, one took %d us", sent, (int)longest_us);
    cr_assert_eq(p->acked_count, 0);
    broker_thaw(b);
    cr_assert(probe_wait_acked(p, sent));
    cr_assert_eq(probe_publish(p, "a", payload, 1), 0);
    cr_assert(probe_wait_acked(p, sent + 1));
    probe_free(p);
    broker_stop(b);
}

Test(mqtt, a_publish_larger_than_the_send_buffer_goes_out)
{
    struct probe *p = probe_start(broker_url(broker), "big", 0);
    size_t size = 3000000;
    char *big = malloc(size);
    memset(big, 'x', size);
    struct mqtt_publish publish = {.topic = bytes_of_text("big"), .payload = bytes_of(big, size)};
    cr_assert_eq(mqtt_publish(p->m, &publish, NULL), 0);
    cr_assert(probe_wait(p, 1));
    cr_assert_eq(p->messages[0].payload_len, size);
    free(big);
    probe_free(p);
}

/* --- losing the connection --- */

static void expect_lost(struct probe *p)
{
    bool more;
    int r = 0;
    for (int turns = 0; r == 0 && turns < 10; turns++) {
        cr_assert(probe_is_readable(p, 5000));
        r = mqtt_receive(p->m, 64, &more);
    }
    cr_assert_eq(r, -ENOTCONN);
    cr_assert_eq(mqtt_fd(p->m), -1);
    cr_assert_not(mqtt_is_connected(p->m));
    cr_assert_eq(mqtt_receive(p->m, 64, &more), -ENOTCONN);
    cr_assert_eq(mqtt_publish(p->m, &(struct mqtt_publish){.topic = bytes_of_text("a")}, NULL), -ENOTCONN);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a"}, 1), -ENOTCONN);
}

Test(mqtt, a_restarted_broker_is_noticed_and_keeps_the_session)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.clean_start = false;
    cr_assert_eq(probe_connect(p), 0);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "in", .qos = 1}, 1), 0);
    broker_restart(broker);
    expect_lost(p);
    cr_assert_eq(probe_connect(p), 0);
    cr_assert(mqtt_session_present(p->m));
    probe_publish_elsewhere(broker_port(broker), "-t in -q 1", 1);
    cr_assert(probe_wait(p, 1));
    probe_free(p);
}

static void idle(struct probe *p, int ms)
{
    uint64_t end_ms = clock_now().mono_ms + (uint64_t)ms;
    bool more;
    while (clock_now().mono_ms < end_ms && mqtt_is_connected(p->m)) {
        probe_is_readable(p, 100);
        mqtt_receive(p->m, 64, &more);
    }
}

Test(mqtt, the_keep_alive_holds_a_connection_and_notices_a_dead_one)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.keep_alive_s = 1;
    cr_assert_eq(probe_connect(p), 0);
    idle(p, 3000); /* the broker gives up after 1.5 s of silence */
    cr_assert(mqtt_is_connected(p->m));
    probe_publish(p, "a", "x", 1);
    cr_assert(probe_wait_acked(p, 1));
    broker_freeze(broker);
    idle(p, 5000);
    cr_assert_not(mqtt_is_connected(p->m));
    probe_free(p);
}

Test(mqtt, a_lost_connection_acknowledges_nothing)
{
    for (int protocol = 4; protocol <= 5; protocol++) {
        struct probe *p = probe_new(broker_url(broker));
        p->options.protocol = protocol;
        p->options.keep_alive_s = 1;
        cr_assert_eq(probe_connect(p), 0);
        broker_freeze(broker);
        for (int i = 0; i < 5; i++)
            cr_assert_eq(probe_publish(p, "a", "x", 1), 0);
        idle(p, 5000);
        cr_assert_not(mqtt_is_connected(p->m));
        cr_assert_eq(p->acked_count, 0);
        broker_thaw(broker);
        probe_free(p);
    }
}

/* --- handlers --- */

static void answer(void *ctx, const struct mqtt_message *message)
{
    struct probe *p = ctx;
    p->count++;
    struct mqtt_publish publish = {.topic = bytes_of_text("out"), .payload = message->payload, .qos = 1};
    int token;
    cr_assert_eq(mqtt_publish(p->m, &publish, &token), 0);
}

Test(mqtt, a_handler_may_publish)
{
    struct probe *other = probe_start(broker_url(broker), "out", 1);
    struct probe *p = probe_new(broker_url(broker));
    p->handlers.message = answer;
    cr_assert_eq(probe_connect(p), 0);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "in", .qos = 1}, 1), 0);
    probe_publish_elsewhere(broker_port(broker), "-t in -q 1", 10);
    cr_assert(probe_wait(p, 10));
    cr_assert(probe_wait(other, 10));
    cr_assert(probe_wait_acked(p, 10));
    probe_free(p);
    probe_free(other);
}
