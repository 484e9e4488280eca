/* Where a server is. Part of edge/redis.h; nobody else needs it. */
#ifndef EDGE_REDIS_ADDRESS_H
#define EDGE_REDIS_ADDRESS_H

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "edge/errand.h"
#include "edge/redis.h"

enum { REDIS_FOUND_MAX = 8 };

struct redis_socket_address {
    struct sockaddr_storage address;
    socklen_t len; /* 0: none */
};

struct redis_address {
    char host[NI_MAXHOST];
    char port[8];
    uint32_t db;
    struct redis_socket_address known; /* the host is numeric, or a path: there is nothing to look up */

    struct errand lookup;
    struct redis_socket_address found[REDIS_FOUND_MAX]; /* the lookup's while it goes on */
    size_t found_count;
    int error; /* of getaddrinfo */
    size_t turn;
};

/* NULL, or what is wrong with the URL. */
const char *redis_address_parse(struct redis_address *a, const char *url);

/* Looks the host up, on a thread; not where the address is known. */
void redis_address_look_up(struct redis_address *a);
bool redis_address_is_looked_up(struct redis_address *a); /* true once after its end */

/* The known one, or the next of those that were found; NULL: none, and *why says why. */
const struct redis_socket_address *redis_address_next(struct redis_address *a, const char **why);

/* Waits for a lookup that goes on. */
void redis_address_end(struct redis_address *a);

#endif
