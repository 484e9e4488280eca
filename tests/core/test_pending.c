#include "core/pending.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "support/lots.h"

TestSuite(pending, .timeout = 60);

enum { LONGEST_MS = 10000 };

static const struct instant now = {.mono_ms = 5000000, .wall_ms = INT64_C(1795000000123)};

/* A request with something in every field that the record keeps. */
static struct pending *drawn(struct lots *lots)
{
    uint8_t topic[64];
    uint8_t correlation[64];
    struct pending *p;
    bool correlated = lots_below(lots, 4) > 0;

    lots_fill(lots, topic, sizeof topic);
    lots_fill(lots, correlation, sizeof correlation);
    p = pending_new(bytes_of(topic, lots_below(lots, sizeof topic + 1)),
                    correlated ? bytes_of(correlation, lots_below(lots, sizeof correlation + 1)) : (struct bytes){0});
    p->id = lots_draw(lots);
    p->state = (enum pending_state)lots_below(lots, PENDING_SETTLED + 1);
    p->command = (struct command){.id = p->id,
                                  .action = (enum action)lots_below(lots, ACTION_UNKNOWN + 1),
                                  .output = (int32_t)lots_draw(lots),
                                  .enable = lots_below(lots, 2),
                                  .outputs = lots_draw(lots) << 1,
                                  .output_count = (uint8_t)lots_below(lots, 65)};
    p->tracker_id = (int32_t)lots_draw(lots);
    p->user_id = (int32_t)lots_draw(lots);
    lots_fill(lots, p->session.bytes, sizeof p->session.bytes);
    lots_fill(lots, p->key.bytes, sizeof p->key.bytes);
    p->correlated = lots_below(lots, 2);
    p->route.encoding = (enum encoding)lots_below(lots, 2);
    p->route.id = (struct request_id){.kind = (enum request_id_kind)lots_below(lots, 3),
                                      .number = (int32_t)lots_draw(lots),
                                      .len = (uint8_t)lots_below(lots, REQUEST_ID_MAX + 1)};
    lots_fill(lots, p->route.id.text, p->route.id.len);
    p->arrived.mono_ms = now.mono_ms - lots_below(lots, 5000);
    p->arrived.wall_ms = now.wall_ms - (int64_t)(now.mono_ms - p->arrived.mono_ms);
    p->deadline_ms = now.mono_ms + lots_below(lots, LONGEST_MS + 1);
    p->code = (enum code)lots_below(lots, 300);
    p->outcome = (enum outcome)lots_below(lots, OUTCOME_UNKNOWN + 1);
    p->bad = lots_below(lots, 256);
    return p;
}

static struct buffer record_of(const struct pending *p)
{
    struct buffer record = {0};

    pending_to_record(p, now, &record);
    return record;
}

/* From memory of exactly its size, so that a sanitizer sees every byte that is read beyond it. */
static struct pending *read_exactly(struct bytes record, struct instant when)
{
    char *copy = malloc(record.len ? record.len : 1);
    struct pending *p;

    cr_assert_not_null(copy);
    if (record.len)
        memcpy(copy, record.data, record.len);
    p = pending_from_record(bytes_of(copy, record.len), when, LONGEST_MS);
    free(copy);
    return p;
}

static bool runs_equal(struct bytes a, struct bytes b)
{
    return bytes_equal(a, b) && (a.data == NULL) == (b.data == NULL);
}

