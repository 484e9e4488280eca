/* Shared state: what the engine asks goes to Redis, what that answers goes to the engine. Nothing that came from the
 * broker is acknowledged before all that was asked because of it is answered: then another instance has it, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/shared.h"
#include "edge/metrics_text.h"
#include "edge/redis.h"
#include "service_state.h"

struct service_shared {
    struct redis *redis;
    struct redis_script scripts[SHARED_SCRIPT_COUNT];
    struct shared_options options;
    uint64_t asked;
    uint64_t answered;
    uint64_t gate;      /* what has to be answered before what is held may leave */
    uint64_t sign_ms;   /* of life, the last one */
    uint64_t up_ms;     /* since when the server is there */
    uint64_t missed_ms; /* since when it is not ready for new requests; 0: it is */
    bool has_left;
    bool is_known;       /* to the others: a sign of life was given */
    bool is_judged;      /* some instance has a registry */
    struct buffer names; /* of all instances that are not buried, a line each */
    char run[64];        /* of the server */
    bool is_noted;       /* in the journal */
    bool is_restoring;
    unsigned restored_kind; /* of what the journal has, so much was brought to the server */
    uint64_t restored_id;
};

enum { ITEMS_MAX = 256 };

static uint64_t number_of(struct bytes text)
{
    char room[24];

    snprintf(room, sizeof room, "%.*s", (int)text.len, (const char *)text.data);
    return strtoull(room, NULL, 10);
}

/* --- signs of life --- */

enum { SIGNS_IN_A_LEASE = 4 };

/* What the calls are that are not the engine's. */
static char sign_call;
static char heir_call;
static char last_call;

static void call_own(struct service *s, enum shared_script script, const struct bytes *args, size_t count, char *call)
{
    struct service_shared *h = s->shared;
    struct bytes all[8];
    char bucket[96];

    all[0] = bytes_of(bucket, (size_t)snprintf(bucket, sizeof bucket, "%s:{0}", h->options.prefix));
    for (size_t i = 0; i < count; i++)
        all[i + 1] = args[i];
    if (redis_call(h->redis, script, 1, all, count + 1, call) == 0)
        h->asked++;
}

/* After the server was away nobody has given one: all get the time for it before anybody counts as dead. */
static bool may_inherit(const struct service *s)
{
    return s->presence_known && !heir_is_busy(s) && !life_is_stopping(s) &&
           !engine_shared_totals(s->engine).is_merging &&
           s->now.mono_ms - s->shared->up_ms >= 2 * (uint64_t)s->shared->options.lease_ms;
}

static uint64_t next_sign_ms(const struct service_shared *h)
{
    return h->sign_ms + h->options.lease_ms / SIGNS_IN_A_LEASE;
}

static void give_sign(struct service *s)
{
    struct service_shared *h = s->shared;
    char lease[24];
    const struct bytes lease_ms = bytes_of(lease, (size_t)snprintf(lease, sizeof lease, "%u", h->options.lease_ms));
    const struct bytes name = bytes_of_text(h->options.instance);
    const char *dead = heir_of(s);

    if (h->has_left || !redis_is_up(h->redis) || s->now.mono_ms < next_sign_ms(h))
        return;
    h->sign_ms = s->now.mono_ms;
    call_own(s, SHARED_ALIVE,
             (struct bytes[]){name, lease_ms, bytes_of_text(may_inherit(s) ? "1" : "0"),
                              bytes_of_text(engine_has_registry(s->engine) ? "1" : "0")},
             4, &sign_call);
    if (dead)
        call_own(s, SHARED_HEIR, (struct bytes[]){name, bytes_of_text(dead), lease_ms, bytes_of_text("0")}, 4,
                 &heir_call);
}

/* The server may have forgotten who there was. */
static void tell_names(struct service *s)
{
    enum { NAMES_A_CALL = 7 };
    const uint8_t *at = s->shared->names.data;
    const uint8_t *end = at + s->shared->names.len;
    char lease[24];
    int len = snprintf(lease, sizeof lease, "%u", s->shared->options.lease_ms);

    while (at < end) {
        struct bytes args[NAMES_A_CALL] = {bytes_of(lease, (size_t)len)};
        size_t count = 1;

        while (at < end && count < NAMES_A_CALL) {
            const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));

            args[count++] = bytes_of(at, (size_t)(line_end - at));
            at = line_end + 1;
        }
        call_own(s, SHARED_NAMES, args, count, &last_call);
    }
}

