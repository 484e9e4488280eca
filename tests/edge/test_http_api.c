#include "edge/http_api.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include "edge/http_server.h"

TestSuite(http_api, .timeout = 10);

/* --- paths --- */

static enum http_path path_of(const char *target)
{
    return http_path_of(bytes_of_text(target));
}

Test(http_api, only_whole_paths_are_served)
{
    cr_expect_eq(path_of("/metrics"), HTTP_PATH_METRICS);
    cr_expect_eq(path_of("/tracker/output/set"), HTTP_PATH_SET);
    cr_expect_eq(path_of("/tracker/output/set_all"), HTTP_PATH_SET_ALL);
    cr_expect_eq(path_of("/tracker/output/flip"), HTTP_PATH_OTHER_ACTION);
    cr_expect_eq(path_of("/tracker/output/SET"), HTTP_PATH_OTHER_ACTION);
    cr_expect_eq(path_of("/tracker/output/"), HTTP_PATH_UNKNOWN);
    cr_expect_eq(path_of("/tracker/output/set/"), HTTP_PATH_UNKNOWN);
    cr_expect_eq(path_of("/tracker/output"), HTTP_PATH_UNKNOWN);
    cr_expect_eq(path_of("/metrics/"), HTTP_PATH_UNKNOWN);
    cr_expect_eq(path_of("//metrics"), HTTP_PATH_UNKNOWN);
    cr_expect_eq(path_of(""), HTTP_PATH_UNKNOWN);
}

/* --- payloads --- */

static void expect_payload(enum http_method method, const char *type, const char *text, const char *expected)
{
    struct http_ask *ask = http_ask_new();
    struct buffer room = {0};

    ask->method = method;
    buffer_put_text(&ask->content_type, type);
    buffer_put_text(method == HTTP_POST ? &ask->body : &ask->query, text);
    cr_expect(bytes_equal_text(http_api_payload(ask, &room), expected), "%s: %s", type, text);
    buffer_release(&room);
    http_ask_free(ask);
}

Test(http_api, the_content_type_says_what_a_body_is)
{
    static const char json[] = " {tracker_id: 1}";
    static const char form[] = "tracker_id=1";
    static const char object[] = "{\"tracker_id\":1}";

    expect_payload(HTTP_POST, "application/json", json, json);
    expect_payload(HTTP_POST, "Application/JSON ; charset=utf-8", json, json);
    expect_payload(HTTP_POST, "application/json", form, form);
    expect_payload(HTTP_POST, "application/x-www-form-urlencoded", form, object);
    expect_payload(HTTP_POST, "application/x-www-form-urlencoded;charset=UTF-8", form, object);
    expect_payload(HTTP_POST, "application/x-www-form-urlencoded", "a=1&a=2", "");
    expect_payload(HTTP_POST, "", json, json);
    expect_payload(HTTP_POST, "", form, object);
    expect_payload(HTTP_POST, "", "", "{}");
    expect_payload(HTTP_POST, "text/plain", json, "");
    expect_payload(HTTP_POST, "application/msgpack", "\x80", "");
    expect_payload(HTTP_POST, "application/jsonp", json, "");
    expect_payload(HTTP_GET, "", form, object);
    expect_payload(HTTP_GET, "text/plain", form, object);
    expect_payload(HTTP_GET, "", "a=%", "");
}

static void expect_hash(const char *authorization, const char *expected)
{
    struct bytes hash = http_api_hash(bytes_of_text(authorization));

    cr_expect_eq(hash.data == NULL, expected == NULL, "%s", authorization);
    cr_expect(!expected || bytes_equal_text(hash, expected), "%s", authorization);
}

Test(http_api, the_hash_is_behind_its_scheme)
{
    expect_hash("NVX abc", "abc");
    expect_hash("nvx \t abc ", "abc");
    expect_hash("NVX", "");
    expect_hash("NVX a b", "a b");
    expect_hash("NVXabc", NULL);
    expect_hash("Bearer abc", NULL);
    expect_hash("NV", NULL);
    expect_hash("", NULL);
}

Test(http_api, every_code_has_its_status)
{
    static const struct {
        enum code code;
        unsigned status;
    } all[] = {
        {CODE_SUCCESS, 200},
        {CODE_WRONG_HASH, 400},
        {CODE_USER_NOT_FOUND, 400},
        {CODE_WRONG_FORMAT, 400},
        {CODE_UNEXPECTED, 500},
        {CODE_INVALID_PARAMETERS, 400},
        {CODE_QUEUE_ERROR, 503},
        {CODE_TOO_LARGE, 412},
        {CODE_NOT_PERMITTED, 403},
        {CODE_TOO_MANY_REQUESTS, 429},
        {CODE_DATABASE_UNAVAILABLE, 503},
        {CODE_WRONG_METHOD, 400},
        {CODE_NOT_FOUND, 404},
        {CODE_DEVICE_BLOCKED, 403},
        {CODE_OFFLINE, 400},
        {CODE_NOT_SUPPORTED, 400},
        {CODE_CLONE, 403},
        {CODE_UNKNOWN_MODEL, 400},
        {CODE_WRONG_STATUS, 400},
        {CODE_USER_BLOCKED, 403},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t status = 0;

        cr_expect_eq(http_api_status(all[i].code), all[i].status, "%d", all[i].code);
        while (http_statuses[status] && http_statuses[status] != all[i].status)
            status++;
        cr_expect_neq(http_statuses[status], 0, "%u is counted", all[i].status);
    }
}

/* --- where to listen --- */

static void expect_address(const char *text, const char *address, uint16_t port, bool is_loopback)
{
    struct sockaddr_storage read;
    char host[INET6_ADDRSTRLEN];
    const void *raw = &((struct sockaddr_in *)&read)->sin_addr;

    cr_assert(http_listen_parse(text, &read), "%s", text);
    if (read.ss_family == AF_INET6)
        raw = &((struct sockaddr_in6 *)&read)->sin6_addr;
    cr_expect_str_eq(inet_ntop(read.ss_family, raw, host, sizeof host), address);
    cr_expect_eq(http_listen_port(&read), port);
    cr_expect_eq(http_listen_is_loopback(&read), is_loopback, "%s", text);
}

Test(http_api, an_address_is_read)
{
    static const char *const bad[] = {"",           "9108",      ":9108",         "localhost:9108", "127.0.0.1",
                                      "127.0.0.1:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:x",      "1.2.3:1",
                                      "::1:9108",   "[::1]",     "[::1:9108",     "[]:9108",        "[1.2.3.4]:1",
                                      "1.2.3.4:-1", "1.2.3.4: 1"};
    struct sockaddr_storage address;

    expect_address("127.0.0.1:9108", "127.0.0.1", 9108, true);
    expect_address("127.1.2.3:1", "127.1.2.3", 1, true);
    expect_address("0.0.0.0:65535", "0.0.0.0", 65535, false);
    expect_address("[::1]:9108", "::1", 9108, true);
    expect_address("[::]:9108", "::", 9108, false);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(http_listen_parse(bad[i], &address), "%s", bad[i]);
}
