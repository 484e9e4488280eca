#include "checks.h"

/* CRCs that take the lowest bit first; `poly` is written that way, too. */
static uint16_t crc16_reflected(struct bytes over, uint16_t poly, uint16_t init)
{
    uint16_t crc = init;

    for (size_t i = 0; i < over.len; i++) {
        crc ^= over.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ poly : crc >> 1);
    }
    return crc;
}

uint16_t checks_crc16_arc(struct bytes over)
{
    return crc16_reflected(over, 0xA001, 0);
}

uint16_t checks_crc16_x25(struct bytes over)
{
    return crc16_reflected(over, 0x8408, 0xFFFF) ^ 0xFFFF;
}

uint16_t checks_crc16_kermit(struct bytes over)
{
    return crc16_reflected(over, 0x8408, 0);
}

uint8_t checks_sum8(struct bytes over)
{
    unsigned sum = 0;

    for (size_t i = 0; i < over.len; i++)
        sum += over.data[i];
    return (uint8_t)sum;
}

uint8_t checks_xor8(struct bytes over)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < over.len; i++)
        sum ^= over.data[i];
    return sum;
}

struct bytes checks_span(const struct buffer *frame, size_t start)
{
    return bytes_of(frame->data + start, frame->len - start);
}

void checks_spoil_crc16(uint8_t *crc)
{
    for (int i = 0; i < 2; i++)
        crc[i] = (uint8_t)((crc[i] ^ 1) | 0x80);
}
