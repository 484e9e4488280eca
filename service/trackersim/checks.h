/* Checksums of the byte families, written for the simulator alone: see profile.h. Names as in the catalogue of CRCs. */
#ifndef TRACKERSIM_CHECKS_H
#define TRACKERSIM_CHECKS_H

#include "base/buffer.h"

uint16_t checks_crc16_arc(struct bytes over);    /* Teltonika calls it CRC-16/IBM */
uint16_t checks_crc16_x25(struct bytes over);    /* GT06 calls it CRC-ITU */
uint16_t checks_crc16_kermit(struct bytes over); /* Ruptela */
uint8_t checks_sum8(struct bytes over);
uint8_t checks_xor8(struct bytes over);

/* What a buffer holds from `start` on. */
struct bytes checks_span(const struct buffer *frame, size_t start);

/* Makes these two bytes a wrong CRC. Both are above 0x7F then: a receiver that looks for the next frame behind them
 * must not take them for a length that it has to wait for. */
void checks_spoil_crc16(uint8_t *crc);

#endif
