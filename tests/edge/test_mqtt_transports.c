#include "edge/mqtt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "slow_line.h"
#include "support/broker.h"
#include "support/mqtt_probe.h"
#include "support/pump.h"

/* One broker with a listener of every kind, and a certificate authority of its own. */
static struct broker *broker;
static char directory[] = "/tmp/certificates-XXXXXX";
static char ca_file[64], cert_file[64], key_file[64], other_ca_file[64];
static uint16_t tls_port, wrong_host_port, client_cert_port, ws_port, wss_port;

/* Makes ca.pem, other-ca.pem (which signs nothing), and NAME.pem with NAME.key for a server, a server by another name
 * and a client. */
static const char make_certificates[] =
    "cd %s && exec 2>/dev/null; "
    "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$1 -keyout $1.key"
    " -out $1.pem; }; "
    "signed() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr"
    " && echo subjectAltName=$2 > $1.ext"
    " && openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem; }; "
    "ca ca && ca other-ca && signed server IP:127.0.0.1,DNS:localhost && signed elsewhere DNS:broker.example"
    " && signed client DNS:client";

static void start(void)
{
    cr_assert_not_null(mkdtemp(directory));
    char command[2048];
    snprintf(command, sizeof(command), make_certificates, directory);
    cr_assert_eq(system(command), 0, "openssl");
    snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", directory);
    snprintf(other_ca_file, sizeof(other_ca_file), "%s/other-ca.pem", directory);
    snprintf(cert_file, sizeof(cert_file), "%s/client.pem", directory);
    snprintf(key_file, sizeof(key_file), "%s/client.key", directory);

    uint16_t *const ports[] = {&tls_port, &wrong_host_port, &client_cert_port, &ws_port, &wss_port};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        *ports[i] = broker_free_port();
    char config[2048];
    snprintf(config, sizeof(config),
             "listener %1$u 127.0.0.1\ncafile %6$s/ca.pem\ncertfile %6$s/server.pem\nkeyfile %6$s/server.key\n"
             "listener %2$u 127.0.0.1\ncafile %6$s/ca.pem\ncertfile %6$s/elsewhere.pem\nkeyfile %6$s/elsewhere.key\n"
             "listener %3$u 127.0.0.1\ncafile %6$s/ca.pem\ncertfile %6$s/server.pem\nkeyfile %6$s/server.key\n"
             "require_certificate true\n"
             "listener %4$u 127.0.0.1\nprotocol websockets\n"
             "listener %5$u 127.0.0.1\nprotocol websockets\n"
             "cafile %6$s/ca.pem\ncertfile %6$s/server.pem\nkeyfile %6$s/server.key\n",
             tls_port, wrong_host_port, client_cert_port, ws_port, wss_port, directory);
    broker = broker_start(config);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
        cr_assert(broker_wait_for_port(*ports[i]));
}

static void stop(void)
{
    broker_stop(broker);
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(mqtt_transports, .init = start, .fini = stop, .timeout = 60);

static char url[64];

static struct probe *probe_to(const char *scheme, uint16_t port)
{
    snprintf(url, sizeof(url), "%s://127.0.0.1:%u", scheme, port);
    struct probe *p = probe_new(url);
    p->options.tls.ca_file = ca_file;
    return p;
}

static void expect_round_trip(struct probe *p)
{
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_protocol(p->m), p->options.protocol);
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a", .qos = 1}, 1), 0);
    probe_publish(p, "a", "x", 1);
    cr_assert(probe_wait(p, 1));
    cr_assert(probe_wait_acked(p, 1));
    mqtt_disconnect(p->m);
    probe_free(p);
}