static void expect_same(const struct pending *a, const struct pending *b)
{
    cr_assert(a->id == b->id && a->state == b->state);
    cr_assert(a->command.id == b->command.id && a->command.action == b->command.action &&
              a->command.output == b->command.output && a->command.enable == b->command.enable &&
              a->command.outputs == b->command.outputs && a->command.output_count == b->command.output_count);
    cr_assert(a->tracker_id == b->tracker_id && a->user_id == b->user_id);
    cr_assert_arr_eq(a->session.bytes, b->session.bytes, DIGEST_SIZE);
    cr_assert_arr_eq(a->key.bytes, b->key.bytes, REQUEST_KEY_SIZE);
    cr_assert_eq(a->correlated, b->correlated);
    cr_assert_eq(a->route.encoding, b->route.encoding);
    cr_assert(runs_equal(a->route.topic, b->route.topic) && runs_equal(a->route.correlation, b->route.correlation));
    cr_assert(a->route.id.kind == b->route.id.kind && a->route.id.number == b->route.id.number &&
              a->route.id.len == b->route.id.len);
    cr_assert_arr_eq(a->route.id.text, b->route.id.text, a->route.id.len);
    cr_assert(a->arrived.mono_ms == b->arrived.mono_ms && a->arrived.wall_ms == b->arrived.wall_ms);
    cr_assert_eq(a->deadline_ms, b->deadline_ms);
    cr_assert(a->code == b->code && a->outcome == b->outcome && a->bad == b->bad);
}

Test(pending, comes_back_from_its_record)
{
    struct lots lots = {1};

    for (int i = 0; i < 10000; i++) {
        struct pending *p = drawn(&lots);
        struct buffer record = record_of(p);
        struct pending *back = read_exactly(buffer_bytes(&record), now);

        cr_assert_not_null(back);
        expect_same(p, back);
        cr_assert(back->committed);
        pending_free(back);
        pending_free(p);
        buffer_release(&record);
    }
}

Test(pending, truncated_record_is_refused_wherever_it_ends)
{
    struct lots lots = {2};

    for (int i = 0; i < 50; i++) {
        struct pending *p = drawn(&lots);
        struct buffer record = record_of(p);

        for (size_t len = 0; len < record.len; len++)
            cr_assert_null(read_exactly(bytes_of(record.data, len), now), "%zu of %zu bytes", len, record.len);
        pending_free(p);
        buffer_release(&record);
    }
}

Test(pending, record_with_something_behind_it_is_refused)
{
    struct lots lots = {3};
    struct pending *p = drawn(&lots);
    struct buffer record = record_of(p);

    buffer_put_u8(&record, 0);
    cr_expect_null(read_exactly(buffer_bytes(&record), now));
    pending_free(p);
    buffer_release(&record);
}

Test(pending, record_of_another_version_is_refused)
{
    struct lots lots = {4};
    struct pending *p = drawn(&lots);
    struct buffer record = record_of(p);

    for (unsigned version = 0; version < 256; version++) {
        struct pending *back;

        record.data[0] = (uint8_t)version;
        back = read_exactly(buffer_bytes(&record), now);
        cr_assert_eq(back != NULL, version == RECORD_VERSION, "version %u", version);
        if (back)
            pending_free(back);
    }
    pending_free(p);
    buffer_release(&record);
}

Test(pending, record_with_a_longer_request_id_than_may_be_is_refused)
{
    struct pending *p = pending_new(bytes_of_text("a"), (struct bytes){0});
    struct buffer record;
    struct pending *back;
    uint8_t *text;

    p->route.id = (struct request_id){.kind = REQUEST_ID_TEXT, .len = REQUEST_ID_MAX};
    memset(p->route.id.text, 'R', REQUEST_ID_MAX);
    record = record_of(p);
    back = read_exactly(buffer_bytes(&record), now);
    cr_assert_not_null(back);
    pending_free(back);
    buffer_put_u8(&record, 0);
    text = memchr(record.data, 'R', record.len);
    memmove(text + 1, text, (size_t)(record.data + record.len - text) - 1);
    text[-1]++; /* the low byte of its length */
    cr_expect_null(read_exactly(buffer_bytes(&record), now));
    buffer_release(&record);
    pending_free(p);
}

