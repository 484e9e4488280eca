/* What the engine costs alone, of processor time, at the load of tests/support/engine_load.h.
 *
 *     engine [ROUNDS]           one line of JSON; every figure is the median of so many rounds
 *     engine LOAD N [WARM_UP]   nothing but N requests of one load, for a profiler to look at, in counted_run()
 *
 * requests_per_s: decoded requests and acks in, effects out. In it: the topics of both, the reply topic's policy, the
 *     checks, the dedup key over the payload, lanes, the command rendered as MessagePack, the journal with its commits,
 *     the reply encoded, states, what is forgotten again. Not in it: reading the payloads of request and ack.
 * whole_…_per_s: the same by engine_message alone, so with all of that.
 * phases_ns: decode: reading request and ack; render: the command; reply: its encoding, each measured by itself;
 *     journal: what the load takes more with it than without; validate: what is left of the whole.
 * codec_…_us: decode, render and reply together.
 * allocations_per_request: of the whole in MessagePack, in JSON and with a device of text, jansson's own left aside.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "support/alloc_watch.h"
#include "support/engine_load.h"
#include "wire/reply.h"

/* Hash tables and the journal take their secrets from here: so each run takes the same steps. */
ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags);

ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags)
{
    static uint64_t state = 1;
    uint8_t *bytes = out;

    (void)flags;
    for (size_t i = 0; i < size; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        bytes[i] = (uint8_t)(state >> 56);
    }
    return (ssize_t)size;
}

enum { REQUESTS = 200000, CODEC_TURNS = 100000, COUNTED = 3200, ROUNDS_MAX = 99 };

static unsigned rounds = 7;

static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* ns that each of `count` takes, the median of the rounds. */
static double median_ns(void (*run)(void *ctx, unsigned count), void *ctx, unsigned count)
{
    double ns[ROUNDS_MAX];

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t start = cpu_ns();

        run(ctx, count);
        ns[i] = (double)(cpu_ns() - start) / count;
    }
    qsort(ns, rounds, sizeof *ns, by_size);
    return ns[rounds / 2];
}

/* --- the whole --- */

static void run_load(void *ctx, unsigned count)
{
    engine_load_run(ctx, count);
}

static double load_ns(const struct load_options *options)
{
    struct engine_load *l = engine_load_new(options);
    double ns;

    engine_load_run(l, LOAD_WARM_UP);
    ns = median_ns(run_load, l, REQUESTS);
    CHECK(engine_load_is_sound(l));
    engine_load_free(l);
    return ns;
}

/* --- allocations --- */

static double allocations_of(enum load_device device)
{
    struct engine_load *l = engine_load_new(&(struct load_options){.device = device});
    unsigned long before;

    engine_load_run(l, LOAD_WARM_UP);
    before = alloc_watch_count();
    engine_load_run(l, COUNTED);
    before = alloc_watch_count() - before;
    engine_load_free(l);
    return (double)before / COUNTED;
}

/* --- the codec --- */

struct codec {
    enum encoding encoding;
    struct bytes request;
    struct buffer ack;
    struct buffer out;
};

static void decode(void *ctx, unsigned count)
{
    struct codec *codec = ctx;
    struct request request;
    struct ack ack;

    for (unsigned i = 0; i < count; i++) {
        CHECK(request_decode(codec->encoding, codec->request, ACTION_SET, &request) == 0 && request.bad == 0);
        CHECK(ack_decode(codec->encoding, buffer_bytes(&codec->ack), &ack) == 0 && ack.success);
    }
}

static void render(void *ctx, unsigned count)
{
    struct codec *codec = ctx;
    struct command command = {.id = 1000000000, .action = ACTION_SET, .output = 2, .enable = true};

    for (unsigned i = 0; i < count; i++) {
        command.id++;
        buffer_clear(&codec->out);
        command_encode(codec->encoding, &command, &codec->out);
    }
}

