/* What strangers may send to object_decode: it must not crash, hang or take memory, whatever it says. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/buffer.h"
#include "wire/command.h"
#include "wire/object.h"
#include "wire/presence.h"

enum { ROUNDS = 100000, SEED = 20261122 };

TestSuite(object, .timeout = 120);

/* Touches all that it is given, so that AddressSanitizer sees what is not there. */
static void touch(void *ctx, const struct member *member)
{
    unsigned *sum = ctx;

    for (size_t i = 0; i < member->key.len; i++)
        *sum += member->key.data[i];
    for (size_t i = 0; i < member->text.len; i++)
        *sum += member->text.data[i];
    cr_assert(bytes_are_utf8(member->key), "a key that is no UTF-8");
    cr_assert(bytes_are_utf8(member->text), "a text that is no UTF-8");
}

static int decode_everywhere(struct bytes payload)
{
    unsigned sum = 0;
    struct request request;
    struct ack ack;
    int good = 0;

    for (int encoding = 0; encoding <= ENCODING_MSGPACK; encoding++) {
        good += object_decode((enum encoding)encoding, payload, touch, &sum) == 0;
        for (int action = 0; action <= ACTION_UNKNOWN; action++)
            request_decode((enum encoding)encoding, payload, (enum action)action, &request);
        ack_decode((enum encoding)encoding, payload, &ack);
    }
    presence_decode(payload);
    return good;
}

/* In memory that ends where the payload does. */
static int decode_alone(const uint8_t *bytes, size_t len)
{
    uint8_t *alone = malloc(len ? len : 1);
    int good;

    memcpy(alone, bytes, len);
    good = decode_everywhere(bytes_of(alone, len));
    free(alone);
    return good;
}

Test(object, random_bytes_hurt_nobody)
{
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 1};

    cr_log_info("seed %d", SEED);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t bytes[64];
        size_t len = (size_t)nrand48(dice) % sizeof bytes;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)nrand48(dice);
        decode_alone(bytes, len);
    }
}

/* A string literal without its NUL. */
#define RUN(text_) (text_), sizeof(text_) - 1

static const struct {
    const char *bytes;
    size_t len;
} seeds[] = {
    {RUN("{\"hash\": \"a6aa75587e5c59c32d347da438505fc3\", \"tracker_id\": 265489, \"output\": 1, \"enable\": true}")},
    {RUN("{\"outputs\": [true, false], \"x\": {\"y\": [1.5e3, null, \"\\ud83d\\ude97\", {}]}, \"request_id\": 1e40}")},
    {RUN("\x84\xA4hash\xA2"
         "a6\xAAtracker_id\xCE\0\x04\x0D\x11\xA6output\x01\xA6"
         "enable\xC3")},
    {RUN("\x83\xA7outputs\x92\xC3\xC2\xA1x\x81\xA1y\x93\xCB\x40\x97\x70\0\0\0\0\0\xC0\xD9\x02\xC3\xA9\xAArequest_"
         "id\xD3\0\0"
         "\0\0\0\0\0\x05")},
};

/* One to four bytes of a good payload changed, taken out or put in: much gets further into the decoders than noise. */
static size_t mutate(unsigned short dice[3], uint8_t *bytes, size_t len)
{
    for (long changes = 1 + nrand48(dice) % 4; changes > 0 && len > 1; changes--) {
        size_t at = (size_t)nrand48(dice) % len;

        switch (nrand48(dice) % 4) {
        case 0:
            bytes[at] = (uint8_t)nrand48(dice);
            break;
        case 1:
            bytes[at] = (uint8_t)(bytes[at] ^ 1 << nrand48(dice) % 8);
            break;
        case 2:
            memmove(bytes + at, bytes + at + 1, --len - at);
            break;
        default:
            memmove(bytes + at + 1, bytes + at, len++ - at);
        }
    }
    return len;
}

