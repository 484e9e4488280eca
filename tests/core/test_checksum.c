#include "core/checksum.h"

#include <criterion/criterion.h>

TestSuite(checksum, .timeout = 30);

/* The check values of the catalogue of parametrised CRC algorithms: of the text "123456789". Those of the two sums are
 * counted by hand: 9 * '0' + 45 and the exclusive or of 1 to 9 with the high half of '1'. */
static const struct {
    const char *name;
    size_t width;
    uint16_t check;
    uint16_t of_nothing;
} cases[] = {
    [CHECKSUM_SUM8] = {"sum8", 1, 0xDD, 0},
    [CHECKSUM_XOR8] = {"xor8", 1, 0x31, 0},
    [CHECKSUM_CRC8_MAXIM] = {"crc8_maxim", 1, 0xA1, 0},
    [CHECKSUM_CRC16_ARC] = {"crc16_arc", 2, 0xBB3D, 0},
    [CHECKSUM_CRC16_CCITT_FALSE] = {"crc16_ccitt_false", 2, 0x29B1, 0xFFFF},
    [CHECKSUM_CRC16_KERMIT] = {"crc16_kermit", 2, 0x2189, 0},
    [CHECKSUM_CRC16_MODBUS] = {"crc16_modbus", 2, 0x4B37, 0xFFFF},
    [CHECKSUM_CRC16_X25] = {"crc16_x25", 2, 0x906E, 0},
    [CHECKSUM_CRC16_XMODEM] = {"crc16_xmodem", 2, 0x31C3, 0},
};

Test(checksum, each_one_has_its_case)
{
    cr_expect_eq(sizeof cases / sizeof *cases, (size_t)CHECKSUM_COUNT);
}

Test(checksum, check_values_are_those_of_the_catalogue)
{
    for (enum checksum i = 0; i < CHECKSUM_COUNT; i++) {
        uint16_t sum = checksum_of(i, bytes_of_text("123456789"));

        cr_expect_eq(sum, cases[i].check, "%s: %04X", cases[i].name, sum);
    }
}

Test(checksum, no_bytes_give_what_they_start_with)
{
    for (enum checksum i = 0; i < CHECKSUM_COUNT; i++)
        cr_expect_eq(checksum_of(i, bytes_of(NULL, 0)), cases[i].of_nothing, "%s", cases[i].name);
}

Test(checksum, one_byte_of_all_ones)
{
    cr_expect_eq(checksum_of(CHECKSUM_SUM8, bytes_of("\xFF\xFF", 2)), 0xFE);
    cr_expect_eq(checksum_of(CHECKSUM_XOR8, bytes_of("\xFF\xFF", 2)), 0x00);
    cr_expect_eq(checksum_of(CHECKSUM_CRC16_X25, bytes_of("\xFF", 1)), 0xFF00);
    cr_expect_eq(checksum_of(CHECKSUM_CRC16_XMODEM, bytes_of("\xFF", 1)), 0x1EF0);
}

Test(checksum, every_bit_counts)
{
    uint8_t bytes[9];

    for (enum checksum i = 0; i < CHECKSUM_COUNT; i++) {
        for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
            memcpy(bytes, "123456789", sizeof bytes);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            cr_expect_neq(checksum_of(i, bytes_of(bytes, sizeof bytes)), cases[i].check, "%s, bit %zu", cases[i].name,
                          bit);
        }
    }
}

Test(checksum, names_and_widths)
{
    for (enum checksum i = 0; i < CHECKSUM_COUNT; i++) {
        cr_expect_eq(checksum_by_name(bytes_of_text(cases[i].name)), i, "%s", cases[i].name);
        cr_expect_eq(checksum_width(i), cases[i].width, "%s", cases[i].name);
    }
}

Test(checksum, other_names_are_none)
{
    static const char *const others[] = {"", "crc16", "crc16_arc ", "crc16_ar", "CRC16_ARC", "sum16", "xor"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect_eq(checksum_by_name(bytes_of_text(others[i])), CHECKSUM_COUNT, "%s", others[i]);
    cr_expect_eq(checksum_by_name(bytes_of(NULL, 0)), CHECKSUM_COUNT);
}
