/* What comes while a SUBACK or UNSUBACK is waited for, longer than the kernel holds a cork. */
#include "edge/mqtt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge/mqtt_stream.h"
#include "slow_line.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/peer.h"
#include "support/pump.h"

enum {
    BACKLOG = 10,
    LONGER_THAN_A_CORK_MS = 400,
    PUBLISH_SIZE_MIN = 9, /* of a message on "in" with one digit */
};

static struct broker *broker;
static char url[64];

static void stop(void)
{
    slow_line_stop();
    broker_stop(broker);
}

static void start(void)
{
    broker = broker_start("max_queued_messages 0");
    slow_line_start(broker_port(broker));
    snprintf(url, sizeof(url), "mqtt://127.0.0.1:%u", slow_line_port());
}

TestSuite(mqtt_wait, .init = start, .fini = stop, .timeout = 60);

static int subscribe(struct probe *p, const char *filter)
{
    return mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = filter, .qos = 1}, 1);
}

static int unsubscribe(struct probe *p, const char *filter)
{
    return mqtt_unsubscribe(p->m, &filter, 1);
}

typedef int ask_fn(struct probe *p, const char *filter);

static int bytes_to_read(const struct probe *p)
{
    int n = 0;
    ioctl(mqtt_fd(p->m), FIONREAD, &n);
    return n;
}

/* Corked, with a backlog in its socket that nobody has read; what the broker says next is kept back. */
static void fill(struct probe *p)
{
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(subscribe(p, "in"), 0);
    probe_publish_elsewhere(broker_port(broker), "-t in -q 1", BACKLOG);
    cr_assert(PUMP_UNTIL(bytes_to_read(p) >= (BACKLOG - 1) * PUBLISH_SIZE_MIN));
    mqtt_cork(p->m, true);
    slow_line_hold(LONGER_THAN_A_CORK_MS);
}

static struct probe *slow_probe(int protocol)
{
    struct probe *p = probe_new(url);
    p->options.clean_start = false;
    p->options.protocol = protocol;
    return p;
}

static int size_on_the_line(struct probe *p, ask_fn *ask)
{
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    slow_line_count();
    cr_assert_eq(ask(p, "other"), 0);
    int size = slow_line_counted();
    mqtt_abort(p->m);
    return size;
}

static int count_redelivered(struct probe *p)
{
    probe_forget(p);
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert(mqtt_session_present(p->m));
    probe_publish_elsewhere(broker_port(broker), "-t in -q 1", 1);
    do {
        cr_assert(probe_wait(p, p->count + 1));
    } while (p->messages[p->count - 1].dup);
    return p->count - 1;
}