void shared_bury(struct service *s, struct bytes dead)
{
    call_own(s, SHARED_HEIR,
             (struct bytes[]){bytes_of_text(s->shared->options.instance), dead, bytes_of_text("1"), bytes_of_text("1")},
             4, &last_call);
}

void shared_leave(struct service *s)
{
    if (!s->shared || s->shared->has_left)
        return;
    s->shared->has_left = true;
    call_own(s, SHARED_LEAVE, (struct bytes[]){bytes_of_text(s->shared->options.instance)}, 1, &last_call);
    redis_flush(s->shared->redis, s->now);
}

static void take_names(struct service *s, const struct bytes *names, size_t count)
{
    struct service_shared *h = s->shared;
    struct buffer lines = {0};

    for (size_t i = 0; i < count; i++) {
        buffer_put(&lines, names[i]);
        buffer_put_u8(&lines, '\n');
    }
    if (!bytes_equal(buffer_bytes(&lines), buffer_bytes(&h->names)))
        h->is_noted = false;
    buffer_release(&h->names);
    h->names = lines;
}

/* A COUNT DEAD JUDGED NAME… */
static void sign_given(struct service *s, const struct bytes *items, size_t count)
{
    struct service_shared *h = s->shared;

    if (count < 4)
        return;
    if (number_of(items[1]) != engine_shared_totals(s->engine).peers)
        log_write(LOG_INFO, "instances that share the state", LOG_INT("living", (int64_t)number_of(items[1])));
    h->is_known = true;
    h->is_judged = bytes_equal_text(items[3], "1");
    take_names(s, items + 4, count - 4);
    engine_shared_peers(s->engine, buffer_bytes(&h->names), (unsigned)number_of(items[1]));
    if (items[2].len)
        heir_begin(s, items[2]);
}

/* H 0: the dead one lives, or somebody else was faster. */
static void heir_told(struct service *s, const struct bytes *items, size_t count)
{
    if (count == 2 && bytes_equal_text(items[1], "0"))
        heir_stop(s);
}

/* --- the engine asks --- */

void shared_ask_server(void *ctx, const struct shared_call *call)
{
    struct service_shared *h = ((struct service *)ctx)->shared;
    struct bytes args[SHARED_ARGS_MAX + 1] = {call->bucket};

    for (size_t i = 0; i < call->count; i++)
        args[i + 1] = call->args[i];
    /* A call that is not taken is one that the connection was lost under: its end will be told. */
    if (redis_call(h->redis, call->script, 1, args, call->count + 1, call->ask) == 0)
        h->asked++;
}

/* --- the server answers --- */

static struct bytes item_of(const struct redis_value *value, char room[24])
{
    if (value->kind == REDIS_BYTES)
        return value->bytes;
    if (value->kind == REDIS_INT)
        return bytes_of(room, (size_t)snprintf(room, 24, "%lld", (long long)value->number));
    return bytes_of("", 0);
}

static void answered(void *ctx, void *call, const struct redis_value *value)
{
    struct service *s = ctx;
    struct bytes items[ITEMS_MAX];
    char room[ITEMS_MAX][24];
    size_t count = 0;

    s->shared->answered++;
    if (!value)
        return; /* it will be asked again */
    if (value->kind == REDIS_ERROR)
        log_write(LOG_ERROR, "shared state: refused", LOG_BYTES("why", value->bytes));
    for (size_t i = 0; value->kind == REDIS_ARRAY && i < value->count && count < ITEMS_MAX; i++, count++)
        items[count] = item_of(&value->items[i], room[count]);
    if (call == &sign_call)
        sign_given(s, items, count);
    else if (call == &heir_call)
        heir_told(s, items, count);
    else if (call != &last_call)
        engine_shared_answer(s->engine, call, items, count, s->now);
}

static void up(void *ctx, const char *run_id)
{
    struct service *s = ctx;

    log_write(LOG_INFO, "shared state is there", LOG_TEXT("at", s->first->state.url), LOG_TEXT("run_id", run_id));
    s->shared->up_ms = s->now.mono_ms;
    s->shared->sign_ms = 0;
    snprintf(s->shared->run, sizeof s->shared->run, "%s", run_id ? run_id : "");
    s->shared->is_noted = false;
    s->shared->is_restoring = engine_shared_up(s->engine, bytes_of_text(run_id), s->now);
    tell_names(s);
    s->shared->restored_kind = 0;
    s->shared->restored_id = 0;
    if (s->shared->is_restoring)
        log_write(LOG_WARNING, "shared state may have lost something: the journal brings back what it has",
                  LOG_TEXT("at", s->first->state.url));
}