static void expect_refused(struct probe *p, const char *why)
{
    cr_assert_eq(probe_connect(p), -ECONNREFUSED);
    cr_assert(strstr(mqtt_error(p->m), why), "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_fd(p->m), -1);
    probe_free(p);
}

Test(mqtt_transports, every_scheme_carries_both_versions)
{
    const struct {
        const char *scheme;
        uint16_t port;
    } all[] = {{"mqtts", tls_port}, {"ws", ws_port}, {"wss", wss_port}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (int protocol = 4; protocol <= 5; protocol++) {
            struct probe *p = probe_to(all[i].scheme, all[i].port);
            p->options.protocol = protocol;
            expect_round_trip(p);
        }
}

static int count_in_log(const char *text)
{
    FILE *log = fopen(broker_log_path(broker), "r");
    char line[512];
    int count = 0;
    cr_assert_not_null(log);
    while (fgets(line, sizeof(line), log))
        count += strstr(line, text) != NULL;
    fclose(log);
    return count;
}

Test(mqtt_transports, a_certificate_of_another_authority_is_refused)
{
    struct probe *p = probe_to("mqtts", tls_port);
    p->options.tls.ca_file = other_ca_file;
    int before = count_in_log("New connection from");
    expect_refused(p, "certificate verify failed");
    cr_assert_eq(count_in_log("New connection from"), before + 1, "no second try with an older version");
}

Test(mqtt_transports, the_system_does_not_trust_our_authority)
{
    struct probe *p = probe_to("mqtts", tls_port);
    p->options.tls.ca_file = NULL;
    expect_refused(p, "certificate verify failed");
}

Test(mqtt_transports, a_certificate_for_another_host_is_refused)
{
    expect_refused(probe_to("mqtts", wrong_host_port), "another host");
}

Test(mqtt_transports, without_verification_any_certificate_will_do)
{
    struct probe *p = probe_to("mqtts", wrong_host_port);
    p->options.tls.ca_file = NULL;
    p->options.tls.verify = false;
    expect_round_trip(p);
}

Test(mqtt_transports, a_client_certificate_lets_in)
{
    expect_refused(probe_to("mqtts", client_cert_port), "closed the connection");
    struct probe *p = probe_to("mqtts", client_cert_port);
    p->options.tls.cert_file = cert_file;
    p->options.tls.key_file = key_file;
    expect_round_trip(p);
}

Test(mqtt_transports, a_missing_certificate_file_says_so)
{
    struct probe *p = probe_to("mqtts", client_cert_port);
    p->options.tls.cert_file = "/nonexistent/client.pem";
    expect_refused(p, "TLS: ");
}

Test(mqtt_transports, plain_and_tls_do_not_meet)
{
    expect_refused(probe_to("mqtts", broker_port(broker)), "");
    expect_refused(probe_to("mqtt", tls_port), "");
}

/* --- bytes that hide in a decoder --- */

/* Every message of the burst must come without the socket becoming readable for nothing but old bytes: a receive that
 * stopped too early leaves some behind, and then the poll times out. */
static void expect_burst(struct probe *p, const char *options, uint8_t qos)
{
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a", .qos = qos}, 1), 0);
    probe_publish_elsewhere(broker_port(broker), options, 500);
    bool more = false;
    while (p->count < 500) {
        cr_assert(more || probe_is_readable(p, 3000), "%d of 500 and nothing more to read", p->count);
        cr_assert_geq(mqtt_receive(p->m, 64, &more), 0);
    }
    for (int i = 0; i < 500; i++)
        cr_assert_eq(atoi(p->messages[i].payload), i + 1);
    probe_free(p);
}

Test(mqtt_transports, a_burst_over_tls_leaves_nothing_behind)
{
    expect_burst(probe_to("mqtts", tls_port), "-t a -q 0", 0);
    expect_burst(probe_to("mqtts", tls_port), "-t a -q 1", 1);
}

Test(mqtt_transports, a_burst_over_websockets_leaves_nothing_behind)
{
    expect_burst(probe_to("ws", ws_port), "-t a -q 0", 0);
    expect_burst(probe_to("ws", ws_port), "-t a -q 1", 1);
}

Test(mqtt_transports, a_burst_over_tls_and_websockets_leaves_nothing_behind)
{
    expect_burst(probe_to("wss", wss_port), "-t a -q 1", 1);
}

/* The acknowledgements of a burst of our own, of MQTT 3.1.1 too, where paho does not tell of them. */
static void expect_acks(struct probe *p)
{
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    for (int sent = 0; sent < 500;) {
        if (probe_publish(p, "nobody/listens", "x", 1) == 0)
            sent++;
        else
            cr_assert(probe_wait_acked(p, p->acked_count + 1));
    }
    bool more = false;
    while (p->acked_count < 500) {
        cr_assert(more || probe_is_readable(p, 3000), "%d of 500 and nothing more to read", p->acked_count);
        cr_assert_geq(mqtt_receive(p->m, 64, &more), 0);
    }
    probe_free(p);
}

Test(mqtt_transports, a_burst_of_acknowledgements_leaves_nothing_behind)
{
    for (int protocol = 4; protocol <= 5; protocol++) {
        const char *const schemes[] = {"mqtts", "ws", "wss"};
        const uint16_t ports[] = {tls_port, ws_port, wss_port};
        for (int i = 0; i < 3; i++) {
            struct probe *p = probe_to(schemes[i], ports[i]);
            p->options.protocol = protocol;
            expect_acks(p);
        }
    }
}

/* In three pieces at least, whatever the transport cuts it into; and one more after it. Over websockets the end of each
 * waits for a ping. */
static void expect_large(struct probe *p)
{
    size_t size = 300000;
    char *payload = malloc(size);
    for (size_t i = 0; i < size; i++)
        payload[i] = (char)(i * 7);
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a", .qos = 1}, 1), 0);
    struct mqtt_publish publish = {.topic = bytes_of_text("a"), .payload = bytes_of(payload, size)};
    for (int i = 1; i <= 2; i++) {
        cr_assert_eq(mqtt_publish(p->m, &publish, NULL), 0);
        cr_assert(probe_wait(p, i));
        cr_assert_eq(p->messages[i - 1].payload_len, size);
        cr_assert_arr_eq(p->messages[i - 1].payload, payload, size);
    }
    free(payload);
    probe_free(p);
}

Test(mqtt_transports, a_large_message_arrives_whole)
{
    expect_large(probe_to("mqtts", tls_port));
}

Test(mqtt_transports, a_large_message_over_websockets_arrives_whole)
{
    expect_large(probe_to("ws", ws_port));
}

Test(mqtt_transports, a_large_message_over_tls_and_websockets_arrives_whole)
{
    expect_large(probe_to("wss", wss_port));
}

/* --- the cork, encrypted --- */

static void expect_cork_holds(struct probe *p)
{
    p->options.clean_start = false;
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a", .qos = 1}, 1), 0);
    mqtt_cork(p->m, true);
    uint64_t start_us = clock_mono_us();
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "b", .qos = 1}, 1), 0);
    cr_assert_lt(clock_mono_us() - start_us, 150000, "the SUBSCRIBE waited in the cork");
    probe_publish_elsewhere(broker_port(broker), "-t a -q 1", 10);
    cr_assert(probe_wait(p, 10));
    mqtt_abort(p->m);
    probe_forget(p);
    cr_assert_eq(probe_connect(p), 0);
    cr_assert(probe_wait(p, 10));
    for (int i = 0; i < 10; i++)
        cr_assert(p->messages[i].dup);
    probe_free(p);
}

