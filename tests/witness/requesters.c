#include "witness/requesters.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum {
    AGAIN_MS = 4000,
    AGAIN_MOST_MS = 16000,
    NOBODY_AGAIN_MS = 500,
    LOOK_MS = 100,
    CATCH_UP_MAX = 200,
    REPEATS_A_LOOK = 50,
    OPEN_MAX = 1000
};

static const char right_hash[] = "a6aa75587e5c59c32d347da438505fc3";
static const char wrong_hash[] = "00000000000000000000000000000000";

/* --- what comes back --- */

static void message(void *ctx, struct bytes topic, struct bytes payload, struct bytes correlation)
{
    struct requester *r = ctx;
    struct verdict verdict;
    char digits[16];
    uint32_t number;

    (void)topic;
    snprintf(digits, sizeof digits, "%.*s", (int)(correlation.len < 12 ? correlation.len : 12),
             correlation.len ? (const char *)correlation.data : "");
    number = speech_read_reply(payload, &verdict) ? (uint32_t)strtoul(digits, NULL, 10) : 0;
    ledger_mark(r->all->ledger, number, MARK_HEARD, ledger_pack(verdict));
}

/* Of QoS 1 the broker may say that it has it and that nobody has subscribed to it: then it has it no more. */
static void taken(void *ctx, int token, int reason)
{
    enum { NO_MATCHING_SUBSCRIBERS = 0x10, FAILURE = 0x80 };
    struct requester *r = ctx;
    uint32_t number = r->by_token[token % TOKENS];
    struct request *request = ledger_at(r->all->ledger, number);

    if (!request)
        return;
    request->on_its_way = false;
    if (reason == NO_MATCHING_SUBSCRIBERS && r->all->options.knows_nobody) {
        request->had_nobody = true;
        ledger_mark(r->all->ledger, number, MARK_NOBODY, 0);
    } else if (reason < FAILURE) {
        request->had_nobody = false;
        ledger_mark(r->all->ledger, number, MARK_TAKEN, 0);
    }
}

/* --- asking --- */

static void publish(struct requesters *all, uint32_t number)
{
    struct request *r = ledger_at(all->ledger, number);
    struct requester *requester = &all->each[r->requester];
    struct buffer payload = {0};
    char correlation[16];
    int token;

    speech_put_request(&payload, r->msgpack, r->wish == WISH_WRONG_HASH ? wrong_hash : right_hash, r->tracker_id,
                       &r->switching);
    snprintf(correlation, sizeof correlation, "%u", number);
    r->last_ms = all->ledger->now_ms;
    r->attempts++;
    r->on_its_way = true;
    ledger_mark(all->ledger, number, MARK_SENT, 0);
    token = client_publish(
        &requester->client,
        &(struct client_publish){.topic = r->switching.all ? "api/tracker/output/set_all" : "api/tracker/output/set",
                                 .payload = buffer_bytes(&payload),
                                 .response_topic = requester->reply_topic,
                                 .correlation = correlation,
                                 .content_type = r->msgpack ? "application/msgpack" : "application/json"});
    requester->by_token[token % TOKENS] = number;
    buffer_release(&payload);
}

static void make_request(struct requesters *all)
{
    uint32_t number = all->options.choose(all->options.ctx, &all->dice);
    struct request *r = ledger_at(all->ledger, number);

    all->made++;
    if (!r)
        return;
    if (r->switching.all && dice_percent(&all->dice, 1))
        r->wish = WISH_WRONG_HASH;
    r->msgpack = dice_percent(&all->dice, 40);
    r->once = dice_percent(&all->dice, 50);
    r->requester = (uint8_t)dice_between(&all->dice, 0, REQUESTERS - 1);
    r->first_ms = all->ledger->now_ms;
    publish(all, number);
}

/* --- repeating --- */

static bool is_open(const struct request *r)
{
    return r->heard == 0;
}

/* What has no PUBACK is sent again by libmosquitto. For the rest each wait is longer than the one before: requesters
 * who come back in step would be a fault of their own. */
static bool is_due(const struct request *r, uint64_t now_ms)
{
    uint64_t wait_ms = (uint64_t)AGAIN_MS * r->attempts;

    if (r->had_nobody)
        return is_open(r) && !r->on_its_way && now_ms - r->last_ms >= NOBODY_AGAIN_MS;
    return is_open(r) && !r->once && !r->on_its_way &&
           now_ms - r->last_ms >= (wait_ms < AGAIN_MOST_MS ? wait_ms : AGAIN_MOST_MS);
}

static void repeat_open(struct requesters *all, uint64_t now_ms)
{
    unsigned repeats = 0;

    while (all->oldest_open < all->ledger->count && !is_open(&all->ledger->requests[all->oldest_open]))
        all->oldest_open++;
    all->open = 0;
    for (uint32_t number = all->oldest_open; number < all->ledger->count; number++) {
        const struct request *r = &all->ledger->requests[number];

        all->open += is_open(r) && !r->once;
        if (repeats == REPEATS_A_LOOK || !is_due(r, now_ms))
            continue;
        repeats++;
        all->again++;
        publish(all, number);
    }
}

size_t requesters_count_owed(const struct requesters *all)
{
    size_t owed = 0;

    for (uint32_t number = 1; number < all->ledger->count; number++) {
        const struct request *r = &all->ledger->requests[number];

        owed += is_open(r) &&
                (!r->once || r->had_nobody || (all->options.knows_nobody ? r->taken : r->pubacked && !r->reply_taken));
    }
    return owed;
}

/* --- life --- */

void requesters_init(struct requesters *all, struct ledger *l, const struct requesters_options *options)
{
    *all = (struct requesters){.ledger = l, .options = *options, .dice = {options->seed}, .oldest_open = 1};
    for (unsigned i = 0; i < REQUESTERS; i++) {
        struct requester *r = &all->each[i];
        char id[32];

        snprintf(id, sizeof id, "requester-%u", i);
        snprintf(r->reply_topic, sizeof r->reply_topic, "requester/%u/reply", i);
        r->all = all;
        r->filter = r->reply_topic;
        r->handlers = (struct client_handlers){.ctx = r, .message = message, .taken = taken};
        client_init(&r->client, id, options->port, &r->filter, 1, &r->handlers);
    }
}

void requesters_release(struct requesters *all)
{
    for (unsigned i = 0; i < REQUESTERS; i++)
        client_release(&all->each[i].client);
}

void requesters_begin(struct requesters *all, uint64_t now_ms)
{
    all->is_working = true;
    all->from_ms = now_ms;
}

void requesters_end(struct requesters *all)
{
    all->is_working = false;
}

void requesters_turn(struct requesters *all, uint64_t now_ms)
{
    uint64_t due = all->is_working ? (now_ms - all->from_ms) * all->options.rate / 1000 : 0;

    /* Who waits for many replies asks for nothing new: an outage must not end in a flood that outlives it. */
    if (all->open >= OPEN_MAX)
        all->made = due;
    for (int i = 0; i < CATCH_UP_MAX && all->made < due; i++)
        make_request(all);
    if (now_ms - all->looked_ms >= LOOK_MS) {
        all->looked_ms = now_ms;
        repeat_open(all, now_ms);
    }
    for (unsigned i = 0; i < REQUESTERS; i++)
        client_turn(&all->each[i].client, now_ms);
}
