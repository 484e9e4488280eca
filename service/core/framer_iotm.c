/* "FM IOTM" of BCE and Xirgo: binary payloads over MQTT.
 *
 *     02        version of the structure
 *     records   u8 type, u16 LE length, content
 *     sum8      over everything before it
 *
 * A command holds record 2 (the IMEI, u64 LE) and record 4, whose content is the body. A payload is one whole MQTT
 * message: it does not say how long it is, so nothing of it can be still to come.
 *
 * Line: `02 HEX`, where HEX is all the records. Telemetry (record 1) that holds states of outputs adds a line for each
 * of them, `OUT1=0` or `OUT1=1`; of several records the newest one, because trackers send what they could not send
 * before.
 *
 * Source: Traccar's IotmProtocolEncoder and IotmProtocolDecoder with their tests. */
#include "framers.h"

enum {
    VERSION = 2,
    RECORD_TELEMETRY = 1,
    RECORD_IMEI = 2,
    RECORD_OUTPUT_CONTROL = 4,
    RECORD_HEADER = 3,
    SENSOR_HEADER = 3,
    IMEI_DIGITS = 15,
    BODY_MAX = 255, /* the longest that is known has 10 bytes */
    OUTPUTS = 4,
};

struct record {
    uint8_t type;
    struct bytes content;
};

struct output {
    char state;    /* '0', '1', or NUL where nothing was said */
    uint64_t time; /* seconds since 1970 */
};

static const char *wrap(const struct bytes fields[], struct bytes body, struct buffer *out)
{
    size_t start = out->len;
    uint64_t imei;

    if (fields[0].len != IMEI_DIGITS || !field_number(fields[0], UINT64_MAX, &imei))
        return "imei: must be 15 digits";
    if (body.len == 0 || body.len > BODY_MAX)
        return "body: must be 1 to 255 bytes";
    buffer_put_u8(out, VERSION);
    buffer_put_u8(out, RECORD_IMEI);
    put_le(out, sizeof imei, 2);
    put_le(out, imei, sizeof imei);
    buffer_put_u8(out, RECORD_OUTPUT_CONTROL);
    put_le(out, body.len, 2);
    buffer_put(out, body);
    buffer_put_u8(out, (uint8_t)checksum_of(CHECKSUM_SUM8, bytes_of(out->data + start, out->len - start)));
    return NULL;
}

/* False at the end, and where a length leads beyond it: then something is left over. */
static bool next_record(struct bytes *rest, struct record *r)
{
    size_t len;

    if (rest->len < RECORD_HEADER)
        return false;
    len = read_le(rest->data + 1, 2);
    if (rest->len - RECORD_HEADER < len)
        return false;
    *r = (struct record){rest->data[0], bytes_of(rest->data + RECORD_HEADER, len)};
    *rest = bytes_of(rest->data + RECORD_HEADER + len, rest->len - RECORD_HEADER - len);
    return true;
}

/* How long a sensor's value is, by its type; SIZE_MAX where that is not known. */
static size_t value_len(uint8_t type, struct bytes value)
{
    /* false, true, null, none, u8, u16, u32, u64, i8, i16, i32, i64, float, double, position */
    static const uint8_t fixed[] = {0, 0, 0, 0, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8, 16};

    if (type < sizeof fixed)
        return fixed[type];
    if ((type == 32 || type == 33) && value.len >= 1) /* short text, short bytes */
        return 1 + (size_t)value.data[0];
    if ((type == 64 || type == 65) && value.len >= 2) /* text, bytes */
        return 2 + (size_t)read_le(value.data, 2);
    return SIZE_MAX;
}

/* The output whose state the sensor is, from 0; OUTPUTS for all other sensors. */
static size_t output_of(uint64_t sensor)
{
    if (sensor >= 0x94 && sensor <= 0x96)
        return (size_t)sensor - 0x94;
    return sensor == 0x9A ? 3 : OUTPUTS;
}

/* The states that one record tells. False when it cannot be read to its end: then nothing of it counts. */
static bool read_telemetry(struct bytes content, struct output outputs[OUTPUTS])
{
    struct bytes rest;
    uint64_t time;

    if (content.len < 4)
        return false;
    time = read_le(content.data, 4);
    rest = bytes_of(content.data + 4, content.len - 4);
    while (rest.len >= SENSOR_HEADER) {
        uint8_t type = rest.data[0];
        size_t output = output_of(read_le(rest.data + 1, 2));
        size_t len;

        rest = bytes_of(rest.data + SENSOR_HEADER, rest.len - SENSOR_HEADER);
        len = value_len(type, rest);
        if (len > rest.len)
            return false;
        rest = bytes_of(rest.data + len, rest.len - len);
        if (output < OUTPUTS && type <= 1)
            outputs[output] = (struct output){(char)('0' + type), time};
    }
    return rest.len == 0;
}

static void take_newer(struct output newest[OUTPUTS], const struct output outputs[OUTPUTS])
{
    for (size_t i = 0; i < OUTPUTS; i++) {
        if (outputs[i].state && outputs[i].time >= newest[i].time)
            newest[i] = outputs[i];
    }
}

/* The records between version and sum; empty when this is no payload. */
static struct bytes records_of(struct bytes input)
{
    struct bytes records = {0};

    if (input.len < 2 + RECORD_HEADER || input.data[0] != VERSION)
        return records;
    if (checksum_of(CHECKSUM_SUM8, bytes_of(input.data, input.len - 1)) != input.data[input.len - 1])
        return records;
    return bytes_of(input.data + 1, input.len - 2);
}

static struct frame_found find(struct bytes input, struct buffer *line)
{
    struct bytes records = records_of(input);
    struct bytes rest = records;
    struct output newest[OUTPUTS] = {0};
    struct record r;

    while (next_record(&rest, &r)) {
        struct output outputs[OUTPUTS] = {0};

        if (r.type == RECORD_TELEMETRY && read_telemetry(r.content, outputs))
            take_newer(newest, outputs);
    }
    if (records.len == 0 || rest.len > 0)
        return frame_garbage(input.len);
    buffer_put_text(line, "02 ");
    put_hex(line, records);
    for (unsigned i = 0; i < OUTPUTS; i++) {
        if (newest[i].state)
            buffer_printf(line, "\nOUT%u=%c", i + 1, newest[i].state);
    }
    return frame_good(input.len);
}

const struct framer framer_iotm = {.name = "iotm", .fields = {"imei"}, .wrap = wrap, .find = find};