static void down(void *ctx, const char *why)
{
    struct service *s = ctx;

    log_write(LOG_WARNING, "shared state is lost: new requests get code 8", LOG_TEXT("at", s->first->state.url),
              LOG_TEXT("why", why));
    engine_shared_down(s->engine, s->now);
}

/* --- what the server may have lost --- */

/* What must not be repeated comes first: of millions of trackers the states may take longer than anybody waits. */
static const enum journal_kind restored_kinds[] = {JOURNAL_ANSWER, JOURNAL_SHARED, JOURNAL_STATES};

static int restore_record(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record)
{
    struct service *s = ctx;

    if (id <= s->shared->restored_id)
        return 0;
    s->shared->restored_id = id;
    return engine_shared_restore(s->engine, kind, id, record, s->now) ? 0 : -EAGAIN;
}

/* As much as may be asked at a time. */
static void restore(struct service *s)
{
    struct service_shared *h = s->shared;

    while (h->restored_kind < sizeof restored_kinds / sizeof *restored_kinds) {
        if (journal_each(s->journal, restored_kinds[h->restored_kind], restore_record, s) < 0)
            return;
        h->restored_kind++;
        h->restored_id = 0;
    }
    h->is_restoring = false;
    engine_shared_restored(s->engine, s->now);
}

/* RUN, and the names, a line each. */
int shared_recover_run(struct service *s, struct bytes record)
{
    const uint8_t *end = record.len ? memchr(record.data, '\n', record.len) : NULL;
    struct bytes names;

    if (!end || record.data[record.len - 1] != '\n')
        return -EBADMSG;
    if (!s->shared)
        return 0;
    names = bytes_of(end + 1, (size_t)(record.data + record.len - (end + 1)));
    buffer_put(&s->shared->names, names);
    engine_shared_knew(s->engine, bytes_of(record.data, (size_t)(end - record.data)));
    engine_shared_peers(s->engine, names, 0);
    return 0;
}

/* Not before all is there: else it would not be brought again after a crash. */
static void note_run(struct service *s)
{
    struct service_shared *h = s->shared;
    struct buffer record = {0};

    if (h->is_noted || h->is_restoring || engine_shared_totals(s->engine).is_merging)
        return;
    buffer_printf(&record, "%s\n", h->run);
    buffer_put(&record, buffer_bytes(&h->names));
    journal_put(s->journal, JOURNAL_SESSION, SESSION_RUN, buffer_bytes(&record));
    buffer_release(&record);
    h->is_noted = true;
}

/* --- life --- */

int shared_open(struct service *s)
{
    const struct redis_handlers handlers = {s, up, down, answered};
    struct service_shared *h;

    if (!s->first->state_is_shared)
        return 0;
    h = calloc(1, sizeof *h);
    CHECK(h);
    s->shared = h;
    for (size_t i = 0; i < SHARED_SCRIPT_COUNT; i++)
        h->scripts[i] = (struct redis_script){shared_scripts[i].name, shared_scripts[i].text};
    h->redis = redis_new(&s->first->redis_options, h->scripts, SHARED_SCRIPT_COUNT, &handlers);
    if (!h->redis)
        return -1;
    h->missed_ms = s->now.mono_ms;
    h->options = (struct shared_options){
        .instance = s->first->instance,
        .prefix = s->first->state.prefix,
        .lease_ms = s->first->state.lease_ms,
        .asks_max = s->first->state.calls_max,
    };
    engine_share(s->engine, &h->options);
    return 0;
}

void shared_close(struct service *s)
{
    if (!s->shared)
        return;
    redis_free(s->shared->redis);
    buffer_release(&s->shared->names);
    free(s->shared);
}

/* --- turns --- */

/* After a stop of this process the server is there in a moment, and while what it has lost comes back it is there: what
 * lies in the socket waits for it. What another instance has answered meanwhile is not to be refused by this one. And
 * none of whom the others have not heard takes a part of the requests: nobody would be its heir. */
