#include "base/bytes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct {
    const char *what;
    const char *text;
    size_t len;
    bool good;
} texts[] = {
    {"nothing", "", 0, true},
    {"ASCII with a NUL", "a\0b", 3, true},
    {"two, three and four bytes", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x97", 9, true},
    {"overlong NUL", "\xC0\x80", 2, false},
    {"overlong slash in two bytes", "\xC0\xAF", 2, false},
    {"overlong U+007F", "\xC1\xBF", 2, false},
    {"lowest of two bytes", "\xC2\x80", 2, true},
    {"overlong slash in three bytes", "\xE0\x80\xAF", 3, false},
    {"overlong U+07FF", "\xE0\x9F\xBF", 3, false},
    {"lowest of three bytes", "\xE0\xA0\x80", 3, true},
    {"overlong U+FFFF", "\xF0\x8F\xBF\xBF", 4, false},
    {"lowest of four bytes", "\xF0\x90\x80\x80", 4, true},
    {"last before the surrogates", "\xED\x9F\xBF", 3, true},
    {"first surrogate", "\xED\xA0\x80", 3, false},
    {"last surrogate", "\xED\xBF\xBF", 3, false},
    {"a surrogate pair", "\xED\xA0\xBD\xED\xBA\x97", 6, false},
    {"first behind the surrogates", "\xEE\x80\x80", 3, true},
    {"U+10FFFF", "\xF4\x8F\xBF\xBF", 4, true},
    {"U+110000", "\xF4\x90\x80\x80", 4, false},
    {"U+13FFFF", "\xF4\xBF\xBF\xBF", 4, false},
    {"lead byte F5", "\xF5\x80\x80\x80", 4, false},
    {"five bytes", "\xF8\x88\x80\x80\x80", 5, false},
    {"six bytes", "\xFC\x84\x80\x80\x80\x80", 6, false},
    {"FE", "\xFE", 1, false},
    {"FF", "\xFF", 1, false},
    {"a continuation alone", "\x80", 1, false},
    {"a continuation too many", "\xC3\xA9\xA9", 3, false},
    {"a continuation too few inside", "\xE2\x82z", 3, false},
    {"a lead byte in place of a continuation", "\xE2\xC3\xA9", 3, false},
};

Test(bytes, utf8_is_what_rfc_3629_says)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_eq(bytes_are_utf8(bytes_of(texts[i].text, texts[i].len)), texts[i].good, "%s", texts[i].what);
}

static size_t encode(uint32_t point, uint8_t out[4])
{
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = len; i-- > 1; point >>= 6)
        out[i] = (uint8_t)(0x80 | (point & 0x3F));
    out[0] = (uint8_t)(leads[len] | point);
    return len;
}

Test(bytes, every_code_point_but_the_surrogates_is_utf8_and_none_of_its_prefixes_is)
{
    for (uint32_t point = 0; point < 0x120000; point++) {
        uint8_t text[4];
        size_t len = encode(point, text);
        bool good = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);

        cr_assert_eq(bytes_are_utf8(bytes_of(text, len)), good, "U+%04X", point);
        for (size_t cut = 1; cut < len; cut++)
            cr_assert_not(bytes_are_utf8(bytes_of(text, cut)), "U+%04X, %zu bytes of it", point, cut);
    }
}

/* The bytes end where the allocation does, so that a reader beyond the end is seen by AddressSanitizer. */
Test(bytes, a_truncated_sequence_is_not_read_beyond_its_end)
{
    static const uint8_t leads[] = {0xC3, 0xE2, 0xF0};

    for (size_t i = 0; i < sizeof leads; i++) {
        uint8_t *alone = malloc(1);

        *alone = leads[i];
        cr_expect_not(bytes_are_utf8(bytes_of(alone, 1)));
        free(alone);
    }
}

Test(bytes, hex_comes_back_from_every_byte)
{
    uint8_t all[256];
    uint8_t back[256];
    char hex[513];

    for (size_t i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    bytes_to_hex(bytes_of(all, 256), hex);
    cr_assert_eq(strlen(hex), 512);
    cr_assert_eq(strncmp(hex, "000102030405060708090a0b0c0d0e0f10", 34), 0);
    cr_assert(bytes_from_hex(bytes_of_text(hex), back, 256));
    cr_assert_arr_eq(all, back, 256);
}

Test(bytes, hex_of_nothing_is_nothing)
{
    char hex[1] = {'x'};
    uint8_t none;

    bytes_to_hex((struct bytes){0}, hex);
    cr_assert_str_eq(hex, "");
    cr_assert(bytes_from_hex((struct bytes){0}, &none, 0));
}

Test(bytes, hex_digits_are_read_in_either_case)
{
    uint8_t lower[4];
    uint8_t upper[4];

    cr_assert(bytes_from_hex(bytes_of_text("deadbe0f"), lower, 4));
    cr_assert(bytes_from_hex(bytes_of_text("DEADBE0F"), upper, 4));
    cr_assert_arr_eq(lower, "\xde\xad\xbe\x0f", 4);
    cr_assert_arr_eq(upper, lower, 4);
}

Test(bytes, hex_of_another_length_is_refused)
{
    static const char *const wrong[] = {"", "a", "ab", "abc", "abcde", "abcdef"};
    uint8_t out[4];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(bytes_from_hex(bytes_of_text(wrong[i]), out, 2), "%s", wrong[i]);
}

Test(bytes, only_hex_digits_are_hex_digits)
{
    for (int c = 0; c < 256; c++) {
        bool digit = c != 0 && strchr("0123456789abcdefABCDEF", c);
        const uint8_t high[2] = {(uint8_t)c, '0'};
        const uint8_t low[2] = {'0', (uint8_t)c};
        uint8_t out;

        cr_expect_eq(bytes_from_hex(bytes_of(high, 2), &out, 1), digit, "%02x", (unsigned)c);
        cr_expect_eq(bytes_from_hex(bytes_of(low, 2), &out, 1), digit, "%02x", (unsigned)c);
    }
}

Test(bytes, equality_is_length_and_content)
{
    cr_expect(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    cr_expect_not(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
    cr_expect_not(bytes_equal(bytes_of("ab", 2), bytes_of("ab", 1)));
    cr_expect(bytes_equal((struct bytes){0}, bytes_of("x", 0)));
    cr_expect(bytes_equal_text(bytes_of("abc", 3), "abc"));
    cr_expect_not(bytes_equal_text(bytes_of("abc\0", 4), "abc"));
    cr_expect(bytes_equal_text((struct bytes){0}, ""));
}

Test(bytes, no_text_is_an_empty_run)
{
    cr_expect_eq(bytes_of_text(NULL).len, 0);
    cr_expect_eq(bytes_of_text("four").len, 4);
}

Test(bytes, a_copy_has_all_bytes_and_a_nul_behind_them)
{
    char *copy = bytes_dup(bytes_of("a\0bX", 3));
    char *empty = bytes_dup((struct bytes){0});

    cr_assert_arr_eq(copy, "a\0b\0", 4);
    cr_assert_str_eq(empty, "");
    free(copy);
    free(empty);
}
