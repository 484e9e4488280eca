#include "support/framing_finding.h"

#include "core/checksum.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static void pick_framer(void)
{
    framing_use("iotm");
}

TestSuite(framer_iotm, .init = pick_framer, .timeout = 60);

/* --- commands --- */

Test(framer_iotm, commands)
{
    static const struct wrapping cases[] = {
        /* Traccar's IotmProtocolEncoderTest */
        {{"123456789012345"}, "ffffff7f00000301b0b1", "0202080079df0d8648700000040a00ffffff7f00000301b0b19e"},
        {{"865959506137419"}, "ffffff7f00000300b0b1", "020208004bd1c0e895130300040a00ffffff7f00000300b0b169"},
        {{"123456789012345"}, "ffffff7f01010301b0b1", "0202080079df0d8648700000040a00ffffff7f01010301b0b1a0"},
        {{"123456789012345"}, "ffffff7f08070101", "0202080079df0d8648700000040800ffffff7f0807010148"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
}

Test(framer_iotm, mistakes_are_told)
{
    static const struct wrapping cases[] = {
        {{"12345678901234"}, "00", "imei: must be 15 digits"},
        {{"1234567890123456"}, "00", "imei: must be 15 digits"},
        {{"12345678901234x"}, "00", "imei: must be 15 digits"},
        {{""}, "00", "imei: must be 15 digits"},
        {{"123456789012345"}, "", "body: must be 1 to 255 bytes"},
    };
    static const char *const fields[FRAMER_FIELDS_MAX] = {"123456789012345"};
    uint8_t body[256] = {0};
    char *text;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_wrap(&cases[i]);
    text = wrapped(fields, bytes_of(body, 256));
    cr_expect_str_eq(text, "body: must be 1 to 255 bytes");
    free(text);
    text = wrapped(fields, bytes_of(body, 255));
    cr_expect_eq(strlen(text), 2 * (12 + 3 + 255 + 1));
    cr_expect(strncmp(text + 24, "04ff00", 6) == 0);
    free(text);
}

/* --- what comes in --- */

/* Both as an LX41 sent them, in Traccar's IotmProtocolDecoderTest: 24 seconds apart, and output 1 went on between. */
static const char telemetry_off[] = "02020800faafb360e4160300015900ab4b306a0302b0030b30050030eb2e0504307a0c030340030140"
                                    "030240031d30030c300301a0031ba00300200e00d0e0402d42ca56dd410000090e0000820100940000"
                                    "95000401200e04052035001300000200030820030720fb";
static const char telemetry_on[] =
    "02020800faafb360e4160300015900c34b306a0302b0030b30050030eb2e050430800c0303400301400"
    "30240031d30030c300301a0031ba00300200e00d0e0402d42ca56dd4100000b0e0000820101940000950"
    "00401200e040520350013000002000308200307201c";

/* The line is `02`, the records, and then this. */
static void check_payload(const char *hex, const char *states)
{
    struct buffer b = from_hex(hex);
    struct finding f = finding_of(buffer_bytes(&b));
    size_t len = strlen(hex) - 4; /* without version and sum */

    cr_expect(f.verdict == FRAME_GOOD && f.used == b.len, "%s: %d", hex, (int)f.verdict);
    cr_assert(strncmp(f.line, "02 ", 3) == 0 && strncmp(f.line + 3, hex + 2, len) == 0, "%s", f.line);
    cr_expect_str_eq(f.line + 3 + len, states, "%s: %s", hex, f.line + 3 + len);
    free(f.line);
    buffer_release(&b);
}

Test(framer_iotm, telemetry_tells_the_states_of_outputs)
{
    check_payload(telemetry_off, "\nOUT1=0\nOUT2=0");
    check_payload(telemetry_on, "\nOUT1=1\nOUT2=0");
}

/* From Traccar's IotmProtocolDecoderTest, with the sums that stand there: events, and positions without outputs. */
Test(framer_iotm, payloads_that_tell_no_states)
{
    check_payload("02020800faafb360e4160300031000c44b306add005130375f30325f303033c9", "");
    check_payload("020208009188752de7120300030a002000ad59000146543250030a002200ad59643346543250fb", "");
    check_payload("020208009188752de71203000109002000ad590500309635f3", "");
    check_payload("020208004f6af053901403000135007715ec5f0d02b000485cea73083041040b30ee050030ae38040020120e00d0d34bc941"
                  "2e9c5d4212000806ee00feff011300006d006e",
                  "");
}

/* A payload of these records, with its sum. */
static void check_records(const char *records, const char *states)
{
    struct buffer payload = {0};
    struct buffer b = from_hex(records);
    char hex[512];

    buffer_put_u8(&payload, 2);
    buffer_put(&payload, buffer_bytes(&b));
    buffer_put_u8(&payload, (uint8_t)checksum_of(CHECKSUM_SUM8, buffer_bytes(&payload)));
    cr_assert(2 * payload.len < sizeof hex);
    bytes_to_hex(buffer_bytes(&payload), hex);
    check_payload(hex, states);
    buffer_release(&payload);
    buffer_release(&b);
}

Test(framer_iotm, newest_state_of_each_output_counts)
{
    check_records("010a0001000000019400019500", "\nOUT1=1\nOUT2=1");
    check_records("010a0001000000019600019a00", "\nOUT3=1\nOUT4=1");
    check_records("01070001000000019400"
                  "01070002000000009400",
                  "\nOUT1=0");
    check_records("01070002000000019400"
                  "01070001000000009400",
                  "\nOUT1=1");
    check_records("010a0001000000019400019500"
                  "01070002000000009400",
                  "\nOUT1=0\nOUT2=1");
}

Test(framer_iotm, only_true_and_false_of_an_output_in_telemetry_are_states)
{
    check_records("01070001000000029400", "");   /* null */
    check_records("01070001000000039400", "");   /* none */
    check_records("0108000100000004940001", ""); /* a number */
    check_records("01070001000000019300", "");   /* other sensors */
    check_records("01070001000000019700", "");
    check_records("03070001000000019400", ""); /* no telemetry */
}

/* Each type of sensor before output 1, which is found where the length is right. In the values stands output 2. */
Test(framer_iotm, values_of_all_types_are_skipped)
{
    static const char *const sensors[] = {
        "000100",
        "010100",
        "020100",
        "030100",
        "04010001",
        "0501000195",
        "060100"
        "01950001",
        "070100"
        "0195000195000195",
        "08010001",
        "0901000195",
        "0a0100"
        "01950001",
        "0b0100"
        "0195000195000195",
        "0c0100"
        "01950001",
        "0d0100"
        "0195000195000195",
        "0e00d0"
        "01950001950001950001950001950001",
        "200100"
        "03019500",
        "210100"
        "00",
        "400100"
        "0300019500",
        "410100"
        "0000",
    };

    for (size_t i = 0; i < sizeof sensors / sizeof *sensors; i++) {
        char records[256];

        snprintf(records, sizeof records, "01%02x0001000000%s019400", (unsigned)(4 + strlen(sensors[i]) / 2 + 3),
                 sensors[i]);
        check_records(records, "\nOUT1=1");
    }
}

Test(framer_iotm, telemetry_that_cannot_be_read_tells_nothing)
{
    check_records("0103000100ff", "");               /* no time */
    check_records("0108000100000001940000", "");     /* half a sensor at the end */
    check_records("010a00010000000194000f0100", ""); /* a type that is not known */
    check_records("010b0001000000019400200100ff", "");
    check_records("010a0001000000019400200100", ""); /* its length is missing */
    check_records("010b0001000000019400400100ff", "");
    check_records("010a0001000000019400040100", ""); /* its value is missing */
    check_records("010b000100000001940005010000", "");
}

Test(framer_iotm, every_truncation_is_garbage)
{
    struct buffer b = from_hex(telemetry_on);

    for (size_t len = 1; len < b.len; len++)
        expect_finding(bytes_of(b.data, len), FRAME_GARBAGE, len);
    buffer_release(&b);
}

Test(framer_iotm, each_corrupted_byte_is_seen)
{
    struct buffer b = from_hex(telemetry_on);

    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 0x10;
        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len);
        b.data[i] ^= 0x10;
    }
    expect_finding(buffer_bytes(&b), FRAME_GOOD, b.len);
    buffer_release(&b);
}

Test(framer_iotm, records_must_fill_the_payload)
{
    static const char *const cases[] = {
        "02",             /* the version, or a sum of nothing */
        "0202",           /* no record */
        "020305",         /* half a record header, sum right */
        "0203010006",     /* a record that claims one byte more than there is */
        "0203ffff03",     /* and one that claims the most */
        "02030000ff04",   /* one byte behind the last record */
        "0203000000ff04", /* two bytes, which are half a header */
        "0103000004",     /* another version */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = from_hex(cases[i]);

        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len);
        buffer_release(&b);
    }
    check_payload("0203000005", "");
}

/* A payload is one message, so what stands before or behind it makes it none. */
Test(framer_iotm, garbage_around_a_payload_and_two_in_a_row_are_garbage)
{
    static const char *const before[] = {"ff", "02", telemetry_off};

    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        struct buffer b = from_hex(before[i]);
        struct buffer good = from_hex(telemetry_on);

        buffer_put(&b, buffer_bytes(&good));
        expect_finding(buffer_bytes(&b), FRAME_GARBAGE, b.len);
        buffer_release(&good);
        buffer_release(&b);
    }
}