Test(mqtt_transports, an_abort_throws_away_what_is_corked)
{
    expect_cork_holds(probe_to("mqtts", tls_port));
    expect_cork_holds(probe_to("ws", ws_port));
    expect_cork_holds(probe_to("wss", wss_port));
}

static int bytes_to_read(const struct probe *p)
{
    int n = 0;
    ioctl(mqtt_fd(p->m), FIONREAD, &n);
    return n;
}

static void expect_wait_holds(const char *scheme, uint16_t port)
{
    const struct mqtt_filter other = {.filter = "b", .qos = 1};
    slow_line_start(port);
    struct probe *p = probe_to(scheme, slow_line_port());
    cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(mqtt_subscribe(p->m, &(struct mqtt_filter){.filter = "a", .qos = 1}, 1), 0);
    slow_line_count();
    cr_assert_eq(mqtt_subscribe(p->m, &other, 1), 0);
    int size = slow_line_counted();
    probe_publish_elsewhere(broker_port(broker), "-t a -q 1", 10);
    cr_assert(PUMP_UNTIL(bytes_to_read(p) >= 90));
    mqtt_cork(p->m, true);
    slow_line_hold(400);
    cr_assert_eq(mqtt_subscribe(p->m, &other, 1), 0, "%s", mqtt_error(p->m));
    cr_assert_eq(slow_line_counted_at_release(), size, "%s: %d bytes instead of %d", scheme,
                 slow_line_counted_at_release(), size);
    cr_assert(probe_wait(p, 10));
    mqtt_cork(p->m, false);
    probe_publish(p, "after", "x", 1);
    cr_assert(probe_wait_acked(p, 1));
    cr_assert_eq(p->count, 10);
    probe_free(p);
    slow_line_stop();
}

/* Longer than the kernel holds a cork. */
Test(mqtt_transports, a_late_suback_lets_no_acknowledgement_out)
{
    expect_wait_holds("mqtts", tls_port);
    expect_wait_holds("ws", ws_port);
    expect_wait_holds("wss", wss_port);
}

Test(mqtt_transports, a_disconnect_sends_what_is_written_first)
{
    const char *const schemes[] = {"mqtts", "ws", "wss"};
    const uint16_t ports[] = {tls_port, ws_port, wss_port};
    struct probe *other = probe_start(broker_url(broker), "out", 0);
    for (int i = 0; i < 3; i++) {
        struct probe *p = probe_to(schemes[i], ports[i]);
        cr_assert_eq(probe_connect(p), 0, "%s", mqtt_error(p->m));
        for (int n = 0; n < 100; n++)
            cr_assert_eq(probe_publish(p, "out", "x", 0), 0);
        mqtt_disconnect(p->m);
        cr_assert(probe_wait(other, (i + 1) * 100));
        probe_free(p);
    }
    probe_free(other);
}