static void encode_reply(void *ctx, unsigned count)
{
    struct codec *codec = ctx;
    const struct request_id id = {.kind = REQUEST_ID_TEXT, .len = 8, .text = "r-200001"};
    const struct reply reply = {.code = CODE_SUCCESS, .outcome = OUTCOME_SUCCESS, .id = &id};

    for (unsigned i = 0; i < count; i++) {
        buffer_clear(&codec->out);
        reply_encode(codec->encoding, &reply, &codec->out);
    }
}

struct figures {
    double whole;
    double decode;
    double render;
    double reply;
    double journal;
};

static struct figures measure(enum load_device device)
{
    const struct load_options whole = {.device = device};
    const struct load_options no_journal = {.device = device, .no_journal = true};
    struct engine_load *l = engine_load_new(&whole);
    struct codec codec = {.encoding = device == LOAD_MSGPACK ? ENCODING_MSGPACK : ENCODING_JSON,
                          .request = engine_load_request(l)};
    struct figures f;

    engine_load_ack(device, 1000000000, &codec.ack);
    f.decode = median_ns(decode, &codec, CODEC_TURNS);
    f.render = median_ns(render, &codec, CODEC_TURNS);
    f.reply = median_ns(encode_reply, &codec, CODEC_TURNS);
    buffer_release(&codec.ack);
    buffer_release(&codec.out);
    engine_load_free(l);
    f.whole = load_ns(&whole);
    f.journal = f.whole - load_ns(&no_journal);
    return f;
}

static void print_phases(const char *name, const struct figures *f, const char *end)
{
    printf("\"%s\": {\"decode\": %.0f, \"validate\": %.0f, \"render\": %.0f, \"journal\": %.0f, \"reply\": %.0f}%s",
           name, f->decode, f->whole - f->decode - f->render - f->journal - f->reply, f->render, f->journal, f->reply,
           end);
}

/* --- for a profiler --- */

static const struct {
    const char *name;
    struct load_options options;
} loads[] = {
    {"decoded", {.device = LOAD_MSGPACK, .decoded = true}},
    {"json", {.device = LOAD_JSON}},
    {"msgpack", {.device = LOAD_MSGPACK}},
    {"text", {.device = LOAD_TEXT}},
};

/* Has a name of its own so that a profiler finds it. */
__attribute__((noinline)) void counted_run(struct engine_load *l, unsigned count);

void counted_run(struct engine_load *l, unsigned count)
{
    engine_load_run(l, count);
}

static int run_one(const char *name, unsigned count, unsigned warm_up)
{
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct engine_load *l;

        if (strcmp(name, loads[i].name) != 0)
            continue;
        l = engine_load_new(&loads[i].options);
        engine_load_run(l, warm_up);
        counted_run(l, count);
        CHECK(engine_load_is_sound(l));
        engine_load_free(l);
        return 0;
    }
    fprintf(stderr, "no such load: %s\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    const struct load_options decoded = {.device = LOAD_MSGPACK, .decoded = true};
    struct figures json;
    struct figures msgpack;

    if (argc > 2)
        return run_one(argv[1], (unsigned)atoi(argv[2]), argc > 3 ? (unsigned)atoi(argv[3]) : LOAD_WARM_UP);
    if (argc > 1)
        rounds = (unsigned)atoi(argv[1]);
    CHECK(rounds > 0 && rounds <= ROUNDS_MAX);
    alloc_watch_without_jansson();
    json = measure(LOAD_JSON);
    msgpack = measure(LOAD_MSGPACK);
    printf("{\"requests_per_s\": %.0f, \"whole_json_per_s\": %.0f, \"whole_msgpack_per_s\": %.0f, \"phases_ns\": {",
           1e9 / load_ns(&decoded), 1e9 / json.whole, 1e9 / msgpack.whole);
    print_phases("json", &json, ", ");
    print_phases("msgpack", &msgpack, "}, ");
    printf("\"codec_json_us\": %.2f, \"codec_msgpack_us\": %.2f, ", (json.decode + json.render + json.reply) / 1000,
           (msgpack.decode + msgpack.render + msgpack.reply) / 1000);
    printf("\"allocations_per_request\": %g}\n",
           allocations_of(LOAD_MSGPACK) + allocations_of(LOAD_JSON) + allocations_of(LOAD_TEXT));
    return 0;
}
