/* The service and a broker that wants certificates or passwords. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"

static char directory[] = "/tmp/certificates-XXXXXX";
static char tls_url[64];
static char client_cert_url[64];
static struct broker *broker;
static struct outputd *service;

/* ca.pem signs the broker (broker.pem) and a client (client.pem); stranger.pem signs nothing. */
static const char make_certificates[] =
    "cd %s && exec 2>/dev/null; key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; "
    "ca() { openssl req -x509 $key -days 2 -subj /CN=$1 -keyout $1.key -out $1.pem; }; "
    "signed() { openssl req $key -subj /CN=$1 -keyout $1.key -out $1.csr && echo subjectAltName=$2 > $1.ext && "
    "openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile $1.ext -out $1.pem; }; "
    "ca ca && ca stranger && signed broker IP:127.0.0.1 && signed client DNS:client";

static void run_shell(const char *format)
{
    char command[1024];

    snprintf(command, sizeof command, format, directory);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void set_stage(void)
{
    uint16_t tls_port = broker_free_port();
    uint16_t client_cert_port = broker_free_port();
    char config[1024];

    cr_assert(mkdtemp(directory));
    run_shell(make_certificates);
    snprintf(config, sizeof config,
             "listener %1$u 127.0.0.1\ncafile %3$s/ca.pem\ncertfile %3$s/broker.pem\nkeyfile %3$s/broker.key\n"
             "listener %2$u 127.0.0.1\ncafile %3$s/ca.pem\ncertfile %3$s/broker.pem\nkeyfile %3$s/broker.key\n"
             "require_certificate true\n",
             tls_port, client_cert_port, directory);
    broker = broker_start(config);
    cr_assert(broker_wait_for_port(tls_port) && broker_wait_for_port(client_cert_port));
    snprintf(tls_url, sizeof tls_url, "mqtts://127.0.0.1:%u", tls_port);
    snprintf(client_cert_url, sizeof client_cert_url, "mqtts://127.0.0.1:%u", client_cert_port);
    service = outputd_new(broker_url(broker));
}

static void clear_stage(void)
{
    outputd_free(service);
    broker_stop(broker);
    run_shell("rm -r %s");
}

TestSuite(service_tls, .init = set_stage, .fini = clear_stage, .timeout = 60);

static void set_file(const char *key, const char *name)
{
    char path[96];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    outputd_set_text(service, key, path);
}

/* Requester and tracker come by the listener in clear text. */
static void expect_flow(void)
{
    struct desk *desk = desk_start(broker_url(broker));
    struct field *field = field_start(broker_url(broker));

    field_online(field, 265489);
    desk_set(desk, "on", 265489, 1, true);
    desk_expect_success(desk, "on");
    field_free(field);
    desk_free(desk);
}

static void expect_refused(const char *why)
{
    outputd_start(service);
    outputd_wait_log(service, "cannot connect", 2); /* it goes on trying */
    cr_assert_geq(outputd_log_count(service, why), 2, "%s", why);
    cr_assert_eq(outputd_log_count(service, " connected "), 0);
    outputd_stop(service);
}

Test(service_tls, a_broker_that_the_authority_vouches_for_is_served)
{
    outputd_set_text(service, "broker.url", tls_url);
    set_file("broker.tls.ca_file", "ca.pem");
    outputd_start(service);
    outputd_wait_ready(service);
    cr_assert_eq(outputd_log_count(service, tls_url), 1);
    expect_flow();
}

Test(service_tls, a_broker_of_another_authority_is_refused)
{
    outputd_set_text(service, "broker.url", tls_url);
    set_file("broker.tls.ca_file", "stranger.pem");
    expect_refused("verif");
}

Test(service_tls, without_a_client_certificate_a_broker_that_wants_one_refuses)
{
    outputd_set_text(service, "broker.url", client_cert_url);
    set_file("broker.tls.ca_file", "ca.pem");
    expect_refused(client_cert_url);
}

Test(service_tls, a_client_certificate_is_shown)
{
    outputd_set_text(service, "broker.url", client_cert_url);
    set_file("broker.tls.ca_file", "ca.pem");
    set_file("broker.tls.cert_file", "client.pem");
    set_file("broker.tls.key_file", "client.key");
    outputd_start(service);
    outputd_wait_ready(service);
    expect_flow();
}

/* --- passwords --- */

static struct broker *start_closed_broker(void)
{
    char config[256];

    run_shell("mosquitto_passwd -c -b %s/passwords outputd secret");
    run_shell("mosquitto_passwd -b %s/passwords asker secret");
    snprintf(config, sizeof config, "allow_anonymous false\npassword_file %s/passwords", directory);
    return broker_start(config);
}

static void write_password(const char *text)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "%s/password", directory);
    file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    setenv("OUTPUTD_BROKER_PASSWORD_FILE", path, 1);
}

Test(service_tls, a_password_comes_from_the_file_that_the_environment_names)
{
    struct broker *closed = start_closed_broker();
    struct outputd *guest = outputd_new(broker_url(closed));

    outputd_set_text(guest, "broker.username", "outputd");
    guest->asker->options.username = "asker";
    guest->asker->options.password = "secret";
    write_password("secret\n");
    outputd_start(guest);
    outputd_wait_ready(guest);
    outputd_stop(guest);
    write_password("guess\n");
    outputd_start(guest);
    outputd_wait_log(guest, "cannot connect", 1);
    cr_assert_eq(outputd_log_count(guest, "refused: "), outputd_log_count(guest, "cannot connect"));
    cr_assert_eq(outputd_log_count(guest, "secret") + outputd_log_count(guest, "guess"), 0, "a password in the log");
    outputd_free(guest);
    broker_stop(closed);
}
