/* Rows as a database gives them: what they become, and which are refused. */
#include "edge/registry_rows.h"

#include <criterion/criterion.h>

#define HASH "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"

static struct registry_rows rows;
static struct profiles *profiles;

static void set_up(void)
{
    profiles = profiles_new("");
    rows = (struct registry_rows){.registry = registry_new(), .profiles = profiles};
}

static void tear_down(void)
{
    buffer_release(&rows.why);
    registry_free(rows.registry);
    profiles_free(profiles);
}

TestSuite(registry_rows, .init = set_up, .fini = tear_down, .timeout = 10);

#define ROW(...) ((const char *const[REGISTRY_COLUMNS_MAX]){__VA_ARGS__})

static void expect_taken(enum registry_table table, const char *const *values)
{
    cr_expect(registry_take_row(&rows, table, values), "%s", (const char *)rows.why.data);
}

static void expect_refused(enum registry_table table, const char *const *values, const char *why)
{
    cr_assert_not(registry_take_row(&rows, table, values), "taken, and not: %s", why);
    cr_expect_str_eq((const char *)rows.why.data, why);
}

static void add_user(void)
{
    expect_taken(REGISTRY_USERS, ROW("1", "f"));
}

static const struct registry_session *session(void)
{
    struct digest hash;

    cr_assert(registry_read_key(REGISTRY_SESSIONS, HASH, &hash));
    return registry_find_session(rows.registry, &hash);
}

/* --- users --- */

Test(registry_rows, a_user_is_blocked_where_its_row_says_so)
{
    expect_taken(REGISTRY_USERS, ROW("1", "f"));
    expect_taken(REGISTRY_USERS, ROW("2", "t"));
    expect_taken(REGISTRY_USERS, ROW("3", NULL));
    expect_taken(REGISTRY_USERS, ROW("2147483647", "true"));
    cr_expect_not(registry_find_user(rows.registry, 1)->blocked);
    cr_expect(registry_find_user(rows.registry, 2)->blocked);
    cr_expect_not(registry_find_user(rows.registry, 3)->blocked);
    cr_expect(registry_find_user(rows.registry, 2147483647)->blocked);
}

Test(registry_rows, user_with_a_mistake_is_refused)
{
    static const char *const ids[] = {NULL, "", "0", "-1", "2147483648", "99999999999", "1.0", "1 ", "x"};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        cr_expect_not(registry_take_row(&rows, REGISTRY_USERS, ROW(ids[i])), "%s", ids[i]);
    expect_refused(REGISTRY_USERS, ROW(NULL), "user without an id: id must be a whole number from 1 to 2147483647");
    expect_refused(REGISTRY_USERS, ROW("1", "maybe"), "user 1: blocked must be true or false");
    add_user();
    expect_refused(REGISTRY_USERS, ROW("1", "t"), "user 1: this user is there twice");
    cr_expect_eq(registry_user_count(rows.registry), 1);
}

Test(registry_rows, what_is_there_already_is_replaced_where_that_is_wanted)
{
    add_user();
    expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", "t"));
    expect_taken(REGISTRY_TRACKERS, ROW("7", "1", "unknown", "a"));
    rows.replaces = true;
    expect_taken(REGISTRY_USERS, ROW("1", "t"));
    expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", "f"));
    expect_taken(REGISTRY_TRACKERS, ROW("7", "1", "unknown", "b"));
    cr_expect(registry_find_user(rows.registry, 1)->blocked);
    cr_expect_not(session()->master);
    cr_expect_null(registry_find_device(rows.registry, bytes_of_text("a")));
    cr_expect_not_null(registry_find_device(rows.registry, bytes_of_text("b")));
    expect_refused(REGISTRY_TRACKERS, ROW("7", "2", "unknown"), "tracker 7: there is no user 2");
}

/* --- sessions --- */

Test(registry_rows, a_session_without_lists_sees_all_trackers_and_has_no_right)
{
    add_user();
    expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", NULL, NULL, NULL, NULL));
    cr_expect(session()->all_trackers);
    cr_expect_not(session()->master);
    cr_expect_not(session()->may_set_output);
    cr_expect_eq(session()->expires_at_ms, INT64_MAX);
}

Test(registry_rows, lists_are_arrays_or_json_arrays)
{
    static const char *const rights[] = {"{tracker_set_output}", "{a,\"tracker_set_output\"}",
                                         "[\"tracker_set_output\"]", "{\"a\\\"b,\",tracker_set_output}"};
    static const char *const trackers[] = {"{9,7}", "[7,9]", "{\"7\",\"9\"}", "[\"9\", 7]"};

    add_user();
    rows.replaces = true;
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", "f", rights[i], trackers[i], NULL));
        cr_expect(session()->may_set_output, "%s", rights[i]);
        cr_assert_eq(session()->tracker_count, 2, "%s", trackers[i]);
        cr_expect(session()->trackers[0] == 7 && session()->trackers[1] == 9);
    }
    expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", "f", "{}", "{}", NULL));
    cr_expect_not(session()->all_trackers, "none, and not all");
    cr_expect_eq(session()->tracker_count, 0);
    cr_expect_not(session()->may_set_output);
    expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", "f", "[]", "[]", NULL));
}