static void expect_held(int protocol, ask_fn *ask)
{
    struct probe *p = slow_probe(protocol);
    int size = size_on_the_line(p, ask);
    fill(p);
    cr_assert_eq(ask(p, "other"), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(slow_line_counted_at_release(), size, "%d bytes instead of %d had left in spite of the cork",
                 slow_line_counted_at_release(), size);
    cr_assert(probe_wait(p, BACKLOG));
    mqtt_cork(p->m, false);

    /* Acknowledged, each of them: the answer to this one shows that the broker has read that. */
    probe_publish(p, "after", "x", 1);
    cr_assert(probe_wait_acked(p, 1));
    cr_assert_eq(p->count, BACKLOG);
    for (int i = 0; i < BACKLOG; i++)
        cr_assert_eq(atoi(p->messages[i].payload), i + 1);
    mqtt_abort(p->m);
    cr_assert_eq(count_redelivered(p), 0);
    probe_free(p);
}

Test(mqtt_wait, a_late_suback_lets_no_acknowledgement_out)
{
    expect_held(5, subscribe);
    expect_held(4, subscribe);
}

Test(mqtt_wait, a_late_unsuback_lets_no_acknowledgement_out)
{
    expect_held(5, unsubscribe);
    expect_held(4, unsubscribe);
}

static void expect_kept_when_killed(int protocol, ask_fn *ask)
{
    struct probe *p = slow_probe(protocol);
    pid_t child = fork();
    if (child == 0) {
        slow_line_kill_instead(getpid());
        fill(p);
        ask(p, "other");
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cr_assert_eq(count_redelivered(p), BACKLOG);
    probe_free(p);
}

Test(mqtt_wait, who_is_killed_waiting_for_an_answer_has_acknowledged_nothing)
{
    expect_kept_when_killed(5, subscribe);
    expect_kept_when_killed(4, subscribe);
    expect_kept_when_killed(5, unsubscribe);
}

static void expect_kept_when_cut(int protocol)
{
    struct probe *p = slow_probe(protocol);
    slow_line_kill_instead(0);
    fill(p);
    uint64_t start_ms = clock_now().mono_ms;
    cr_assert_eq(subscribe(p, "other"), -ENOTCONN);
    cr_assert_lt(clock_now().mono_ms - start_ms, 4500, "paho waited to the end of its patience");
    cr_assert_not(mqtt_is_connected(p->m));
    cr_assert_eq(mqtt_fd(p->m), -1);
    slow_line_kill_instead(-1);
    cr_assert_eq(count_redelivered(p), BACKLOG);
    probe_free(p);
}

Test(mqtt_wait, a_connection_lost_waiting_for_an_answer_has_acknowledged_nothing)
{
    expect_kept_when_cut(5);
    expect_kept_when_cut(4);
}

Test(mqtt_wait, no_answer_at_all_ends_the_connection_and_acknowledges_nothing)
{
    struct probe *p = slow_probe(5);
    fill(p);
    slow_line_hold(15000);
    cr_assert_eq(subscribe(p, "other"), -ENOTCONN);
    cr_assert_not(mqtt_is_connected(p->m));
    slow_line_hold(0);
    cr_assert_eq(count_redelivered(p), BACKLOG);
    probe_free(p);
}

/* More than the buffers on the way hold: it has to be carried on while the answer is waited for. */
Test(mqtt_wait, a_large_backlog_before_the_answer_arrives_whole)
{
    enum { COUNT = 40, SIZE = 20000 };
    static char payload[SIZE];
    struct probe *p = slow_probe(5);
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "large", .qos = 0}, 1), 0);
    slow_line_hold(LONGER_THAN_A_CORK_MS);
    struct probe *sender = probe_start(broker_url(broker), NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        for (int at = 0; at < SIZE; at++)
            payload[at] = (char)(i + at * 7);
        struct mqtt_publish publish = {
            .topic = bytes_of_text("large"), .payload = bytes_of(payload, i == COUNT - 1 ? 1 : SIZE), .qos = 1};
        int token;
        cr_assert_eq(mqtt_publish(sender->m, &publish, &token), 0);
        cr_assert(probe_wait_acked(sender, i + 1));
    }
    mqtt_cork(p->m, true);
    cr_assert_eq(subscribe(p, "other"), 0, "%s", mqtt_error(p->m));
    cr_assert(probe_wait(p, COUNT));
    for (int i = 0; i < COUNT - 1; i++) {
        cr_assert_eq(p->messages[i].payload_len, SIZE);
        for (int at = 0; at < SIZE; at++)
            cr_assert_eq(p->messages[i].payload[at], (char)(i + at * 7), "message %d, byte %d", i, at);
    }
    probe_free(p);
    probe_free(sender);
}

/* What has come and paho has not read when it has its answer: retained messages follow a SUBACK. */
Test(mqtt_wait, messages_behind_the_answer_are_neither_lost_nor_doubled)
{
    enum { COUNT = 40 };
    struct probe *sender = probe_start(broker_url(broker), NULL, 0);
    for (int i = 0; i < COUNT; i++) {
        char topic[32];
        snprintf(topic, sizeof(topic), "kept/%d", i);
        struct mqtt_publish publish = {
            .topic = bytes_of_text(topic), .payload = bytes_of_text(topic), .qos = 0, .retain = true};
        cr_assert_eq(mqtt_publish(sender->m, &publish, NULL), 0);
    }
    probe_publish(sender, "after", "x", 1);
    cr_assert(probe_wait_acked(sender, 1));
    struct probe *p = slow_probe(5);
    fill(p);
    cr_assert_eq(subscribe(p, "kept/#"), 0, "%s", mqtt_error(p->m));
    cr_assert_gt(mqtt_stream_unread(mqtt_fd(p->m)), 0);
    cr_assert(probe_wait(p, BACKLOG + COUNT));
    mqtt_cork(p->m, false);
    probe_publish(p, "after", "x", 1);
    cr_assert(probe_wait_acked(p, 1));
    cr_assert_eq(p->count, BACKLOG + COUNT);
    for (int i = BACKLOG; i < p->count; i++)
        cr_assert_str_eq(p->messages[i].payload, p->messages[i].topic);
    probe_free(p);
    probe_free(sender);
}

