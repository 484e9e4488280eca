#include "edge/http_form.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(http_form, .timeout = 10);

/* NULL: it is refused. */
static void expect_len(const char *form, size_t len, const char *json)
{
    struct buffer out = {0};
    int r = http_form_to_json(bytes_of(form, len), &out);

    cr_expect_eq(r, json ? 0 : -EBADMSG, "%s", form);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((const char *)out.data, json ? json : "", "%s", form);
    buffer_release(&out);
}

static void expect(const char *form, const char *json)
{
    expect_len(form, strlen(form), json);
}

Test(http_form, each_parameter_has_its_type)
{
    expect("hash=a6&tracker_id=265489&output=1&enable=true",
           "{\"hash\":\"a6\",\"tracker_id\":265489,\"output\":1,\"enable\":true}");
    expect("outputs=[true,true,false]&enable=false", "{\"outputs\":[true,true,false],\"enable\":false}");
    expect("outputs=%5Btrue%2C+false%5D", "{\"outputs\":[true,false]}");
    expect("hash=123&other=1&more=true", "{\"hash\":\"123\",\"other\":\"1\",\"more\":\"true\"}");
}

Test(http_form, what_is_not_of_its_type_is_a_text)
{
    expect("tracker_id=", "{\"tracker_id\":\"\"}");
    expect("tracker_id", "{\"tracker_id\":\"\"}");
    expect("tracker_id=+1", "{\"tracker_id\":\" 1\"}");
    expect("tracker_id=01", "{\"tracker_id\":\"01\"}");
    expect("tracker_id=-0", "{\"tracker_id\":\"-0\"}");
    expect("tracker_id=1.0", "{\"tracker_id\":\"1.0\"}");
    expect("tracker_id=1e3", "{\"tracker_id\":\"1e3\"}");
    expect("tracker_id=0x10", "{\"tracker_id\":\"0x10\"}");
    expect("tracker_id=99999999999999999999", "{\"tracker_id\":\"99999999999999999999\"}");
    expect("tracker_id=-5&output=0", "{\"tracker_id\":-5,\"output\":0}");
    expect("tracker_id=999999999999999999", "{\"tracker_id\":999999999999999999}");
    expect("enable=1", "{\"enable\":\"1\"}");
    expect("enable=True", "{\"enable\":\"True\"}");
    expect("outputs=true", "{\"outputs\":\"true\"}");
    expect("outputs=[true", "{\"outputs\":\"[true\"}");
    expect("outputs=[1]", "{\"outputs\":[1]}"); /* the checks of the request refuse it */
}

Test(http_form, a_request_id_is_an_integer_where_it_is_written_like_one)
{
    expect("request_id=7", "{\"request_id\":7}");
    expect("request_id=007", "{\"request_id\":\"007\"}");
    expect("request_id=a-7", "{\"request_id\":\"a-7\"}");
}

Test(http_form, names_and_values_are_decoded)
{
    expect("request%5Fid=a+b%2Bc%26d%3De", "{\"request_id\":\"a b+c&d=e\"}");
    expect("request_id=a=b=c", "{\"request_id\":\"a=b=c\"}");
    expect("request_id=%22%5C%0A", "{\"request_id\":\"\\\"\\\\\\n\"}");
    expect("request_id=%D0%B0", "{\"request_id\":\"\xD0\xB0\"}");
    expect("", "{}");
    expect("&&hash=a&&", "{\"hash\":\"a\"}");
    expect("=a", "{\"\":\"a\"}");
}

Test(http_form, what_cannot_be_meant_is_refused)
{
    expect("hash=a&hash=b", NULL);
    expect("hash=a&hash=a", NULL);
    expect("other=1&other=1", NULL);
    expect("hash=a&h%61sh=b", NULL);
    expect("request_id=%", NULL);
    expect("request_id=%4", NULL);
    expect("request_id=%4g", NULL);
    expect("request_id=%00", NULL);
    expect("a%00b=1", NULL);
    expect("request_id=%FF", NULL);
    expect("%FF=1", NULL);
    expect("request_id=%ED%A0%80", NULL);
    expect_len("request_id=a\0b", 14, NULL);
}
