#include "base/buffer.h"

#include <criterion/criterion.h>

Test(buffer, keeps_what_was_put_while_it_grows)
{
    struct buffer b = {0};

    for (unsigned i = 0; i < 100000; i++)
        buffer_put_u8(&b, (uint8_t)(i * 7));
    cr_assert_eq(b.len, 100000);
    cr_assert_geq(b.size, b.len);
    for (unsigned i = 0; i < 100000; i++)
        cr_assert_eq(b.data[i], (uint8_t)(i * 7));
    buffer_release(&b);
}

Test(buffer, grows_by_one_large_run_too)
{
    static uint8_t large[300000];
    struct buffer b = {0};

    memset(large, 0xA5, sizeof large);
    buffer_put_text(&b, "head");
    buffer_put(&b, bytes_of(large, sizeof large));
    cr_assert_eq(b.len, 4 + sizeof large);
    cr_assert_arr_eq(b.data, "head", 4);
    cr_assert_arr_eq(b.data + 4, large, sizeof large);
    buffer_release(&b);
}

Test(buffer, an_empty_run_puts_nothing)
{
    struct buffer b = {0};

    buffer_put(&b, (struct bytes){0});
    buffer_put_text(&b, "");
    buffer_put_text(&b, NULL);
    cr_assert_eq(b.len, 0);
    buffer_release(&b);
}

Test(buffer, numbers_are_big_endian_and_cut_to_their_width)
{
    struct buffer b = {0};

    buffer_put_be(&b, 0x1122334455667788, 8);
    buffer_put_be(&b, 0x1122334455667788, 4);
    buffer_put_be(&b, 0x1122334455667788, 1);
    buffer_put_be(&b, 0x1122334455667788, 0);
    cr_assert_eq(b.len, 13);
    cr_assert_arr_eq(b.data, "\x11\x22\x33\x44\x55\x66\x77\x88\x55\x66\x77\x88\x88", 13);
    buffer_release(&b);
}

Test(buffer, printf_appends_without_a_nul)
{
    struct buffer b = {0};

    buffer_put_text(&b, "id=");
    buffer_printf(&b, "%d,%s", -17, "text");
    cr_assert(bytes_equal_text(buffer_bytes(&b), "id=-17,text"));
    buffer_release(&b);
}

/* Around the sizes at which the buffer grows: the NUL that vsnprintf writes needs its room too. */
Test(buffer, printf_fits_at_every_fill)
{
    for (int fill = 0; fill < 300; fill++) {
        struct buffer b = {0};

        for (int i = 0; i < fill; i++)
            buffer_put_u8(&b, 'x');
        buffer_printf(&b, "%s", "12345678");
        cr_assert_eq(b.len, (size_t)fill + 8);
        cr_assert_arr_eq(b.data + fill, "12345678", 8);
        buffer_release(&b);
    }
}

Test(buffer, clear_keeps_the_memory_and_release_does_not)
{
    struct buffer b = {0};
    const uint8_t *data;

    buffer_put_text(&b, "text");
    data = b.data;
    buffer_clear(&b);
    cr_assert_eq(b.len, 0);
    buffer_put_text(&b, "more");
    cr_assert_eq(b.data, data);
    buffer_release(&b);
    cr_assert_null(b.data);
    cr_assert_eq(b.len + b.size, 0);
    buffer_put_text(&b, "again");
    cr_assert(bytes_equal_text(buffer_bytes(&b), "again"));
    buffer_release(&b);
}

Test(reader, reads_back_what_was_put)
{
    struct buffer b = {0};
    struct reader r;

    buffer_put_be(&b, UINT64_MAX - 1, 8);
    buffer_put_be(&b, 0xBEEF, 2);
    buffer_put_u8(&b, 7);
    buffer_put_text(&b, "text");
    r = (struct reader){.left = buffer_bytes(&b)};
    cr_assert_eq(reader_be(&r, 8), UINT64_MAX - 1);
    cr_assert_eq(reader_be(&r, 2), 0xBEEF);
    cr_assert_eq(reader_be(&r, 1), 7);
    cr_assert_not(reader_is_done(&r), "four bytes are left over");
    cr_assert(bytes_equal_text(reader_take(&r, 4), "text"));
    cr_assert(reader_is_done(&r));
    buffer_release(&b);
}

Test(reader, a_read_beyond_the_end_gives_nothing_and_fails_for_good)
{
    struct reader r = {.left = bytes_of("abc", 3)};
    struct bytes taken;

    cr_assert_eq(reader_be(&r, 4), 0);
    cr_assert(r.failed);
    taken = reader_take(&r, 3);
    cr_assert_null(taken.data, "what is there is not given either, once a read failed");
    cr_assert_eq(taken.len, 0);
    cr_assert_eq(reader_be(&r, 1), 0);
    cr_assert_not(reader_is_done(&r));
}

Test(reader, a_failed_reader_without_rest_is_not_done)
{
    struct reader r = {.left = bytes_of("", 0)};

    cr_assert(reader_is_done(&r));
    cr_assert_eq(reader_be(&r, 1), 0);
    cr_assert_not(reader_is_done(&r));
}

Test(reader, the_largest_length_does_not_wrap)
{
    struct reader r = {.left = bytes_of("abc", 3)};

    cr_assert_eq(reader_take(&r, SIZE_MAX).len, 0);
    cr_assert(r.failed);
}

Test(reader, nothing_can_be_taken_at_the_end)
{
    struct reader r = {.left = bytes_of("ab", 2)};

    reader_take(&r, 2);
    cr_assert_eq(reader_take(&r, 0).len, 0);
    cr_assert(reader_is_done(&r));
}

Test(buffer, begins_in_an_array_and_leaves_it_where_that_is_too_small)
{
    uint8_t room[4] = "";
    struct buffer b = buffer_in(room, sizeof room);

    buffer_put_text(&b, "four");
    cr_assert_eq(b.data, room);
    buffer_put_text(&b, "five");
    cr_assert_neq(b.data, room);
    cr_assert(bytes_equal_text(buffer_bytes(&b), "fourfive"));
    cr_assert_arr_eq(room, "four", 4);
    buffer_release(&b);
    cr_assert_null(b.data);
}

Test(buffer, an_array_is_not_freed_with_it)
{
    uint8_t room[4];
    struct buffer b = buffer_in(room, sizeof room);

    buffer_put_text(&b, "two");
    buffer_release(&b);
    cr_assert_eq(b.size, 0);
    buffer_put_text(&b, "on its own");
    cr_assert(bytes_equal_text(buffer_bytes(&b), "on its own"));
    buffer_release(&b);
}
