#include "wire/encoding.h"

#include <criterion/criterion.h>

static const struct {
    const char *content_type; /* NULL: none */
    const char *payload;
    enum encoding encoding;
} cases[] = {
    /* What is known decides, whatever the payload looks like. */
    {"application/json", "\x81", ENCODING_JSON},
    {"application/msgpack", "{}", ENCODING_MSGPACK},
    {"application/x-msgpack", "{}", ENCODING_MSGPACK},
    {"application/vnd.msgpack", "{}", ENCODING_MSGPACK},
    {"Application/MsgPack", "{}", ENCODING_MSGPACK},
    {"APPLICATION/JSON", "\x81", ENCODING_JSON},
    {"application/json", "", ENCODING_JSON},
    {"application/msgpack", "", ENCODING_MSGPACK},
    /* Parameters are left aside. */
    {"application/json; charset=utf-8", "\x81", ENCODING_JSON},
    {"application/json;charset=utf-8;q=1", "\x81", ENCODING_JSON},
    {"application/json  ; charset=utf-8", "\x81", ENCODING_JSON},
    {"application/msgpack;", "{}", ENCODING_MSGPACK},
    {"application/msgpack ", "{}", ENCODING_MSGPACK},
    /* Another one, or a part or a longer form of a known one, is none. */
    {"text/plain", "{}", ENCODING_JSON},
    {"text/plain", "\x81", ENCODING_MSGPACK},
    {"application/jso", "\x81", ENCODING_MSGPACK},
    {"application/jsonx", "\x81", ENCODING_MSGPACK},
    {"application/yaml", "\x81", ENCODING_MSGPACK}, /* as long as one */
    {"application/msgpac", "{}", ENCODING_JSON},
    {"application/msgpack2", "{}", ENCODING_JSON},
    {";application/json", "\x81", ENCODING_MSGPACK},
    {"", "\x81", ENCODING_MSGPACK},
    {"", "{}", ENCODING_JSON},
    /* Without one the first byte decides. */
    {NULL, "{}", ENCODING_JSON},
    {NULL, "", ENCODING_JSON},
    {NULL, " {}", ENCODING_JSON},
    {NULL, "\xEF\xBB\xBF{}", ENCODING_JSON},
    {NULL, "\x7F", ENCODING_JSON},
    {NULL, "\x80", ENCODING_MSGPACK},
    {NULL, "\x8F", ENCODING_MSGPACK},
    {NULL, "\x90", ENCODING_MSGPACK},
    {NULL, "\xA1z", ENCODING_MSGPACK},
    {NULL, "\xC0", ENCODING_MSGPACK},
    {NULL, "\xDE\x01", ENCODING_MSGPACK},
    {NULL, "\xDF\x01", ENCODING_MSGPACK},
    {NULL, "\xE0", ENCODING_JSON},
    {NULL, "\xFF", ENCODING_JSON},
};

Test(encoding, is_what_the_content_type_says_else_the_first_byte)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(encoding_of(bytes_of_text(cases[i].content_type), bytes_of_text(cases[i].payload)),
                     cases[i].encoding, "content type %s, first byte %02x",
                     cases[i].content_type ? cases[i].content_type : "none", (unsigned char)cases[i].payload[0]);
}

Test(encoding, names_the_content_type_it_understands)
{
    for (int i = 0; i <= ENCODING_MSGPACK; i++) {
        const char *name = encoding_content_type((enum encoding)i);

        cr_expect_eq((int)encoding_of(bytes_of_text(name), bytes_of("", 0)), i, "%s", name);
    }
    cr_expect_str_eq(encoding_content_type(ENCODING_JSON), "application/json");
    cr_expect_str_eq(encoding_content_type(ENCODING_MSGPACK), "application/msgpack");
}