Test(object, spoilt_good_ones_hurt_nobody)
{
    unsigned short dice[3] = {SEED & 0xFFFF, SEED >> 16, 2};
    int good = 0;

    cr_log_info("seed %d", SEED);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t bytes[128];
        size_t which = (size_t)round % (sizeof seeds / sizeof *seeds);
        size_t len;

        memcpy(bytes, seeds[which].bytes, seeds[which].len);
        len = mutate(dice, bytes, seeds[which].len);
        good += decode_alone(bytes, len);
    }
    cr_assert_gt(good, ROUNDS / 20, "hardly any stays good: this tests noise again");
    cr_assert_lt(good, ROUNDS, "nothing was spoilt");
}

static size_t peak_kb(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[128];
    size_t kb = 0;

    while (fgets(line, sizeof line, status)) {
        if (sscanf(line, "VmPeak: %zu kB", &kb) == 1)
            break;
    }
    fclose(status);
    cr_assert_gt(kb, 0);
    return kb;
}

/* Headers that declare far more than is there. */
static const struct {
    const char *what;
    const char *bytes;
    size_t len;
} liars[] = {
    {"2^24 elements", "\x81\xA1x\xDD\x01\0\0\0", 8},
    {"2^28 elements", "\x81\xA1x\xDD\x10\0\0\0", 8},
    {"2^32 - 1 elements", "\x81\xA1x\xDD\xFF\xFF\xFF\xFF", 8},
    {"2^24 members", "\xDF\x01\0\0\0", 5},
    {"2^28 members", "\xDF\x10\0\0\0", 5},
    {"2^32 - 1 members", "\xDF\xFF\xFF\xFF\xFF", 5},
    {"2^31 members, whose halves wrap", "\xDF\x80\0\0\0", 5},
    {"a text of 4 GiB", "\x81\xA1x\xDB\xFF\xFF\xFF\xFF", 8},
    {"a key of 4 GiB", "\x81\xDB\xFF\xFF\xFF\xFF", 6},
    {"bin of 4 GiB", "\x81\xA1x\xC6\xFF\xFF\xFF\xFF", 8},
    {"ext of 4 GiB, whose length and type wrap", "\x81\xA1x\xC9\xFF\xFF\xFF\xFF", 8},
    {"arrays of 2^20 in one another",
     "\x81\xA1x\xDD\0\x10\0\0\xDD\0\x10\0\0\xDD\0\x10\0\0\xDD\0\x10\0\0\xDD\0\x10\0\0\xDD\0\x10\0\0", 33},
};

Test(object, a_header_that_lies_takes_no_memory)
{
    static uint8_t padded[1000];
    unsigned sum = 0;
    size_t before_kb;

    object_decode(ENCODING_MSGPACK, bytes_of("\x80", 1), touch, &sum);
    before_kb = peak_kb();
    for (size_t i = 0; i < sizeof liars / sizeof *liars; i++) {
        cr_expect_lt(object_decode(ENCODING_MSGPACK, bytes_of(liars[i].bytes, liars[i].len), touch, &sum), 0, "%s",
                     liars[i].what);
        memcpy(padded, liars[i].bytes, liars[i].len); /* something follows, but not so much */
        cr_expect_lt(object_decode(ENCODING_MSGPACK, bytes_of(padded, sizeof padded), touch, &sum), 0, "%s, padded",
                     liars[i].what);
        cr_expect_lt(peak_kb(), before_kb + 16 * 1024, "%s", liars[i].what);
    }
}

/* The longest request that the default configuration lets through. */
Test(object, many_keys_and_many_levels_take_no_time)
{
    struct buffer keys = {0};
    struct buffer levels = {0};
    uint64_t start_us = clock_mono_us();
    unsigned sum = 0;

    buffer_put(&keys, bytes_of("\xDE\x20\0", 3));
    for (unsigned i = 0; i < 8192; i++) {
        buffer_put_u8(&keys, 0xA3);
        buffer_printf(&keys, "%03x", i & 0xFFF);
        buffer_put_u8(&keys, 0);
    }
    for (unsigned i = 0; i < 16384; i++)
        buffer_put_text(&levels, "[");
    cr_expect_lt(object_decode(ENCODING_MSGPACK, buffer_bytes(&keys), touch, &sum), 0, "keys come twice");
    cr_expect_lt(object_decode(ENCODING_JSON, buffer_bytes(&levels), touch, &sum), 0);
    cr_expect_lt(clock_mono_us() - start_us, 2000000);
    buffer_release(&keys);
    buffer_release(&levels);
}