bool shared_is_awaited(const struct service *s)
{
    struct shared_totals totals;

    if (!s->shared)
        return false;
    totals = engine_shared_totals(s->engine);
    if (!s->shared->is_known || (totals.is_up && totals.is_merging))
        return true;
    if (!engine_has_registry(s->engine) && s->shared->is_judged)
        return true; /* by others */
    return !totals.is_ready && s->now.mono_ms - s->shared->missed_ms < s->first->state.timeout_ms;
}

/* What was asked without an answer is in this instance's journal alone until it is asked again: while that may be in a
 * moment, what came is not acknowledged. */
static bool is_gate_open(const struct service *s)
{
    return s->shared->answered >= s->shared->gate &&
           (engine_shared_totals(s->engine).submitted == 0 || !shared_is_awaited(s));
}

/* A merge takes its time: from its end on it is to be ready in a moment. */
static void note_missing(struct service *s)
{
    const struct shared_totals totals = engine_shared_totals(s->engine);

    if (totals.is_ready)
        s->shared->missed_ms = 0;
    else if (s->shared->missed_ms == 0 || totals.is_merging)
        s->shared->missed_ms = s->now.mono_ms;
}

bool shared_turn(struct service *s)
{
    struct service_shared *h = s->shared;

    if (!h)
        return true;
    redis_turn(h->redis, s->now);
    if (h->is_restoring && redis_is_up(h->redis) &&
        engine_shared_totals(s->engine).asked < s->first->state.calls_max / 8)
        restore(s);
    if (redis_is_up(h->redis))
        note_run(s);
    give_sign(s);
    note_missing(s);
    return is_gate_open(s);
}

bool shared_hold(struct service *s)
{
    struct service_shared *h = s->shared;

    if (!h)
        return false;
    redis_flush(h->redis, s->now);
    h->gate = h->asked;
    return !is_gate_open(s);
}

bool shared_is_held(const struct service *s)
{
    return s->shared && !is_gate_open(s);
}

void shared_flush(struct service *s)
{
    if (s->shared)
        redis_flush(s->shared->redis, s->now);
}

int shared_fd(const struct service *s)
{
    return s->shared ? redis_fd(s->shared->redis) : -1;
}

short shared_events(const struct service *s)
{
    return s->shared ? redis_events(s->shared->redis) : 0;
}

void shared_polled(struct service *s, short revents)
{
    if (s->shared && !revents)
        redis_is_quiet(s->shared->redis);
}

int64_t shared_wait_for_ms(const struct service *s)
{
    const struct service_shared *h = s->shared;
    int64_t wait_ms;
    int64_t sign_ms;

    if (!h)
        return -1;
    wait_ms = redis_wait_ms(h->redis, s->now);
    if (h->has_left || !redis_is_up(h->redis))
        return wait_ms;
    sign_ms = next_sign_ms(h) > s->now.mono_ms ? (int64_t)(next_sign_ms(h) - s->now.mono_ms) : 0;
    return wait_ms < 0 || sign_ms < wait_ms ? sign_ms : wait_ms;
}

bool shared_has_peers(const struct service *s)
{
    return s->shared && engine_shared_totals(s->engine).peers > 1;
}

bool shared_is_up(const struct service *s)
{
    return engine_shared_totals(s->engine).is_up;
}

/* --- figures --- */

void shared_metrics_write(const struct service *s, struct buffer *out)
{
    const struct shared_totals totals = engine_shared_totals(s->engine);
    const struct redis_stats *stats;

    if (!s->shared)
        return;
    stats = redis_stats(s->shared->redis);
    metrics_text_gauge(out, "outputd_shared_up",
                       "1 while the server of shared state answers, and has all it should have.",
                       totals.is_up && !totals.is_merging);
    metrics_text_gauge(out, "outputd_shared_instances", "Instances that give signs of life, this one too.",
                       totals.peers);
    metrics_text_gauge(out, "outputd_shared_pending", "What is pending in all instances, as last heard.",
                       totals.pending);
    metrics_text_gauge(out, "outputd_shared_asked", "Questions that the server has not answered.", totals.asked);
    metrics_text_family(out, "outputd_shared_calls_total", "counter", "Questions that the server was asked.");
    metrics_text_value(out, "outputd_shared_calls_total", NULL, stats->calls);
    metrics_text_family(out, "outputd_shared_lost_total", "counter", "Of these: without an answer, and asked again.");
    metrics_text_value(out, "outputd_shared_lost_total", NULL, stats->lost);
    metrics_text_histogram(out, "outputd_shared_reply_seconds", "From a question to its answer.", &stats->reply);
}
