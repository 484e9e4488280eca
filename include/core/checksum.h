/* Checksums of device protocols. None of them guards against intent; they tell a frame from noise.
 *
 * Names and parameters as in the catalogue of parametrised CRC algorithms (Greg Cook, reveng.sourceforge.io). */
#ifndef CORE_CHECKSUM_H
#define CORE_CHECKSUM_H

#include "base/bytes.h"

enum checksum {
    CHECKSUM_SUM8, /* sum of all bytes, modulo 256 */
    CHECKSUM_XOR8, /* all bytes, exclusive or */
    CHECKSUM_CRC8_MAXIM,
    CHECKSUM_CRC16_ARC,
    CHECKSUM_CRC16_CCITT_FALSE, /* the catalogue's CRC-16/IBM-3740 */
    CHECKSUM_CRC16_KERMIT,
    CHECKSUM_CRC16_MODBUS,
    CHECKSUM_CRC16_X25, /* the catalogue's CRC-16/IBM-SDLC */
    CHECKSUM_CRC16_XMODEM,
    CHECKSUM_COUNT,
};

uint16_t checksum_of(enum checksum which, struct bytes bytes);

/* 1 or 2 */
size_t checksum_width(enum checksum which);

const char *checksum_name(enum checksum which);

/* "sum8", "xor8", "crc8_maxim", "crc16_arc", …: CHECKSUM_COUNT where it is none of them. */
enum checksum checksum_by_name(struct bytes name);

#endif
