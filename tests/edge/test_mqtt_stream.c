/* What is between paho and its socket, where a cork of the kernel's would not do. */
#include "edge/mqtt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/peer.h"

enum {
    MESSAGES = 1000,
    PUBACK_SIZE = 4,
    LONGER_THAN_A_CORK_MS = 300,
    PATIENCE_MS = 10000,
};

static struct broker *broker;

static void stop_broker(void)
{
    broker_stop(broker);
}

static void start_broker(void)
{
    broker = broker_start("max_queued_messages 0");
}

TestSuite(mqtt_stream, .init = start_broker, .fini = stop_broker, .timeout = 60);

/* A CONNACK and a thousand messages; then it tells every byte that comes. */
static void send_a_thousand(int fd, int reports)
{
    static const char connack[] = "\x20\x03\x01\x00\x00";
    char packet[512];
    ssize_t n = recv(fd, packet, sizeof(packet), 0);
    if (n <= 0 || send(fd, connack, sizeof(connack) - 1, MSG_NOSIGNAL) < 0)
        return;
    for (int i = 1; i <= MESSAGES; i++) {
        const char publish[] = {0x32, 8, 0, 2, 'i', 'n', (char)(i >> 8), (char)(i & 0xff), 0, 'x'};
        if (send(fd, publish, sizeof(publish), MSG_NOSIGNAL) != sizeof(publish))
            return;
    }
    while ((n = recv(fd, packet, sizeof(packet), 0)) > 0)
        if (write(reports, packet, (size_t)n) != n)
            return;
}

static size_t count_reported(const struct peer *peer, size_t wanted)
{
    uint64_t end_ms = clock_now().mono_ms + PATIENCE_MS;
    size_t count = 0;
    while (count < wanted && clock_now().mono_ms < end_ms) {
        char told[512];
        struct pollfd report = {.fd = peer->reports, .events = POLLIN};
        if (poll(&report, 1, 100) == 1)
            count += (size_t)read(peer->reports, told, sizeof(told));
    }
    return count;
}

/* Three TCP segments of PUBACKs, for longer than 200 ms. */
Test(mqtt_stream, what_is_held_stays_however_much_it_is_and_however_long)
{
    struct peer peer = peer_start(send_a_thousand);
    struct probe *p = probe_new(peer.url);
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    mqtt_cork(p->m, true);
    cr_assert(probe_wait(p, MESSAGES), "%d came", p->count);
    struct pollfd report = {.fd = peer.reports, .events = POLLIN};
    cr_assert_eq(poll(&report, 1, LONGER_THAN_A_CORK_MS), 0, "something has left");
    mqtt_cork(p->m, false);
    cr_assert_eq(count_reported(&peer, MESSAGES * PUBACK_SIZE), MESSAGES * PUBACK_SIZE);
    mqtt_abort(p->m);
    peer_stop(&peer);
    probe_free(p);
}

/* --- in pieces --- */

enum { PIECES_MESSAGES = 3000, PIECES_SEED = 20261128 };

/* Payloads of up to a few hundred bytes that tell their number and length. */
static size_t make_publish(char *at, int number, size_t len)
{
    size_t rest = 2 + 2 + 2 + 1 + len;
    size_t size = 0;
    at[size++] = 0x32;
    for (size_t n = rest; n > 0 || size == 1; n >>= 7)
        at[size++] = (char)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
    memcpy(at + size, "\x00\x02in", 4);
    size += 4;
    at[size++] = (char)((number + 1) >> 8);
    at[size++] = (char)((number + 1) & 0xff);
    at[size++] = 0;
    for (size_t i = 0; i < len; i++)
        at[size++] = (char)(number + (int)i);
    return size;
}

static size_t length_of(int number)
{
    return (size_t)(number * 37 % 400);
}

