#include "base/digest.h"

#include <criterion/criterion.h>

static void expect_hex(struct digest digest, const char *expected, const char *what)
{
    char hex[2 * DIGEST_SIZE + 1];

    bytes_to_hex(bytes_of(digest.bytes, DIGEST_SIZE), hex);
    cr_expect_str_eq(hex, expected, "%s", what);
}

/* FIPS 180-2, appendix B, and the public API's example hash. */
Test(digest, is_sha_256)
{
    static const struct {
        const char *text;
        const char *digest;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"a6aa75587e5c59c32d347da438505fc3", "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        expect_hex(digest_of(bytes_of_text(known[i].text)), known[i].digest, known[i].text);
}

Test(digest, of_a_million_letters)
{
    static char letters[1000000];

    memset(letters, 'a', sizeof letters);
    expect_hex(digest_of(bytes_of(letters, sizeof letters)),
               "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", "a million a");
}

Test(digest, of_a_null_run_is_that_of_nothing)
{
    expect_hex(digest_of((struct bytes){0}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
               "nothing");
}

static struct digest of_two(const char *first, const char *second)
{
    const struct bytes parts[] = {bytes_of_text(first), bytes_of_text(second)};

    return digest_of_parts(parts, 2);
}

Test(digest, of_parts_depends_on_where_they_part)
{
    const struct digest parted[] = {of_two("abc", ""), of_two("ab", "c"), of_two("a", "bc"), of_two("", "abc")};
    const size_t count = sizeof parted / sizeof *parted;

    for (size_t i = 0; i < count; i++) {
        for (size_t n = 0; n < i; n++)
            cr_expect_neq(memcmp(&parted[i], &parted[n], sizeof parted[i]), 0, "%zu and %zu", i, n);
    }
}

Test(digest, of_parts_depends_on_their_number)
{
    const struct bytes nothing[3] = {{0}};
    struct digest one = digest_of_parts(nothing, 1);
    struct digest two = digest_of_parts(nothing, 2);

    cr_expect_neq(memcmp(&one, &two, sizeof one), 0);
}

Test(digest, of_the_same_parts_is_the_same)
{
    struct digest first = of_two("topic", "payload");
    struct digest again = of_two("topic", "payload");

    cr_expect_eq(memcmp(&first, &again, sizeof first), 0);
}
