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

/* Frames are short, so the bits are worked through one by one. */
static uint16_t add_reflected(uint16_t crc, uint8_t byte, uint16_t polynomial)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = (uint16_t)(crc & 1 ? crc >> 1 ^ polynomial : crc >> 1);
    return crc;
}

static uint16_t add_straight(uint16_t crc, uint8_t byte, uint16_t polynomial)
{
    crc = (uint16_t)(crc ^ byte << 8);
    for (int bit = 0; bit < 8; bit++)
        crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ polynomial : crc << 1);
    return crc;
}

static uint16_t add(enum checksum which, uint16_t value, uint8_t byte)
{
    if (which == CHECKSUM_SUM8)
        return (uint8_t)(value + byte);
    if (which == CHECKSUM_XOR8)
        return value ^ byte;
    if (algorithms[which].is_reflected)
        return add_reflected(value, byte, algorithms[which].polynomial);
    return add_straight(value, byte, algorithms[which].polynomial);
}

uint16_t checksum_of(enum checksum which, struct bytes bytes)
{
    uint16_t value = algorithms[which].init;

    for (size_t i = 0; i < bytes.len; i++)
        value = add(which, value, bytes.data[i]);
    return value ^ algorithms[which].xor_out;
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
