#include "outbox.h"

#include <errno.h>
#include <stdlib.h>

/* Paho looks through all of its unacknowledged messages for every one: with 1000 of them a command cost 60 us and more,
 * with 100 it costs 45. */
enum { IN_FLIGHT_MAX = 100 };

static struct letter *letter_at(const struct outbox *outbox, uint64_t number)
{
    return &outbox->ring[number % OUTBOX_MAX];
}

int outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){.ring = calloc(OUTBOX_MAX, sizeof(*outbox->ring))};
    return outbox->ring ? 0 : -ENOMEM;
}

void outbox_release(struct outbox *outbox)
{
    for (uint64_t i = outbox->done; i < outbox->put; i++)
        free(letter_at(outbox, i)->memory);
    free(outbox->ring);
    *outbox = (struct outbox){0};
}

/* Copies `from` to *at, which is moved behind it. No bytes stay no bytes: NULL means "no such property". */
static struct bytes copy_to(uint8_t **at, struct bytes from)
{
    struct bytes copy = bytes_of(from.data ? *at : NULL, from.len);

    if (from.data && from.len)
        memcpy(*at, from.data, from.len);
    *at += from.len;
    return copy;
}

int outbox_put(struct outbox *outbox, const struct mqtt_publish *publish)
{
    struct letter *letter = letter_at(outbox, outbox->put);
    uint8_t *at;

    if (outbox_count(outbox) == OUTBOX_MAX)
        return -ENOBUFS;
    at = malloc(publish->topic.len + publish->payload.len + publish->correlation.len + 1);
    if (!at)
        return -ENOMEM;
    *letter = (struct letter){.memory = at};
    letter->publish.topic = copy_to(&at, publish->topic);
    letter->publish.payload = copy_to(&at, publish->payload);
    letter->publish.correlation = copy_to(&at, publish->correlation);
    letter->publish.qos = 1;
    letter->publish.retain = publish->retain;
    outbox->put++;
    return 0;
}

static void drop_taken(struct outbox *outbox)
{
    while (outbox->done < outbox->sent && letter_at(outbox, outbox->done)->taken)
        free(letter_at(outbox, outbox->done++)->memory);
}

/* 0: the next one may follow. */
static int send_letter(const struct outbox *outbox, struct letter *letter, struct mqtt *mqtt, uint64_t *given_up)
{
    int r;

    if (letter->taken)
        return 0; /* acknowledged before the reconnect */
    if (outbox->sent - outbox->done >= IN_FLIGHT_MAX)
        return -EAGAIN;
    r = mqtt_publish(mqtt, &letter->publish, &letter->token);
    if (r != -EINVAL)
        return r;
    letter->taken = true;
    ++*given_up;
    return 0;
}

int outbox_send(struct outbox *outbox, struct mqtt *mqtt, uint64_t *given_up)
{
    int r = 0;

    while (outbox->sent < outbox->put) {
        r = send_letter(outbox, letter_at(outbox, outbox->sent), mqtt, given_up);
        if (r < 0)
            break;
        outbox->sent++;
    }
    drop_taken(outbox);
    return r;
}

void outbox_acked(struct outbox *outbox, int token)
{
    for (uint64_t i = outbox->done; i < outbox->sent; i++) {
        struct letter *letter = letter_at(outbox, i);

        if (letter->token == token && !letter->taken) {
            letter->taken = true;
            break;
        }
    }
    drop_taken(outbox);
}

void outbox_rewind(struct outbox *outbox)
{
    outbox->sent = outbox->done;
}

size_t outbox_count(const struct outbox *outbox)
{
    return (size_t)(outbox->put - outbox->done);
}
