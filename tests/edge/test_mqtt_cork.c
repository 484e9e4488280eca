#include "edge/mqtt.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/peer.h"

static struct broker *broker;

static void stop_broker(void)
{
    broker_stop(broker);
}

static void start_broker(void)
{
    broker = broker_start(NULL);
}

TestSuite(mqtt_cork, .init = start_broker, .fini = stop_broker, .timeout = 60);

/* A client with a session that has five unread messages in its socket. */
static struct probe *with_five_unread(void)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.clean_start = false;
    cr_assert_eq(probe_connect(p), 0);
    cr_assert_not(mqtt_session_present(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "in", .qos = 1}, 1), 0);
    probe_publish_elsewhere(broker_port(broker), "-t in -q 1", 5);
    return p;
}

/* How many messages, of the five, the broker sends again, and that they carry DUP. */
static int count_redelivered(struct probe *p)
{
    probe_forget(p);
    cr_assert_eq(probe_connect(p), 0);
    cr_assert(mqtt_session_present(p->m));
    probe_publish_elsewhere(broker_port(broker), "-t in -q 1", 1);
    do {
        cr_assert(probe_wait(p, p->count + 1));
    } while (p->messages[p->count - 1].dup);
    for (int i = 0; i < p->count - 1; i++)
        cr_assert(p->messages[i].dup);
    return p->count - 1;
}

Test(mqtt_cork, an_abort_throws_away_what_is_corked_so_that_the_broker_sends_it_again)
{
    struct probe *p = with_five_unread();
    mqtt_cork(p->m, true);
    cr_assert(probe_wait(p, 5));
    cr_assert_not(p->messages[0].dup);
    mqtt_abort(p->m);
    cr_assert_not(mqtt_is_connected(p->m));
    cr_assert_eq(mqtt_fd(p->m), -1);
    cr_assert_eq(count_redelivered(p), 5);
    probe_free(p);
}

Test(mqtt_cork, what_was_uncorked_is_not_sent_again)
{
    struct probe *p = with_five_unread();
    mqtt_cork(p->m, true);
    cr_assert(probe_wait(p, 5));
    mqtt_cork(p->m, false);
    /* The answer to this one shows that the broker has read the PUBACKs before it. */
    probe_publish(p, "after", "x", 1);
    cr_assert(probe_wait_acked(p, 1));
    mqtt_abort(p->m);
    cr_assert_eq(count_redelivered(p), 0);
    probe_free(p);
}

Test(mqtt_cork, a_killed_process_has_acknowledged_nothing_that_was_corked)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.clean_start = false;
    pid_t child = fork();
    if (child == 0) {
        struct probe *mine = with_five_unread();
        mqtt_cork(mine->m, true);
        probe_wait(mine, 5);
        raise(SIGKILL);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    snprintf(p->client_id, sizeof(p->client_id), "probe-%d-2", (int)child);
    cr_assert_eq(count_redelivered(p), 5);
    probe_free(p);
}

Test(mqtt_cork, a_disconnect_sends_what_is_written_first)
{
    struct probe *other = probe_start(broker_url(broker), "out", 0);
    /* Unread bytes in the socket would turn its close into a reset, and so would the cork. The broker sleeps through
     * all of it, so that a reset would find most of it still here. */
    struct probe *p = with_five_unread();
    cr_assert(probe_is_readable(p, 5000));
    broker_freeze(broker);
    mqtt_cork(p->m, true);
    char payload[10001] = {0};
    memset(payload, 'x', 10000);
    int sent = 0;
    while (probe_publish(p, "out", payload, 0) == 0)
        sent++;
    cr_assert_gt(sent, 10);
    mqtt_disconnect(p->m);
    cr_assert_not(mqtt_is_connected(p->m));
    broker_thaw(broker);
    cr_assert(probe_wait(other, sent), "%d of %d", other->count, sent);
    /* And the unread ones were not acknowledged on the way out. */
    cr_assert_eq(count_redelivered(p), 5);
    probe_free(p);
    probe_free(other);
}

Test(mqtt_cork, messages_that_come_while_subscribing_are_kept)
{
    struct probe *p = with_five_unread();
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "other", .qos = 1}, 1), 0);
    cr_assert_not(probe_is_readable(p, 0));
    bool more;
    cr_assert_eq(mqtt_receive(p->m, 64, &more), 5);
    probe_free(p);
}

Test(mqtt_cork, subscribing_under_a_cork_acknowledges_nothing)
{
    struct probe *p = with_five_unread();
    mqtt_cork(p->m, true);
    uint64_t start_us = clock_mono_us();
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "other", .qos = 1}, 1), 0);
    cr_assert_lt(clock_mono_us() - start_us, 150000, "the SUBSCRIBE itself waited in the cork");
    cr_assert_not(probe_is_readable(p, 0));
    mqtt_abort(p->m);
    cr_assert_eq(count_redelivered(p), 5);
    probe_free(p);
}

Test(mqtt_cork, unsubscribing_under_a_cork_does_not_wait_for_it_to_dry)
{
    struct probe *p = probe_start(broker_url(broker), "a", 1);
    mqtt_cork(p->m, true);
    uint64_t start_us = clock_mono_us();
    cr_assert_eq(mqtt_unsubscribe(p->m, (const char *const[]){"a"}, 1), 0);
    cr_assert_lt(clock_mono_us() - start_us, 150000);
    probe_free(p);
}

/* --- a connection that paho closes by itself --- */

/* Sends a message and its end of the stream in one, and reports what comes back after the CONNECT. */
static void end_after_a_message(int fd, int reports)
{
    static const uint8_t connack[] = {0x20, 3, 0, 0, 0};
    static const uint8_t publish[] = {0x32, 8, 0, 2, 'i', 'n', 0, 1, 0, 'x'};
    uint8_t bytes[512];
    ssize_t n = read(fd, bytes, sizeof bytes); /* CONNECT */

    if (n <= 0 || write(fd, connack, sizeof connack) < 0 || write(fd, publish, sizeof publish) < 0)
        return;
    shutdown(fd, SHUT_WR);
    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        if (write(reports, bytes, (size_t)n) < 0)
            return;
    }
    (void)!write(reports, "end", 3);
}

/* It closes with a shutdown, which would let out what is corked. */
Test(mqtt_cork, a_connection_that_ends_has_acknowledged_nothing_that_was_corked)
{
    struct peer peer = peer_start(end_after_a_message);
    struct probe *p = probe_new(peer.url);
    char report[8] = {0};

    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    mqtt_cork(p->m, true);
    cr_expect_not(probe_wait(p, 2), "there is only one");
    cr_expect_eq(p->count, 1);
    cr_expect_not(mqtt_is_connected(p->m));
    cr_assert_eq(read(peer.reports, report, 3), 3);
    cr_expect_str_eq(report, "end", "something has left: 0x%02x", (uint8_t)report[0]);
    probe_free(p);
    peer_stop(&peer);
}
