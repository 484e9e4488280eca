#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "edge/http_server.h"

static bool parse_port(const char *text, in_port_t *port)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    *port = htons((uint16_t)number);
    return *text >= '0' && *text <= '9' && *end == '\0' && number > 0 && number <= UINT16_MAX;
}

bool http_listen_parse(const char *listen, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    const char *colon = strrchr(listen, ':');
    char host[INET6_ADDRSTRLEN];
    bool has_brackets = *listen == '[' && colon && colon > listen + 1 && colon[-1] == ']';
    const char *begin = listen + has_brackets;
    size_t len = colon ? (size_t)(colon - begin) - has_brackets : 0;

    *address = (struct sockaddr_storage){0};
    if (len == 0 || len >= sizeof host)
        return false;
    memcpy(host, begin, len);
    host[len] = '\0';
    if (has_brackets) {
        v6->sin6_family = AF_INET6;
        return parse_port(colon + 1, &v6->sin6_port) && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    }
    v4->sin_family = AF_INET;
    return parse_port(colon + 1, &v4->sin_port) && inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

bool http_listen_is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

uint16_t http_listen_port(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    return ntohs(address->ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
}
