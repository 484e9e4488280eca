/* Stands between paho and its socket while paho waits for an answer and cannot be interrupted: what paho writes is put
 * aside in memory, for however long, where a cork would hold it for 200 ms and one segment; what the broker sends goes
 * on to paho. A process that dies meanwhile has sent nothing of what was put aside. The bytes are carried as they are,
 * so that TLS and WebSockets are the same to it, by a thread that lives for one wait and knows no paho.
 * Part of edge/mqtt.h; nobody else needs it. */
#ifndef EDGE_MQTT_ASIDE_H
#define EDGE_MQTT_ASIDE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/buffer.h"

/* All zero: nothing is put aside. */
struct mqtt_aside {
    bool is_on;
    int fd;     /* the number that paho knows */
    int socket; /* what was behind it */
    int ours;   /* the other end of what is behind it now */
    int theirs; /* the same as fd, until paho closes that */
    int stop;   /* an eventfd that ends the thread */
    pthread_t thread;
    size_t given;       /* bytes that paho's end has been given and the socket still has */
    struct buffer held; /* what paho has written */
};

/* From now on. Without a thread or a descriptor to be had nothing changes, and the cork has to do. */
void mqtt_aside_begin(struct mqtt_aside *aside, int fd);

/* Puts the socket back behind the descriptor and what was put aside into it, in its order. is_open: paho still has the
 * descriptor; if not, the socket is closed and what was put aside is thrown away. False: the socket did not take all
 * of it, and the connection is good for nothing. */
bool mqtt_aside_end(struct mqtt_aside *aside, bool is_open);

#endif