Test(registry_rows, list_that_is_none_is_refused)
{
    static const char *const lists[] = {"",      "{",     "{7",   "7}",    "{7,}",     "{,7}", "{7}x", "{NULL}",
                                        "{\"7}", "{{7}}", "{7\\", "[7",    "[7,null]", "7",    "{0}",  "{-1}",
                                        "{7.5}", "[[7]]", "{}{}", "{7,}}", "{\"\"}",   "null"};

    add_user();
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        cr_expect_not(registry_take_row(&rows, REGISTRY_SESSIONS, ROW(HASH, "1", "f", NULL, lists[i], NULL)), "%s",
                      lists[i]);
    expect_refused(REGISTRY_SESSIONS, ROW(HASH, "1", "f", NULL, "{x}", NULL),
                   "session of user 1: trackers must be an array of ids");
    expect_refused(REGISTRY_SESSIONS, ROW(HASH, "1", "f", "{", NULL, NULL),
                   "session of user 1: rights must be an array of texts");
}

Test(registry_rows, times_are_read_as_the_database_writes_them)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } times[] = {
        {"2027-01-01 00:00:00+00", 1798761600000},
        {"2027-01-01 00:00:00.25+00", 1798761600000},
        {"2027-01-01 00:00:00", 1798761600000},
        {"2027-01-01", 1798761600000},
        {"2027-01-01T00:00:00Z", 1798761600000},
        {"2027-01-01 00:00:00+00:00", 1798761600000},
        {"infinity", INT64_MAX},
    };
    static const char *const others[] = {
        "", "-infinity", "tomorrow", "2027-01-01 00:00:00+02", "2027-13-01", "1798761600", "2027-01-01 00:00:00 BC"};

    add_user();
    rows.replaces = true;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1", NULL, NULL, NULL, times[i].text));
        cr_expect_eq(session()->expires_at_ms, times[i].wall_ms, "%s: %lld", times[i].text,
                     (long long)session()->expires_at_ms);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_refused(REGISTRY_SESSIONS, ROW(HASH, "1", NULL, NULL, NULL, others[i]),
                       "session of user 1: expires_at must be a time of UTC");
}

Test(registry_rows, session_with_a_mistake_is_refused_without_telling_its_hash)
{
    add_user();
    expect_refused(REGISTRY_SESSIONS, ROW("abc", "1"),
                   "session of user 1: hash_sha256 must be 64 hex digits: what `outputctl digest` prints");
    expect_refused(REGISTRY_SESSIONS, ROW(HASH, NULL),
                   "session of user without an id: user_id must be a whole number from 1 to 2147483647");
    expect_refused(REGISTRY_SESSIONS, ROW(HASH, "3"), "session of user 3: there is no user 3");
    expect_refused(REGISTRY_SESSIONS, ROW(HASH, "1", "x"), "session of user 1: master must be true or false");
    expect_taken(REGISTRY_SESSIONS, ROW(HASH, "1"));
    expect_refused(REGISTRY_SESSIONS, ROW(HASH, "1"), "session of user 1: this session is there twice");
}

/* --- trackers --- */

static const struct registry_tracker *tracker(void)
{
    return registry_find_tracker(rows.registry, 7);
}

Test(registry_rows, a_tracker_has_what_its_row_says)
{
    uint64_t reserved = 0;

    add_user();
    expect_taken(REGISTRY_TRACKERS, ROW("7", "1", "generic_json", "IMEI", "64", "t", "f", "{1,64}", NULL));
    cr_expect_eq(tracker()->outputs, 64);
    cr_expect(tracker()->blocked);
    cr_expect_not(tracker()->clone);
    cr_expect_str_eq(registry_device_id(rows.registry, tracker()), "IMEI");
    cr_assert(registry_reserved(rows.registry, tracker(), &reserved));
    cr_expect_eq(reserved, UINT64_C(1) << 63 | 1);
}

