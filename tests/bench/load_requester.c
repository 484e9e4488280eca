/* The requester: every request has its sequence number as Correlation Data, by which its reply is known. */
#include <inttypes.h>

#include "base/clock.h"
#include "load.h"

#define HASH "a6aa75587e5c59c32d347da438505fc3"

void requester_init(struct load *load)
{
    load->table = array_of(REQUESTS_MAX, sizeof(*load->table));
    snprintf(load->reply_topic, sizeof(load->reply_topic), "bench/reply/%d", (int)getpid());
}

/* ,"output":1,"enable":true — or — ,"outputs":[true,false] — in turns. */
static size_t put_switches(const struct load *load, uint64_t k, char *at, size_t size)
{
    size_t len;

    if (load->set_all == 0)
        return (size_t)snprintf(at, size, ",\"output\":%d,\"enable\":%s}", (int)(1 + k % 3), k % 2 ? "false" : "true");
    len = (size_t)snprintf(at, size, ",\"outputs\":[");
    for (uint64_t i = 0; i < load->set_all; i++)
        len += (size_t)snprintf(at + len, size - len, "%s,", (i + k) % 2 ? "false" : "true");
    return len - 1 + (size_t)snprintf(at + len - 1, size - len + 1, "]}");
}

void requester_publish(struct load *load, uint64_t n, uint64_t sent_us)
{
    uint64_t k = load->next++;
    uint8_t correlation[8];
    char body[128 + OUTPUTS_MAX * sizeof("false,")];
    size_t len = (size_t)snprintf(body, sizeof(body), "{\"hash\":\"" HASH "\",\"tracker_id\":%" PRIu64,
                                  load_tracker_id(load, n));
    struct packet_publish publish = {
        .topic = bytes_of_text(load->set_all ? "api/tracker/output/set_all" : "api/tracker/output/set"),
        .response_topic = bytes_of_text(load->reply_topic),
        .correlation = bytes_of(correlation, sizeof(correlation)),
        .content_type = bytes_of_text("application/json"),
    };

    publish.payload = bytes_of(body, len + put_switches(load, k, body + len, sizeof(body) - len));
    for (size_t i = 0; i < sizeof(correlation); i++)
        correlation[i] = (uint8_t)(k >> (8 * (7 - i)));
    link_publish(&load->requester, &publish);
    load->table[k] = (struct request){.sent_us = sent_us};
}

static bool is_success(struct bytes body)
{
    static const char key[] = "\"success\"";
    const uint8_t *at = body.len ? memmem(body.data, body.len, key, sizeof(key) - 1) : NULL;
    const uint8_t *end = body.data + body.len;

    if (!at)
        return false;
    for (at += sizeof(key) - 1; at < end && (*at == ' ' || *at == ':');)
        at++;
    return end - at >= 4 && memcmp(at, "true", 4) == 0;
}

/* Anything but `"success": true` is an error; the first one is shown. */
static void count_outcome(struct load *load, struct request *request, struct bytes body)
{
    request->success = is_success(body);
    if (request->success)
        load->counts.successes++;
    else if (!load->counts.errors++)
        fprintf(stderr, "loadgen: an error reply: %.*s\n", (int)body.len, (const char *)body.data);
}

void requester_take_reply(void *ctx, const struct packet_publish *reply)
{
    struct load *load = ctx;
    struct reader r = {.left = reply->correlation};
    uint64_t k = reader_be(&r, 8);
    uint64_t now = clock_mono_us();
    struct request *request;

    if (!reader_is_done(&r) || k >= load->next)
        die("a reply with Correlation Data that no request had");
    if (k < load->held_end)
        die("a reply to a request whose command was not acked: %.*s", (int)reply->payload.len,
            (const char *)reply->payload.data);
    request = &load->table[k];
    if (request->latency_us) {
        load->counts.duplicates++;
        return;
    }
    request->latency_us = now > request->sent_us ? (uint32_t)(now - request->sent_us) : 1;
    load->counts.answered++;
    load->progress_us = now;
    count_outcome(load, request, reply->payload);
}