/* What a damaged record may still give is something that the engine can work with. */
static void expect_usable(const struct pending *p)
{
    struct pending settled = *p;
    struct buffer reply = {0};

    cr_assert(p->state <= PENDING_SETTLED && p->command.action <= ACTION_UNKNOWN);
    cr_assert(p->outcome <= OUTCOME_UNKNOWN && p->route.encoding <= ENCODING_MSGPACK);
    cr_assert(p->route.id.kind <= REQUEST_ID_INT && p->route.id.len <= REQUEST_ID_MAX);
    cr_assert_not_null(p->route.topic.data);
    cr_assert(p->deadline_ms >= now.mono_ms && p->deadline_ms <= now.mono_ms + LONGEST_MS);
    cr_assert_leq(p->arrived.mono_ms, now.mono_ms);
    settled.code = CODE_OFFLINE;
    settled.route.id.kind = REQUEST_ID_INT;
    pending_encode_reply(&settled, &reply);
    buffer_release(&reply);
}

static bool try_damaged(struct bytes record)
{
    struct pending *p = read_exactly(record, now);

    if (!p)
        return false;
    expect_usable(p);
    pending_free(p);
    return true;
}

Test(pending, record_with_any_one_byte_changed_is_refused_or_harmless)
{
    struct lots lots = {5};
    size_t refused = 0;

    for (int i = 0; i < 3; i++) {
        struct pending *p = drawn(&lots);
        struct buffer record = record_of(p);

        for (size_t at = 0; at < record.len; at++) {
            uint8_t good = record.data[at];

            for (unsigned value = 0; value < 256; value++) {
                record.data[at] = (uint8_t)value;
                refused += !try_damaged(buffer_bytes(&record));
            }
            record.data[at] = good;
        }
        pending_free(p);
        buffer_release(&record);
    }
    cr_assert_gt(refused, 3 * 255);
}

Test(pending, noise_is_refused_or_harmless)
{
    struct lots lots = {6};
    uint8_t noise[300];

    for (int i = 0; i < 50000; i++) {
        size_t len = lots_below(&lots, sizeof noise + 1);

        lots_fill(&lots, noise, len);
        noise[0] = RECORD_VERSION;
        try_damaged(bytes_of(noise, len));
    }
}

/* --- time --- */

static struct pending *read_at(uint64_t left_ms, struct instant when)
{
    struct pending *p = pending_new(bytes_of_text("a"), (struct bytes){0});
    struct buffer record;
    struct pending *back;

    p->arrived = now;
    p->deadline_ms = now.mono_ms + left_ms;
    record = record_of(p);
    back = read_exactly(buffer_bytes(&record), when);
    cr_assert_not_null(back);
    buffer_release(&record);
    pending_free(p);
    return back;
}

static uint64_t left_at(uint64_t left_ms, struct instant when)
{
    struct pending *p = read_at(left_ms, when);
    uint64_t left = p->deadline_ms - when.mono_ms;

    pending_free(p);
    return left;
}

Test(pending, deadline_is_what_is_left_of_it)
{
    cr_expect_eq(left_at(8000, now), 8000);
    cr_expect_eq(left_at(8000, (struct instant){.mono_ms = now.mono_ms + 3000, .wall_ms = now.wall_ms + 3000}), 5000);
    cr_expect_eq(left_at(8000, (struct instant){.mono_ms = 100, .wall_ms = now.wall_ms + 3000}), 5000,
                 "the machine has started anew");
    cr_expect_eq(left_at(8000, (struct instant){.mono_ms = now.mono_ms + 9000, .wall_ms = now.wall_ms + 9000}), 0);
    cr_expect_eq(left_at(0, now), 0);
}

Test(pending, deadline_that_had_passed_leaves_nothing)
{
    struct pending *p = pending_new(bytes_of_text("a"), (struct bytes){0});
    struct buffer record;
    struct pending *back;

    p->deadline_ms = now.mono_ms - 1000;
    record = record_of(p);
    back = read_exactly(buffer_bytes(&record), (struct instant){.mono_ms = now.mono_ms, .wall_ms = now.wall_ms - 500});
    cr_expect_eq(back->deadline_ms, now.mono_ms, "half a second before the record was written");
    pending_free(back);
    pending_free(p);
    buffer_release(&record);
}

