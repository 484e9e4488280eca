/* outputctl health against an HTTP server of the test's own. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/client.h"
#include "support/peer.h"

TestSuite(outputctl_health, .timeout = 60);

enum { BODY_SHOWN_MAX = 4096 };

static const char *answer; /* what the server says to every request */

/* Reports the request line. */
static void serve(int fd, int reports)
{
    char request[2048];
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < sizeof request - 1) {
        n = recv(fd, request + len, sizeof request - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    if (write(reports, request, strcspn(request, "\r")) > 0)
        send(fd, answer, strlen(answer), MSG_NOSIGNAL);
}

/* Its end, where the server has been asked for this path and has answered so. */
static struct client *ask(const char *path, const char *says)
{
    char arguments[256];

    answer = says;
    struct peer peer = peer_start(serve);
    snprintf(arguments, sizeof arguments, "health --url http%s%s", peer.url + strlen("mqtt"), path);
    struct client *c = client_run(arguments);

    char expected[128], line[128] = "";
    snprintf(expected, sizeof expected, "GET %s HTTP/1.1", path);
    cr_assert_gt(read(peer.reports, line, sizeof line - 1), 0);
    cr_assert_str_eq(line, expected);
    peer_stop(&peer);
    return c;
}

Test(outputctl_health, status_200_is_success_and_the_body_is_shown)
{
    struct client *c = ask("/readyz", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n");

    cr_assert_eq(c->status, 0, "%s", c->err.text);
    cr_assert_str_eq(c->out.text, "ready\n");
    cr_assert_str_eq(c->err.text, "");
    client_free(c);
}

Test(outputctl_health, another_status_is_none_and_its_reason_is_shown)
{
    static const struct {
        const char *says;
        const char *out;
        const char *err;
    } cases[] = {
        {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 13\r\n\r\nnot connected", "not connected\n",
         ": status 503\n"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", ": status 204\n"},
        {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "", ": status 302\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client *c = ask("/readyz", cases[i].says);

        cr_assert_eq(c->status, 1);
        cr_assert_str_eq(c->out.text, cases[i].out);
        cr_assert(strstr(c->err.text, cases[i].err), "%s", c->err.text);
        client_free(c);
    }
}

Test(outputctl_health, no_proxy_comes_between)
{
    setenv("http_proxy", "http://127.0.0.1:9", 1);
    struct client *c = ask("/healthz", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    cr_assert_eq(c->status, 0, "%s", c->err.text);
    cr_assert_str_eq(c->out.text, "ok\n");
    client_free(c);
}

Test(outputctl_health, a_long_body_is_cut_and_control_characters_are_written_out)
{
    static char says[128 + 3 * BODY_SHOWN_MAX];
    int head =
        snprintf(says, sizeof says, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n\x1b[2J", 4 + 2 * BODY_SHOWN_MAX);

    memset(says + head, 'x', (size_t)2 * BODY_SHOWN_MAX);
    struct client *c = ask("/readyz", says);
    cr_assert_eq(c->status, 0, "%s", c->err.text);
    cr_assert_eq(strncmp(c->out.text, "\\x1b[2Jxxx", 10), 0);
    cr_assert_eq(c->out.len, BODY_SHOWN_MAX + strlen("\\x1b") - 1 + strlen("\n"));
    client_free(c);
}

Test(outputctl_health, nobody_there_is_no_success)
{
    char arguments[128];

    snprintf(arguments, sizeof arguments, "health --url http://127.0.0.1:%u/readyz", broker_free_port());
    struct client *c = client_run(arguments);
    cr_assert_eq(c->status, 1);
    cr_assert_str_eq(c->out.text, "");
    cr_assert(strstr(c->err.text, "/readyz: "), "%s", c->err.text);
    client_free(c);
}

/* Takes the request and says nothing; it ends with its client. */
static void keep_silent(int fd, int reports)
{
    char request[2048];

    while (recv(fd, request, sizeof request, 0) > 0)
        if (write(reports, "?", 1) < 0)
            return;
}

Test(outputctl_health, silence_is_not_waited_for)
{
    struct peer peer = peer_start(keep_silent);
    char arguments[128];

    snprintf(arguments, sizeof arguments, "health --timeout 0.2 --url http%s", peer.url + strlen("mqtt"));
    struct client *c = client_run(arguments);
    cr_assert_eq(c->status, 1);
    cr_assert(strstr(c->err.text, "timed out"), "%s", c->err.text);
    client_free(c);
    peer_stop(&peer);
}

Test(outputctl_health, other_schemes_are_refused)
{
    struct client *c = client_run("health --url file:///etc/hostname");

    cr_assert_eq(c->status, 1);
    cr_assert_str_eq(c->out.text, "");
    cr_assert(strstr(c->err.text, "rotocol"), "%s", c->err.text);
    client_free(c);
}