Test(registry_rows, what_a_tracker_lacks_is_as_its_profile_says)
{
    uint64_t reserved;

    add_user();
    expect_taken(REGISTRY_TRACKERS, ROW("7", "1", "unknown"));
    cr_expect_eq(tracker()->outputs, 0);
    cr_expect_str_eq(registry_device_id(rows.registry, tracker()), "");
    cr_expect_not(registry_reserved(rows.registry, tracker(), &reserved));
    rows.replaces = true;
    expect_taken(REGISTRY_TRACKERS, ROW("7", "1", "unknown", NULL, NULL, NULL, NULL, "{}"));
    cr_expect(registry_reserved(rows.registry, tracker(), &reserved), "none is reserved, whatever the profile says");
    cr_expect_eq(reserved, 0);
}

static void expect_var(const char *name, const char *value)
{
    struct bytes found = template_var(registry_vars(rows.registry, tracker()), name, strlen(name));

    cr_expect(bytes_equal_text(found, value), "%s is %.*s", name, (int)found.len, (const char *)found.data);
}

Test(registry_rows, vars_are_texts_numbers_booleans_and_lists_of_them)
{
    add_user();
    expect_taken(
        REGISTRY_TRACKERS,
        ROW("7", "1", "generic_json", "", NULL, NULL, NULL, NULL,
            "{\"password\": \"0000\", \"line\": -3, \"new\": true, \"old\": false, \"names\": [\"a\", 2, true],"
            " \"none\": [], \"empty\": \"\", \"absent\": null, \"outputs\": 5}"));
    expect_var("password", "0000");
    expect_var("line", "-3");
    expect_var("new", "true");
    expect_var("old", "false");
    expect_var("names", "a,2,true");
    expect_var("none", "");
    expect_var("empty", "");
    cr_expect_null(template_var(registry_vars(rows.registry, tracker()), "absent", strlen("absent")).data);
    cr_expect_eq(tracker()->outputs, 5, "they may say how many outputs there are");
}

Test(registry_rows, vars_that_are_none_are_refused)
{
    static const char *const vars[] = {"",
                                       "[]",
                                       "7",
                                       "{",
                                       "{\"a\": 1.5}",
                                       "{\"a\": {}}",
                                       "{\"a\": [[]]}",
                                       "{\"a\": [null]}",
                                       "{\"a\": \"b+\"}",
                                       "{\"a\": \"\\n\"}",
                                       "{\"a\": \"\\u0000\"}",
                                       "{\"\": \"b\"}",
                                       "{\"a#\": \"b\"}",
                                       "{\"a\": 1, \"a\": 2}"};

    add_user();
    for (size_t i = 0; i < sizeof vars / sizeof *vars; i++)
        cr_expect_not(
            registry_take_row(&rows, REGISTRY_TRACKERS, ROW("7", "1", "u", "", NULL, NULL, NULL, NULL, vars[i])), "%s",
            vars[i]);
}

Test(registry_rows, tracker_with_a_mistake_is_refused)
{
    add_user();
    expect_refused(REGISTRY_TRACKERS, ROW("x", "1", "u"), "tracker x: id must be a whole number from 1 to 2147483647");
    expect_refused(REGISTRY_TRACKERS, ROW("7", NULL, "u"),
                   "tracker 7: user_id must be a whole number from 1 to 2147483647");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "2", "u"), "tracker 7: there is no user 2");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", NULL),
                   "tracker 7: model must be a text without +, # and control characters");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "u", "a/+"),
                   "tracker 7: device_id must be a text without +, # and control characters");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "u", "\xff"),
                   "tracker 7: device_id must be a text without +, # and control characters");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "u", "", "65"),
                   "tracker 7: outputs must be a whole number from 1 to 64");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "u", "", "3", "2"),
                   "tracker 7: blocked and clone must be true or false");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "u", "", "3", "f", "f", "{65}"),
                   "tracker 7: reserved_outputs must be an array of numbers from 1 to 64");
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "generic_json"),
                   "tracker 7: outputs is missing: model generic_json has no number of its own");
    cr_expect_eq(registry_tracker_count(rows.registry), 0);
    expect_taken(REGISTRY_TRACKERS, ROW("7", "1", "u"));
    expect_refused(REGISTRY_TRACKERS, ROW("7", "1", "u"), "tracker 7: this tracker is there twice");
}

/* --- keys --- */

Test(registry_rows, keys_are_ids_and_hashes)
{
    struct digest key;

    cr_assert(registry_read_key(REGISTRY_TRACKERS, "2147483647", &key));
    cr_expect_eq(registry_key_id(&key), 2147483647);
    cr_assert(registry_read_key(REGISTRY_USERS, "1", &key));
    cr_expect_eq(registry_key_id(&key), 1);
    cr_expect_not(registry_read_key(REGISTRY_USERS, "0", &key));
    cr_expect_not(registry_read_key(REGISTRY_USERS, HASH, &key));
    cr_expect(registry_read_key(REGISTRY_SESSIONS, HASH, &key));
    cr_expect_not(registry_read_key(REGISTRY_SESSIONS, "1", &key));
}
