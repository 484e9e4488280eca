/* What the outbox does when its connection is gone. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "sender.h"

enum { PATIENCE_MS = 10000 };

/* A mosquitto_sub hears what leaves where this connection must not receive anything. */
static pid_t hearer;
static char hearer_path[128];

static void stop(void)
{
    if (hearer > 0) {
        kill(hearer, SIGTERM);
        waitpid(hearer, NULL, 0);
        unlink(hearer_path);
    }
    sender_stop();
}

TestSuite(outbox_lost, .init = sender_start, .fini = stop, .timeout = 60);

static const char *file_text(const char *path)
{
    static char text[1 << 20];
    FILE *in = fopen(path, "re");
    size_t n = in ? fread(text, 1, sizeof text - 1, in) : 0;

    if (in)
        fclose(in);
    text[n] = '\0';
    return text;
}

static void wait_for_text(const char *path, const char *text)
{
    uint64_t deadline_ms = clock_now().mono_ms + PATIENCE_MS;

    while (!strstr(file_text(path), text) && clock_now().mono_ms < deadline_ms)
        poll(NULL, 0, 5);
    cr_assert_not_null(strstr(file_text(path), text), "%s is not in %s:\n%s", text, path, file_text(path));
}

/* Lines "TOPIC PAYLOAD|" of all that is published, in a file of the broker's folder. */
static const char *start_hearer(void)
{
    const char *path = hearer_path;
    char port[8];

    snprintf(hearer_path, sizeof hearer_path, "%s/heard", broker_directory(sender.broker));
    snprintf(port, sizeof port, "%u", broker_port(sender.broker));
    hearer = fork();
    if (hearer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
        execlp("mosquitto_sub", "mosquitto_sub", "-p", port, "-i", "hearer", "-q", "1", "-t", "#", "-F", "%t %p|",
               NULL);
        _exit(127);
    }
    wait_for_text(broker_log_path(sender.broker), "Sending SUBACK to hearer");
    return path;
}

static int count_text(const char *path, const char *text)
{
    int count = 0;

    for (const char *at = file_text(path); (at = strstr(at, text)); at += strlen(text))
        count++;
    return count;
}

Test(outbox_lost, after_a_lost_connection_replies_go_out_again_and_commands_do_not)
{
    const char *path = start_hearer();

    for (uint64_t id = 0; id < 30; id++) {
        if (id % 2)
            sender_put_reply(id);
        else
            sender_put_command(id, SENDER_FAR_MS);
    }
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), -EAGAIN);
    wait_for_text(path, "reply reply 19|"); /* all twenty have left, and no acknowledgement was read */
    mqtt_abort(sender.m);
    outbox_disconnected(sender.outbox);
    cr_assert_eq(outbox_unacknowledged(sender.outbox), 0);
    cr_assert_eq(outbox_count(sender.outbox), 20, "ten replies again, and ten entries that had not left");
    sender_connect();
    sender_put_reply(99);
    sender_run(0);
    wait_for_text(path, "reply reply 99|");
    for (int id = 0; id < 30; id++) {
        char text[40];
        int times = id % 2 && id < 20 ? 2 : 1;

        snprintf(text, sizeof text, id % 2 ? "reply reply %d|" : "command/%d do|", id);
        cr_expect_eq(count_text(path, text), times, "%s", text);
        cr_expect_eq(id % 2 ? sender.delivered[id] : sender.sent[id], 1, "%s", text);
        cr_expect_eq(sender.refused[id], 0);
    }
}

Test(outbox_lost, after_a_lost_connection_the_order_stays)
{
    sender_hear_all();
    for (uint64_t id = 0; id < 50; id++)
        sender_put_reply(id);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), -EAGAIN);
    mqtt_abort(sender.m);
    outbox_disconnected(sender.outbox);
    sender_connect();
    sender_hear_all();
    sender.heard_count = 0;
    sender_run(50);
    for (int id = 0; id < 50; id++) {
        char expected[40];

        snprintf(expected, sizeof expected, "reply %d", id);
        cr_assert_str_eq(sender.heard[id].payload, expected);
    }
}

Test(outbox_lost, what_was_put_without_a_connection_waits_for_the_next_one)
{
    mqtt_abort(sender.m);
    sender_put_command(1, SENDER_FAR_MS);
    sender_put_reply(2);
    cr_assert_eq(outbox_flush(sender.outbox, sender.m, 0), -ENOTCONN);
    cr_expect_eq(sender.sent[1], 0);
    cr_assert_eq(outbox_count(sender.outbox), 2);
    outbox_disconnected(sender.outbox);
    sender_connect();
    sender_hear_all();
    sender_run(2);
    cr_expect_eq(sender.sent[1], 1);
    cr_expect_eq(sender.heard_count, 2);
}
