#include "edge/mqtt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/peer.h"

/* --- peers that are no good broker --- */

static void refuse_5_as_5_does(int fd, int reports)
{
    peer_refuse_5(fd, reports, "\x20\x03\x00\x84\x00", 5);
}

static void refuse_5_as_3_1_1_does(int fd, int reports)
{
    peer_refuse_5(fd, reports, "\x20\x02\x00\x01", 4);
}

static void refuse_client_id(int fd, int reports)
{
    peer_refuse_5(fd, reports, "\x20\x03\x00\x85\x00", 5);
}

static void skip_packet(int fd)
{
    char packet[512];
    if (recv(fd, packet, sizeof(packet), 0) <= 0)
        return;
}

/* "The server is shutting down", and is. */
static void say_goodbye(int fd, int reports)
{
    (void)reports;
    skip_packet(fd);
    send(fd, "\x20\x03\x00\x00\x00", 5, MSG_NOSIGNAL);
    send(fd, "\xe0\x02\x8b\x00", 4, MSG_NOSIGNAL);
}

/* Grants the first of two filters and refuses the second. */
static void refuse_second_filter(int fd, int reports)
{
    (void)reports;
    skip_packet(fd);
    send(fd, "\x20\x03\x00\x00\x00", 5, MSG_NOSIGNAL);
    skip_packet(fd);
    send(fd, "\x90\x05\x00\x01\x00\x01\x87", 7, MSG_NOSIGNAL);
    skip_packet(fd);
}

/* Answers the upgrade to WebSocket. */
static void upgrade(int fd)
{
    char request[1024] = {0};
    if (recv(fd, request, sizeof(request) - 1, 0) <= 0)
        return;
    const char *key = strcasestr(request, "sec-websocket-key: ");
    if (!key)
        return;
    key += strlen("sec-websocket-key: ");
    char joined[128];
    unsigned char digest[20];
    unsigned char accepted[32];
    snprintf(joined, sizeof(joined), "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r"), key);
    EVP_Digest(joined, strlen(joined), digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock(accepted, digest, sizeof(digest));
    dprintf(fd,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: %s\r\n\r\n",
            (const char *)accepted);
}

/* Puts the SUBACK and three messages into one WebSocket frame; answers every packet after that as if it were a ping. */
static void pack_frames(int fd, int reports)
{
    (void)reports;
    upgrade(fd);
    skip_packet(fd);
    send(fd, "\x82\x05\x20\x03\x00\x00\x00", 7, MSG_NOSIGNAL);
    skip_packet(fd);
    send(fd,
         "\x82\x18\x90\x04\x00\x01\x00\x00"
         "\x30\x04\x00\x01\x61\x00\x30\x04\x00\x01\x62\x00\x30\x04\x00\x01\x63\x00",
         26, MSG_NOSIGNAL);
    char packet[512];
    while (recv(fd, packet, sizeof(packet), 0) > 0)
        send(fd, "\x82\x02\xd0\x00", 4, MSG_NOSIGNAL);
}

/* --- versions --- */

static struct broker *broker;

static void start_broker(void)
{
    broker = broker_start(NULL);
    peer_real_port = broker_port(broker);
}

static void stop_broker(void)
{
    broker_stop(broker);
}

TestSuite(mqtt_connect, .init = start_broker, .fini = stop_broker, .timeout = 60);

static void expect_fallback(peer_serve *serve)
{
    struct peer peer = peer_start(serve);
    struct probe *p = probe_new(peer.url);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
        cr_assert_eq(mqtt_protocol(p->m), 4);
        cr_assert_eq(mqtt_receive_maximum(p->m), 100);
        probe_publish(p, "a", "x", 1);
        cr_assert(probe_wait_acked(p, i + 1));
        mqtt_disconnect(p->m);
    }
    char levels[5] = {0};
    cr_assert_eq(read(peer.reports, levels, 4), 4);
    cr_assert_str_eq(levels, "5454", "every connect begins with version 5");
    probe_free(p);
    peer_stop(&peer);
}

/* A line that broke in this moment looks the same. */
Test(mqtt_connect, does_not_fall_back_where_the_connection_ends_without_an_answer)
{
    struct peer peer = peer_start(peer_close_on_5);
    struct probe *p = probe_new(peer.url);
    char levels[3] = {0};

    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_expect_not_null(strstr(mqtt_error(p->m), "closed the connection instead of answering"), "%s", mqtt_error(p->m));
    cr_assert_eq(read(peer.reports, levels, 2), 2);
    cr_assert_str_eq(levels, "55");
    probe_free(p);
    peer_stop(&peer);
}

Test(mqtt_connect, falls_back_where_a_broker_refuses_version_5)
{
    expect_fallback(refuse_5_as_5_does);
}

Test(mqtt_connect, falls_back_where_an_old_broker_refuses_version_5)
{
    expect_fallback(refuse_5_as_3_1_1_does);
}

Test(mqtt_connect, a_refused_client_id_does_not_fall_back)
{
    struct peer peer = peer_start(refuse_client_id);
    struct probe *p = probe_new(peer.url);
    cr_assert_eq(probe_connect(p), -EPROTO);
    cr_assert_str_eq(mqtt_error(p->m), "refused: client id not valid");
    probe_free(p);
    kill(peer.pid, SIGKILL); /* ends the pipe */
    char levels[8];
    cr_assert_eq(read(peer.reports, levels, sizeof(levels)), 1);
    peer_stop(&peer);
}