static void send_in_pieces(int fd, int reports)
{
    static const char connack[] = "\x20\x03\x00\x00\x00";
    static char stream[PIECES_MESSAGES * 420];
    unsigned short dice[3] = {PIECES_SEED & 0xFFFF, PIECES_SEED >> 16, 1};
    size_t size = 0;
    char packet[512];
    (void)reports;
    if (recv(fd, packet, sizeof(packet), 0) <= 0 || send(fd, connack, sizeof(connack) - 1, MSG_NOSIGNAL) < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (int i = 0; i < PIECES_MESSAGES; i++)
        size += make_publish(stream + size, i, length_of(i));
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + (size_t)nrand48(dice) % (nrand48(dice) % 4 ? 700 : 5);
        if (piece > size - at)
            piece = size - at;
        if (send(fd, stream + at, piece, MSG_NOSIGNAL) != (ssize_t)piece)
            return;
        at += piece;
    }
    while (recv(fd, packet, sizeof(packet), 0) > 0)
        ;
}

Test(mqtt_stream, a_packet_may_come_in_any_pieces)
{
    struct peer peer = peer_start(send_in_pieces);
    struct probe *p = probe_new(peer.url);
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert(probe_wait(p, PIECES_MESSAGES), "%d came, seed %d", p->count, PIECES_SEED);
    for (int i = 0; i < PIECES_MESSAGES; i++) {
        cr_assert_eq(p->messages[i].payload_len, length_of(i), "message %d", i);
        for (size_t at = 0; at < length_of(i); at++)
            cr_assert_eq(p->messages[i].payload[at], (char)(i + (int)at), "message %d, byte %zu", i, at);
    }
    mqtt_abort(p->m);
    peer_stop(&peer);
    probe_free(p);
}

static int publish_large(struct probe *p, const char *payload, size_t len)
{
    const struct mqtt_publish publish = {.topic = bytes_of_text("large"), .payload = bytes_of(payload, len), .qos = 1};
    int token;
    return mqtt_publish(p->m, &publish, &token);
}

/* Many times what the kernel takes, while the broker reads nothing: the next one has to wait, but nobody else. */
Test(mqtt_stream, a_publish_never_waits_for_the_socket)
{
    enum { LARGE = 8 * 1024 * 1024 };
    struct probe *other = probe_start(broker_url(broker), "large", 0);
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    char *payload = malloc(LARGE);
    cr_assert(payload);
    for (size_t i = 0; i < LARGE; i++)
        payload[i] = (char)(i * 7 + i / 251);
    broker_freeze(broker);
    cr_assert_eq(publish_large(p, payload, LARGE), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(publish_large(p, payload, LARGE), -EAGAIN);
    broker_thaw(broker);
    cr_assert(probe_wait_acked(p, 1));
    cr_assert_eq(publish_large(p, payload, 1), 0);
    cr_assert(probe_wait(other, 2));
    cr_assert_eq(other->messages[0].payload_len, LARGE);
    cr_assert_eq(memcmp(other->messages[0].payload, payload, LARGE), 0);
    free(payload);
    probe_free(p);
    probe_free(other);
}

/* What paho would wait for is held, and so would never come. */
Test(mqtt_stream, what_is_held_is_not_waited_for)
{
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    mqtt_cork(p->m, true);
    for (int i = 0; i < mqtt_receive_maximum(p->m); i++)
        cr_assert_eq(probe_publish(p, "a", "x", 1), 0);
    cr_assert_not(mqtt_may_publish(p->m));
    cr_assert_eq(probe_publish(p, "a", "x", 1), -EAGAIN);
    cr_assert_eq(probe_publish(p, "a", "x", 0), -EAGAIN);
    mqtt_cork(p->m, false);
    cr_assert(probe_wait_acked(p, mqtt_receive_maximum(p->m)));
    cr_assert(mqtt_may_publish(p->m));
    cr_assert_eq(probe_publish(p, "a", "x", 0), 0);
    probe_free(p);
}

/* The kernel gives out the lowest free number. */
Test(mqtt_stream, a_number_that_was_a_connection_is_a_file_again)
{
    struct probe *p = probe_start(broker_url(broker), NULL, 0);
    int number = mqtt_fd(p->m);
    char text[8] = {0};
    mqtt_abort(p->m);
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    for (int other = 0; fd >= 0 && fd < number && other < 64; other++)
        fd = dup(fd);
    cr_assert_eq(fd, number);
    cr_assert_eq(write(fd, "file", 4), 4);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    cr_assert_eq(read(fd, text, sizeof(text)), 4);
    cr_assert_str_eq(text, "file");
    close(fd);
    probe_free(p);
}
