/* Trackers a page at a time. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>

#include "edge/console_search.h"
#include "support/engine_stage.h"

enum { PAGE_MAX = 200, SCAN_MAX = 10000 };

TestSuite(console_search, .init = stage_open, .fini = stage_close, .timeout = 10);

static json_t *search_within(const char *text, uint32_t scan_max)
{
    struct console_query query;
    struct buffer out = {0};
    const char *wrong = console_query_read(bytes_of_text(text), PAGE_MAX, &query);
    json_t *root;

    cr_assert_null(wrong, "%s: %s", text, wrong);
    cr_assert_eq(console_search(stage->engine, &query, scan_max, &out), 0);
    root = json_loadb((const char *)out.data, out.len, 0, NULL);
    cr_assert_not_null(root);
    buffer_release(&out);
    return root;
}

static json_t *search(const char *text)
{
    return search_within(text, SCAN_MAX);
}

static size_t count(const json_t *root)
{
    return json_array_size(json_object_get(root, "trackers"));
}

static json_t *tracker(const json_t *root, size_t i)
{
    return json_array_get(json_object_get(root, "trackers"), i);
}

static json_int_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void expect_ids(const char *text, const char *expected)
{
    json_t *root = search(text);
    struct buffer ids = {0};

    for (size_t i = 0; i < count(root); i++)
        buffer_printf(&ids, "%s%d", i ? " " : "", (int)number(tracker(root, i), "id"));
    buffer_put_u8(&ids, '\0');
    cr_expect_str_eq((const char *)ids.data, expected, "%s: %s", text, (const char *)ids.data);
    buffer_release(&ids);
    json_decref(root);
}

static size_t registered(void)
{
    return registry_tracker_count(engine_registry(stage->engine));
}

Test(console_search, a_tracker_is_shown_with_what_is_known_of_it)
{
    json_t *root;
    json_t *t;

    stage_ack(stage_set_and_send(TRACKER_RESERVED, 2, true));
    root = search("search=112");
    t = tracker(root, 0);
    cr_assert_eq(number(t, "id"), TRACKER_RESERVED);
    cr_assert(json_is_true(json_object_get(t, "online")));
    cr_assert_eq(json_integer_value(json_array_get(json_object_get(t, "reserved"), 0)), 1);
    cr_assert(json_is_null(json_array_get(json_object_get(t, "outputs"), 0)));
    cr_assert(json_is_true(json_array_get(json_object_get(t, "outputs"), 1)));
    cr_assert_eq(json_array_size(json_object_get(t, "outputs")), 3);
    cr_assert_gt(number(t, "updated_at_ms"), 0);
    cr_assert_null(json_object_get(t, "device_id"));
    cr_assert_null(json_object_get(t, "user_id"));
    json_decref(root);
}

Test(console_search, finds_by_id_and_by_model)
{
    expect_ids("search=10", "101 102 103 104 105 106 107 108 109 110");
    expect_ids("search=112", "112");
    expect_ids("search=MSGPACK", "103");
    expect_ids("search=generic_msg", "103");
    expect_ids("search=%20no%20such", "");
}

Test(console_search, a_whole_id_comes_first_and_once)
{
    struct stage_tracker *other = stage_tracker(TRACKER_JSON_2);

    other->tracker.id = 12; /* a part of 112 */
    stage_reload();
    expect_ids("search=12", "12 112 120 121");
    expect_ids("search=112&limit=1", "112");
    expect_ids("search=12&limit=1", "12 112");
}

Test(console_search, only_those_who_are_there)
{
    stage_offline(TRACKER_JSON);
    stage_offline(TRACKER_MSGPACK);
    expect_ids("presence=offline", "101 103");
    expect_ids("presence=online&search=10", "102 104 105 106 107 108 109 110");
}

static size_t walk(const char *search_for, uint32_t limit, uint32_t scan_max, size_t *answers)
{
    json_int_t after = 0;
    size_t found = 0;

    for (*answers = 0; *answers == 0 || after; ++*answers) {
        char text[96];
        json_t *root;

        snprintf(text, sizeof text, "search=%s&limit=%u&after=%d", search_for, limit, (int)after);
        root = search_within(text, scan_max);
        found += count(root);
        cr_assert_leq(count(root), limit);
        cr_assert_leq(number(root, "scanned"), scan_max);
        cr_assert_eq((size_t)number(root, "registered"), registered());
        after = number(root, "after");
        json_decref(root);
    }
    return found;
}

Test(console_search, pages_show_each_tracker_once)
{
    size_t answers;

    for (uint32_t limit = 1; limit <= 25; limit++)
        cr_assert_eq(walk("", limit, SCAN_MAX, &answers), registered(), "limit %u", limit);
}

Test(console_search, one_answer_looks_at_so_many_trackers_only)
{
    size_t answers;

    cr_assert_eq(walk("msgpack", 10, 3, &answers), 1);
    cr_assert_eq(answers, (registered() + 2) / 3);
}

Test(console_search, a_tracker_that_has_left_is_no_place_to_go_on_from)
{
    struct console_query query = {.after = TRACKER_NONE, .limit = 10};
    struct buffer out = {0};

    cr_assert_eq(console_search(stage->engine, &query, SCAN_MAX, &out), -ENOENT);
    cr_assert_eq(out.len, 0);
}

Test(console_search, a_model_that_nothing_serves_has_no_outputs)
{
    json_t *root = search("search=110");

    cr_assert(json_is_false(json_object_get(tracker(root, 0), "served")));
    cr_assert_eq(json_array_size(json_object_get(tracker(root, 0), "outputs")), 0);
    json_decref(root);
}

Test(console_search, says_what_is_wrong_with_a_query)
{
    static const struct {
        const char *text;
        const char *wrong;
    } all[] = {
        {"after=x", "after must be the id of a tracker"},
        {"after=99999999999", "after must be the id of a tracker"},
        {"limit=0", "limit must be a whole number from 1"},
        {"limit=-1", "limit must be a whole number from 1"},
        {"presence=there", "presence must be online or offline"},
        {"page=1", "the parameters are search, after, limit and presence"},
        {"tracker_id=1", "the parameters are search, after, limit and presence"},
        {"search=%zz", "the query cannot be read"},
        {"search=1&search=2", "the query cannot be read"},
        {"search=01234567890123456789012345678901234567890123456789012345678901234", "search is too long"},
    };
    struct console_query query;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *wrong = console_query_read(bytes_of_text(all[i].text), PAGE_MAX, &query);

        cr_expect(wrong && strcmp(wrong, all[i].wrong) == 0, "%s: %s", all[i].text, wrong ? wrong : "taken");
    }
}

Test(console_search, a_page_is_never_larger_than_the_limit)
{
    struct console_query query;

    cr_assert_null(console_query_read(bytes_of_text("limit=1000000"), 7, &query));
    cr_assert_eq(query.limit, 7);
    cr_assert_null(console_query_read(bytes_of_text(""), 7, &query));
    cr_assert_eq(query.limit, 7);
}
