#include "edge/audit_chain.h"

#include <criterion/criterion.h>

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* sha256sum says so. */
Test(audit_chain, each_line_has_its_number_and_the_digest_of_the_one_before)
{
    struct audit_chain chain;
    struct buffer out = {0};

    audit_chain_begin(&chain);
    audit_chain_seal(&chain, bytes_of_text("\"a\":1}"), &out);
    audit_chain_seal(&chain, bytes_of_text("\"b\":2}"), &out);
    buffer_put_u8(&out, '\0');
    cr_assert_str_eq(
        (char *)out.data,
        "{\"seq\":1,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"a\":1}\n"
        "{\"seq\":2,\"prev\":\"d244c3d55c9ee8557abcc307f3b0cc81dbea647129afcce380a4fbfc162e21aa\",\"b\":2}\n");
    cr_assert_eq(chain.seq, 2);
    buffer_release(&out);
}

static bool is_a_line(const char *text)
{
    struct audit_place place;

    return audit_place_read(bytes_of_text(text), &place);
}

Test(audit_chain, what_it_has_written_it_reads_and_nothing_else)
{
    struct audit_chain chain;
    struct buffer out = {0};
    struct audit_place place;

    audit_chain_begin(&chain);
    chain.seq = 4711;
    audit_chain_seal(&chain, bytes_of_text("\"a\":1}"), &out);
    cr_assert(audit_place_read(bytes_of(out.data, out.len - 1), &place));
    cr_assert_eq(place.seq, 4712);
    cr_assert_str_eq(place.prev, zeros);
    for (size_t len = 0; len < out.len - 1; len++)
        cr_assert_not(audit_place_read(bytes_of(out.data, len), &place), "%zu bytes of it", len);
    buffer_release(&out);
    cr_assert_not(
        is_a_line("{\"seq\":0,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",}"));
    cr_assert_not(
        is_a_line("{\"seq\":01,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",}"));
    cr_assert_not(
        is_a_line("{\"seq\":-1,\"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\",}"));
    cr_assert_not(is_a_line("{\"seq\":9999999999999999999,\"prev\":"
                            "\"0000000000000000000000000000000000000000000000000000000000000000\",}"));
    cr_assert_not(
        is_a_line("{\"seq\":1,\"prev\":\"000000000000000000000000000000000000000000000000000000000000000g\",}"));
}

/* printf 'outputd audit session %s' HASH_SHA256 | sha256sum | cut -c1-16 */
Test(audit_chain, a_session_is_named_by_a_digest_of_what_is_stored)
{
    char id[AUDIT_SESSION_DIGITS + 1];
    struct digest stored = digest_of(bytes_of_text("a6aa75587e5c59c32d347da438505fc3"));

    audit_session_id(&stored, id);
    cr_assert_str_eq(id, "d9beb007c2b59a54");
}
