#include "redis_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

static const char tcp_scheme[] = "redis://";
static const char unix_scheme[] = "unix://";
static const char tls_scheme[] = "rediss://";

static const char wrong_form[] = "must be redis://HOST:PORT/DB or unix:///PATH";

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Up to `max`; false for anything but digits. */
static bool read_number(const char *text, size_t len, unsigned long max, unsigned long *number)
{
    *number = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *number = *number * 10 + (unsigned long)(text[i] - '0');
        if (*number > max)
            return false;
    }
    return len > 0;
}

static bool copy_text(char *out, size_t size, const char *from, size_t len)
{
    if (len == 0 || len >= size)
        return false;
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

static const char *parse_path(struct redis_address *a, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (*path != '/')
        return wrong_form;
    if (!copy_text(address.sun_path, sizeof address.sun_path, path, strlen(path)))
        return "is too long for a socket's path";
    memcpy(&a->known.address, &address, sizeof address);
    a->known.len = sizeof address;
    return NULL;
}

static void know_numeric(struct redis_address *a, in_port_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, a->host, &v4.sin_addr) == 1) {
        memcpy(&a->known.address, &v4, sizeof v4);
        a->known.len = sizeof v4;
    } else if (inet_pton(AF_INET6, a->host, &v6.sin6_addr) == 1) {
        memcpy(&a->known.address, &v6, sizeof v6);
        a->known.len = sizeof v6;
    }
}

/* The host in *host, and what follows it. NULL: there is none. */
static const char *cut_host(const char *text, const char **host, size_t *len)
{
    const char *end = *text == '[' ? strchr(text, ']') : text + strcspn(text, ":/");

    if (!end)
        return NULL;
    *host = *text == '[' ? text + 1 : text;
    *len = (size_t)(end - *host);
    return *end == ']' ? end + 1 : end;
}

static bool parse_port(struct redis_address *a, const char **rest, unsigned long *port)
{
    const char *text = **rest == ':' ? *rest + 1 : "6379";
    size_t len = strcspn(text, "/");

    if (**rest == ':')
        *rest = text + len;
    return read_number(text, len, 65535, port) && *port > 0 && copy_text(a->port, sizeof a->port, text, len);
}

static const char *parse_host(struct redis_address *a, const char *text)
{
    unsigned long port = 0;
    unsigned long db = 0;
    const char *host;
    size_t len;
    const char *rest;

    if (strchr(text, '@'))
        return "must not hold a user or password: they have settings of their own";
    rest = cut_host(text, &host, &len);
    if (!rest || !copy_text(a->host, sizeof a->host, host, len) || !parse_port(a, &rest, &port))
        return wrong_form;
    if (*rest == '/')
        rest++;
    else if (*rest)
        return wrong_form;
    if (*rest && !read_number(rest, strlen(rest), INT32_MAX, &db))
        return wrong_form;
    a->db = (uint32_t)db;
    know_numeric(a, (in_port_t)port);
    if (*text == '[' && a->known.address.ss_family != AF_INET6)
        return wrong_form;
    return NULL;
}

const char *redis_address_parse(struct redis_address *a, const char *url)
{
    *a = (struct redis_address){.lookup = ERRAND_NONE};
    if (begins_with(url, tls_scheme))
        return "must not be rediss://: there is no TLS here, so use a tunnel such as stunnel";
    if (begins_with(url, unix_scheme))
        return parse_path(a, url + strlen(unix_scheme));
    return begins_with(url, tcp_scheme) ? parse_host(a, url + strlen(tcp_scheme)) : wrong_form;
}

const char *redis_url_mistake(const char *url)
{
    struct redis_address address;

    return redis_address_parse(&address, url);
}

/* --- names --- */

static void look_up(void *ctx)
{
    struct redis_address *a = ctx;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;

    a->found_count = 0;
    a->error = getaddrinfo(a->host, a->port, &hints, &list);
    if (a->error)
        return;
    for (struct addrinfo *i = list; i && a->found_count < REDIS_FOUND_MAX; i = i->ai_next) {
        struct redis_socket_address *found = &a->found[a->found_count];

        if (i->ai_addrlen > sizeof found->address)
            continue;
        memcpy(&found->address, i->ai_addr, i->ai_addrlen);
        found->len = i->ai_addrlen;
        a->found_count++;
    }
    freeaddrinfo(list);
}

void redis_address_look_up(struct redis_address *a)
{
    if (!a->known.len)
        errand_start(&a->lookup, look_up, a);
}

bool redis_address_is_looked_up(struct redis_address *a)
{
    return errand_is_done(&a->lookup);
}

const struct redis_socket_address *redis_address_next(struct redis_address *a, const char **why)
{
    *why = NULL;
    if (a->known.len)
        return &a->known;
    if (a->error || a->found_count == 0) {
        *why = a->error ? gai_strerror(a->error) : "the host has no address";
        return NULL;
    }
    return &a->found[a->turn++ % a->found_count];
}

void redis_address_end(struct redis_address *a)
{
    errand_stop(&a->lookup);
}
