#include "core/checksum.h"

static const struct {
    const char *name;
    uint8_t width;     /* bytes */
    bool is_reflected; /* bits enter with the lowest first */
    uint16_t polynomial;
    uint16_t init;
    uint16_t xor_out;
} algorithms[CHECKSUM_COUNT] = {
    [CHECKSUM_SUM8] = {.name = "sum8", .width = 1},
    [CHECKSUM_XOR8] = {.name = "xor8", .width = 1},
    [CHECKSUM_CRC8_MAXIM] = {"crc8_maxim", 1, true, 0x8C, 0, 0}, /* 0x31, reflected */
    [CHECKSUM_CRC16_ARC] = {"crc16_arc", 2, true, 0xA001, 0, 0}, /* 0x8005, reflected */
    [CHECKSUM_CRC16_CCITT_FALSE] = {"crc16_ccitt_false", 2, false, 0x1021, 0xFFFF, 0},
    [CHECKSUM_CRC16_KERMIT] = {"crc16_kermit", 2, true, 0x8408, 0, 0}, /* 0x1021, reflected */
    [CHECKSUM_CRC16_MODBUS] = {"crc16_modbus", 2, true, 0xA001, 0xFFFF, 0},
    [CHECKSUM_CRC16_X25] = {"crc16_x25", 2, true, 0x8408, 0xFFFF, 0xFFFF},
    [CHECKSUM_CRC16_XMODEM] = {"crc16_xmodem", 2, false, 0x1021, 0, 0},
};

/* What a byte does to a CRC that is zero, for each of the 256. Noise that is full of beginnings of frames makes many
 * checksums, so they are worth a table; each is made when it is first needed, by each thread that needs it. */
static _Thread_local uint16_t tables[CHECKSUM_COUNT][256];

static uint16_t of_byte(uint8_t byte, bool is_reflected, uint16_t polynomial)
{
    uint16_t crc = (uint16_t)(is_reflected ? byte : byte << 8);

    for (int bit = 0; bit < 8; bit++) {
        if (is_reflected)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ polynomial : crc >> 1);
        else
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ polynomial : crc << 1);
    }
    return crc;
}

static const uint16_t *table_of(enum checksum which)
{
    static _Thread_local bool is_made[CHECKSUM_COUNT];

    for (int byte = 0; byte < 256 && !is_made[which]; byte++)
        tables[which][byte] = of_byte((uint8_t)byte, algorithms[which].is_reflected, algorithms[which].polynomial);
    is_made[which] = true;
    return tables[which];
}

static uint16_t crc_of(enum checksum which, struct bytes bytes)
{
    const uint16_t *table = table_of(which);
    uint16_t crc = algorithms[which].init;

    for (size_t i = 0; i < bytes.len; i++) {
        if (algorithms[which].is_reflected)
            crc = (uint16_t)(crc >> 8 ^ table[(uint8_t)(crc ^ bytes.data[i])]);
        else
            crc = (uint16_t)(crc << 8 ^ table[(uint8_t)(crc >> 8 ^ bytes.data[i])]);
    }
    return crc ^ algorithms[which].xor_out;
}

uint16_t checksum_of(enum checksum which, struct bytes bytes)
{
    uint8_t value = 0;

    if (which != CHECKSUM_SUM8 && which != CHECKSUM_XOR8)
        return crc_of(which, bytes);
    for (size_t i = 0; i < bytes.len; i++)
        value = (uint8_t)(which == CHECKSUM_SUM8 ? value + bytes.data[i] : value ^ bytes.data[i]);
    return value;
}

size_t checksum_width(enum checksum which)
{
    return algorithms[which].width;
}

const char *checksum_name(enum checksum which)
{
    return algorithms[which].name;
}

enum checksum checksum_by_name(struct bytes name)
{
    for (enum checksum i = 0; i < CHECKSUM_COUNT; i++) {
        if (bytes_equal_text(name, algorithms[i].name))
            return i;
    }
    return CHECKSUM_COUNT;
}