Test(mqtt_connect, a_wrong_password_is_refused_by_name)
{
    char config[256];
    char command[256];
    snprintf(config, sizeof(config), "%s/passwords", broker_directory(broker));
    snprintf(command, sizeof(command), "mosquitto_passwd -c -b %s/passwords alice secret", broker_directory(broker));
    cr_assert_eq(system(command), 0);
    snprintf(config, sizeof(config), "allow_anonymous false\npassword_file %s/passwords", broker_directory(broker));
    struct broker *closed = broker_start(config);
    for (int protocol = 4; protocol <= 5; protocol++) {
        struct probe *p = probe_new(broker_url(closed));
        p->options.protocol = protocol;
        p->options.username = "alice";
        p->options.password = "guess";
        cr_assert_eq(probe_connect(p), -EPROTO);
        cr_assert(strstr(mqtt_error(p->m), "refused: "), "%s", mqtt_error(p->m));
        cr_assert_not(mqtt_is_connected(p->m));
        p->options.password = "secret";
        cr_assert_eq(probe_connect(p), 0);
        cr_assert_str_eq(mqtt_error(p->m), "");
        probe_free(p);
    }
    broker_stop(closed);
    snprintf(command, sizeof(command), "%s/passwords", broker_directory(broker));
    unlink(command);
}

/* --- the list, and nobody there --- */

Test(mqtt_connect, the_next_url_follows_a_failure_and_the_same_one_a_success)
{
    char dead[64];
    snprintf(dead, sizeof(dead), "mqtt://127.0.0.1:%u", broker_free_port());
    const char *const urls[] = {dead, broker_url(broker)};
    struct probe *p = probe_new(dead);
    p->options.urls = urls;
    p->options.url_count = 2;
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert_str_eq(mqtt_url(p->m), dead);
    cr_assert_str_eq(mqtt_error(p->m), "no connection");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(probe_connect(p), 0);
        cr_assert_str_eq(mqtt_url(p->m), broker_url(broker));
    }
    broker_freeze(broker);
    p->options.connect_timeout_s = 1;
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert_str_eq(mqtt_url(p->m), dead, "the list begins again");
    probe_free(p);
}

Test(mqtt_connect, a_broker_that_does_not_answer_costs_the_timeout_and_no_more)
{
    struct probe *p = probe_new(broker_url(broker));
    p->options.connect_timeout_s = 1;
    broker_freeze(broker);
    uint64_t start_ms = clock_now().mono_ms;
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    uint64_t took_ms = clock_now().mono_ms - start_ms;
    cr_assert_str_eq(mqtt_error(p->m), "no answer in time");
    cr_assert(took_ms >= 900 && took_ms < 1600, "%d ms", (int)took_ms);
    broker_thaw(broker);
    cr_assert_eq(probe_connect(p), 0);
    probe_free(p);
}

Test(mqtt_connect, an_unknown_host_or_scheme_says_so)
{
    struct probe *p = probe_new("mqtt://no-such-host.invalid:1883");
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert(strstr(mqtt_error(p->m), "no-such-host.invalid"), "%s", mqtt_error(p->m));
    probe_free(p);
    p = probe_new("http://127.0.0.1:1883");
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert(strstr(mqtt_error(p->m), "mqtts, ws or wss"), "%s", mqtt_error(p->m));
    probe_free(p);
}

/* --- what a broker says later --- */

Test(mqtt_connect, a_goodbye_of_the_broker_is_passed_on)
{
    struct peer peer = peer_start(say_goodbye);
    struct probe *p = probe_new(peer.url);
    cr_assert_eq(probe_connect(p), 0);
    cr_assert_not(probe_wait(p, 1));
    cr_assert_eq(mqtt_fd(p->m), -1);
    cr_assert_str_eq(mqtt_error(p->m), "the broker disconnected: Server shutting down");
    probe_free(p);
    peer_stop(&peer);
}

Test(mqtt_connect, a_refused_filter_is_named)
{
    struct peer peer = peer_start(refuse_second_filter);
    struct probe *p = probe_new(peer.url);
    cr_assert_eq(probe_connect(p), 0);
    const struct mqtt_filter filters[] = {{.filter = "mine/#", .qos = 1}, {.filter = "not/mine", .qos = 1}};
    cr_assert_eq(mqtt_subscribe(p->m, filters, 2), -EACCES);
    cr_assert_str_eq(mqtt_error(p->m), "refused: not/mine (Not authorized)");
    probe_free(p);
    peer_stop(&peer);
}

Test(mqtt_connect, packets_that_share_a_websocket_frame_arrive_with_the_next_ping)
{
    struct peer peer = peer_start(pack_frames);
    char url[64];
    snprintf(url, sizeof(url), "ws%s", strchr(peer.url, ':'));
    struct probe *p = probe_new(url);
    p->options.keep_alive_s = 1;
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "+"}, 1), 0, "%s", mqtt_error(p->m));
    cr_assert(probe_wait(p, 3));
    cr_assert_str_eq(p->messages[2].topic, "c");
    probe_free(p);
    peer_stop(&peer);
}