/* Another process, because paho would read for both connections of one. It sends "1", "2", … once the returned
 * descriptor has been written to. */
static int start_sender(int count)
{
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[1]);
        char go;
        struct probe *sender = probe_start(broker_url(broker), NULL, 0);
        bool is_sending = read(fds[0], &go, 1) == 1;
        for (int sent = 0; is_sending && sent < count;) {
            char text[16];
            snprintf(text, sizeof(text), "%d", sent + 1);
            if (probe_publish(sender, "in", text, 1) == 0)
                sent++;
            else
                is_sending = probe_wait_acked(sender, sender->acked_count + 1);
        }
        probe_wait_acked(sender, count);
        _exit(0);
    }
    close(fds[0]);
    return fds[1];
}

Test(mqtt_wait, asking_in_the_midst_of_traffic_loses_and_doubles_nothing)
{
    enum { COUNT = 1000, PATIENCE_MS = 30000 };
    for (int protocol = 4; protocol <= 5; protocol++) {
        int go = start_sender(COUNT);
        struct probe *p = slow_probe(protocol);
        cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
        cr_assert_eq(subscribe(p, "in"), 0);
        cr_assert_eq(write(go, "", 1), 1);
        uint64_t end_ms = clock_now().mono_ms + PATIENCE_MS;
        for (int turn = 0; p->count < COUNT && clock_now().mono_ms < end_ms; turn++) {
            bool more;
            mqtt_cork(p->m, true);
            cr_assert_eq(turn % 2 ? unsubscribe(p, "other") : subscribe(p, "other"), 0, "%s", mqtt_error(p->m));
            cr_assert_geq(mqtt_receive(p->m, 64, &more), 0);
            mqtt_cork(p->m, false);
        }
        cr_assert_eq(p->count, COUNT, "%d, last %s", p->count, p->messages[p->count - 1].payload);
        for (int i = 0; i < COUNT; i++)
            cr_assert_eq(atoi(p->messages[i].payload), i + 1);
        close(go);
        probe_free(p);
    }
}

Test(mqtt_wait, asking_under_a_cork_takes_no_descriptor)
{
    struct probe *p = slow_probe(5);
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    mqtt_cork(p->m, true);
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max}), 0);
    int r = subscribe(p, "other");
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(r, 0, "%s", mqtt_error(p->m));
    probe_free(p);
}

/* --- connecting --- */

/* A CONNACK and three messages of the session in one segment; then it waits for the client to go. */
static void answer_with_messages(int fd, int reports)
{
    static const char answer[] = "\x20\x03\x01\x00\x00"
                                 "\x32\x08\x00\x02in\x00\x01\x00x"
                                 "\x32\x08\x00\x02in\x00\x02\x00y"
                                 "\x32\x08\x00\x02in\x00\x03\x00z";
    char packet[512];
    ssize_t n = recv(fd, packet, sizeof(packet), 0);
    if (n > 0)
        send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    while ((n = recv(fd, packet, sizeof(packet), 0)) > 0)
        if (write(reports, packet, (size_t)n) != n)
            return;
}

Test(mqtt_wait, connecting_reads_and_acknowledges_no_message)
{
    struct peer peer = peer_start(answer_with_messages);
    struct probe *p = probe_new(peer.url);
    p->options.clean_start = false;
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert(mqtt_session_present(p->m));
    cr_assert_eq(bytes_to_read(p), 30, "paho has read on after the CONNACK");
    mqtt_cork(p->m, true);
    cr_assert(probe_wait(p, 3));
    mqtt_abort(p->m);

    /* Of what came after the cork, nothing has left, and nothing before it. */
    struct pollfd report = {.fd = peer.reports, .events = POLLIN};
    cr_assert_eq(poll(&report, 1, 0), 0);
    peer_stop(&peer);
    probe_free(p);
}
