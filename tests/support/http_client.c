#include "support/http_client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/pump.h"

struct http_client *http_open(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct http_client *c = calloc(1, sizeof *c);

    cr_assert(c);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(c->fd, 0);
    cr_assert_eq(connect(c->fd, (struct sockaddr *)&address, sizeof address), 0, "port %d: %s", port, strerror(errno));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    return c;
}

void http_close(struct http_client *c)
{
    if (!c)
        return;
    close(c->fd);
    buffer_release(&c->in);
    buffer_release(&c->head);
    buffer_release(&c->body);
    free(c);
}

/* --- saying --- */

/* What the other side does not want any more is lost. */
void http_say_bytes(struct http_client *c, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return;
        if (n < 0) {
            pump_turn();
            continue;
        }
        bytes = bytes_of(bytes.data + n, bytes.len - (size_t)n);
    }
}

void http_say(struct http_client *c, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cr_assert(len >= 0 && (size_t)len < sizeof text);
    http_say_bytes(c, bytes_of(text, (size_t)len));
}

void http_get(struct http_client *c, const char *target, const char *headers)
{
    http_say(c, "GET %s HTTP/1.1\r\nHost: test\r\n%s\r\n", target, headers);
}

void http_post(struct http_client *c, const char *target, const char *headers, const char *body)
{
    http_say(c, "POST %s HTTP/1.1\r\nHost: test\r\n%sContent-Length: %zu\r\n\r\n%s", target, headers, strlen(body),
             body);
}

/* --- hearing --- */

static void hear(struct http_client *c)
{
    uint8_t room[16384];
    ssize_t n;

    while (!c->is_at_end && (n = recv(c->fd, room, sizeof room, 0)) != 0) {
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break;
        buffer_put(&c->in, bytes_of(room, (size_t)n));
    }
    c->is_at_end = true;
}

static size_t content_length(const char *head)
{
    for (const char *line = head; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncasecmp(line, "content-length:", 15) == 0)
            return strtoul(line + 15, NULL, 10);
    }
    return 0;
}

static void keep(struct buffer *to, struct bytes text)
{
    buffer_clear(to);
    buffer_put(to, text);
    buffer_put_u8(to, '\0');
}

static bool parse(struct http_client *c)
{
    const uint8_t *end = c->in.len ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
    size_t head_len = end ? (size_t)(end - c->in.data) + 4 : 0;
    size_t body_len;

    if (!end)
        return false;
    keep(&c->head, bytes_of(c->in.data, head_len));
    body_len = c->is_head ? 0 : content_length((const char *)c->head.data);
    if (c->in.len < head_len + body_len)
        return false;
    cr_assert_eq(sscanf((const char *)c->head.data, "HTTP/1.1 %d ", &c->status), 1, "%s", (const char *)c->head.data);
    keep(&c->body, bytes_of(c->in.data + head_len, body_len));
    c->response_len = head_len + body_len;
    return true;
}

bool http_is_there(struct http_client *c)
{
    hear(c);
    return parse(c);
}

void http_expect(struct http_client *c, int status, const char *body)
{
    cr_assert(PUMP_UNTIL(http_is_there(c)), "no response; so far: %.*s", (int)c->in.len, (const char *)c->in.data);
    memmove(c->in.data, c->in.data + c->response_len, c->in.len - c->response_len);
    c->in.len -= c->response_len;
    cr_assert_eq(c->status, status, "%d: %s", c->status, (const char *)c->body.data);
    cr_assert(!body || strcmp((const char *)c->body.data, body) == 0, "%s", (const char *)c->body.data);
}

bool http_is_closed(struct http_client *c)
{
    hear(c);
    return c->is_at_end;
}

int http_ask(uint16_t port, const char *target, struct buffer *body)
{
    struct http_client *c = http_open(port);
    int status;

    http_get(c, target, "Connection: close\r\n");
    cr_assert(PUMP_UNTIL_FOR(2 * PUMP_PATIENCE_MS, http_is_there(c)), "no response");
    status = c->status;
    if (body)
        keep(body, bytes_of(c->body.data, c->body.len - 1));
    http_close(c);
    return status;
}