Test(pending, deadline_is_never_longer_than_the_longest_whatever_the_clocks_did)
{
    static const int64_t steps_ms[] = {
        1, 1000, 86400000, INT64_C(1795000000123), INT64_C(4000000000000), INT64_MAX - INT64_C(1795000000123),
    };

    for (size_t i = 0; i < sizeof steps_ms / sizeof *steps_ms; i++) {
        uint64_t back = left_at(8000, (struct instant){.mono_ms = now.mono_ms, .wall_ms = now.wall_ms - steps_ms[i]});
        uint64_t on = left_at(8000, (struct instant){.mono_ms = now.mono_ms, .wall_ms = now.wall_ms + steps_ms[i]});

        cr_expect_leq(back, LONGEST_MS);
        cr_expect_geq(back, 8000);
        cr_expect_leq(on, 8000);
    }
    cr_expect_eq(left_at(30000, now), LONGEST_MS, "the limits may have changed meanwhile");
}

Test(pending, arrival_is_neither_in_the_future_nor_before_the_clock)
{
    struct pending *stepped = read_at(8000, (struct instant){.mono_ms = now.mono_ms, .wall_ms = now.wall_ms - 3600000});
    struct pending *restarted = read_at(8000, (struct instant){.mono_ms = 100, .wall_ms = now.wall_ms + 3600000});

    cr_expect_eq(stepped->arrived.mono_ms, now.mono_ms);
    cr_expect_eq(restarted->arrived.mono_ms, 0);
    cr_expect_eq(restarted->arrived.wall_ms, now.wall_ms);
    pending_free(stepped);
    pending_free(restarted);
}

/* --- itself --- */

Test(pending, copies_where_its_reply_goes)
{
    char topic[] = "reply/here";
    char correlation[] = "\0\1\2";
    struct pending *p = pending_new(bytes_of_text(topic), bytes_of(correlation, 3));
    struct pending *bare = pending_new(bytes_of_text(topic), (struct bytes){0});
    struct pending *empty = pending_new(bytes_of_text(topic), bytes_of("", 0));

    memset(topic, 'x', sizeof topic - 1);
    correlation[0] = 'x';
    cr_expect(bytes_equal_text(p->route.topic, "reply/here"));
    cr_expect(bytes_equal(p->route.correlation, bytes_of("\0\1\2", 3)));
    cr_expect_null(bare->route.correlation.data);
    cr_expect_not_null(empty->route.correlation.data, "empty Correlation Data is Correlation Data");
    cr_expect_eq(pending_bytes(p), sizeof *p + 13);
    cr_expect_eq(pending_bytes(bare), sizeof *p + 10);
    pending_free(p);
    pending_free(bare);
    pending_free(empty);
}

Test(pending, reply_is_what_its_ending_makes)
{
    struct pending *p = pending_new(bytes_of_text("a"), (struct bytes){0});
    struct buffer out = {0};

    p->code = CODE_OFFLINE;
    p->outcome = OUTCOME_UNKNOWN;
    p->route.id = (struct request_id){.kind = REQUEST_ID_INT, .number = -7};
    pending_encode_reply(p, &out);
    cr_expect(bytes_equal_text(buffer_bytes(&out),
                               "{\"success\": false, \"status\": {\"code\": 213, \"description\": \"Cannot perform "
                               "action: the device is offline\"}, \"outcome\": \"unknown\", \"request_id\": -7}"),
              "%.*s", (int)out.len, (const char *)out.data);
    buffer_clear(&out);
    p->code = CODE_SUCCESS;
    p->route.encoding = ENCODING_MSGPACK;
    p->route.id.kind = REQUEST_ID_NONE;
    pending_encode_reply(p, &out);
    cr_expect(bytes_equal(buffer_bytes(&out), bytes_of("\x81\xA7success\xC3", 10)));
    buffer_release(&out);
    pending_free(p);
}
