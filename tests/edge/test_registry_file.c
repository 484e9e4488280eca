#include "edge/registry_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/profile_file.h"
#include "scratch.h"

static struct profiles *profiles;

/* The profiles that ship: one of them needs a var, and the two generic ones need a number of outputs. */
static void start(void)
{
    struct mistakes mistakes = {0};

    scratch_open();
    profiles = profile_folder_read("conf/profiles", "", &mistakes);
    cr_assert_eq(mistakes.count, 0, "%s", scratch_mistakes(&mistakes));
}

static void stop(void)
{
    profiles_free(profiles);
    scratch_close();
}

TestSuite(registry_file, .init = start, .fini = stop);

static struct registry *read_registry(const char *text)
{
    struct mistakes mistakes = {0};
    struct registry *r = registry_file_read(scratch_write("registry.cfg", text), profiles, &mistakes);

    cr_assert_not_null(r, "%s\n%s", text, scratch_mistakes(&mistakes));
    cr_assert_eq(mistakes.count, 0);
    return r;
}

/* The whole text, its mistakes as "LINE: what" lines. */
static void expect_mistakes(const char *text, const char *expected)
{
    struct mistakes mistakes = {0};
    struct buffer all = {0};

    for (const char *line = expected; *line; line += strcspn(line, "\n") + 1)
        buffer_printf(&all, "FOLDER/registry.cfg:%.*s\n", (int)strcspn(line, "\n"), line);
    buffer_put_u8(&all, '\0');
    cr_expect_null(registry_file_read(scratch_write("registry.cfg", text), profiles, &mistakes), "%s", text);
    cr_expect_str_eq(scratch_mistakes(&mistakes), (const char *)all.data, "%s\n%s", text, scratch_mistakes(&mistakes));
    buffer_release(&all);
    mistakes_release(&mistakes);
}

#define HASH_A "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"
#define HASH_B "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"

static struct digest digest(const char *hex)
{
    struct digest d;

    cr_assert(bytes_from_hex(bytes_of_text(hex), d.bytes, DIGEST_SIZE));
    return d;
}

Test(registry_file, users_sessions_and_trackers_are_read)
{
    struct registry *r = read_registry(
        "users = ( { id = 1; }, { id = 2147483647; blocked = true; } );\n"
        "sessions = (\n"
        "  { hash_sha256 = \"" HASH_A "\"; user_id = 1; master = true; },\n"
        "  { hash_sha256 = \"" HASH_B "\"; user_id = 2147483647; rights = [\"other\", \"tracker_set_output\"];\n"
        "    trackers = [7, 5]; expires_at = \"2027-01-01T00:00:00Z\"; } );\n"
        "trackers = (\n"
        "  { id = 5; user_id = 2147483647; model = \"generic_json\"; device_id = \"imei\"; outputs = 3; blocked = "
        "true;\n"
        "    clone = true; reserved_outputs = [1, 3, 64]; vars = { password = \"0000\"; empty = \"\"; }; },\n"
        "  { id = 6; user_id = 2147483647; model = \"no_such_model\"; } );\n");
    struct digest a = digest(HASH_A);
    struct digest b = digest(HASH_B);
    const struct registry_session *session;
    const struct registry_tracker *tracker;
    uint64_t reserved;

    cr_expect_eq(registry_user_count(r), 2);
    cr_expect_eq(registry_session_count(r), 2);
    cr_expect_eq(registry_tracker_count(r), 2);
    cr_expect_not(registry_find_user(r, 1)->blocked);
    cr_expect(registry_find_user(r, 2147483647)->blocked);

    session = registry_find_session(r, &a);
    cr_expect(session->master);
    cr_expect(session->all_trackers);
    cr_expect_eq(session->expires_at_ms, INT64_MAX);
    session = registry_find_session(r, &b);
    cr_expect_not(session->master);
    cr_expect(session->may_set_output);
    cr_expect_not(session->all_trackers);
    cr_expect_eq(session->expires_at_ms, 1798761600000);

    tracker = registry_find_tracker(r, 5);
    cr_expect_str_eq(registry_device_id(r, tracker), "imei");
    cr_expect_eq(tracker->outputs, 3);
    cr_expect(tracker->blocked);
    cr_expect(tracker->clone);
    cr_expect(registry_reserved(r, tracker, &reserved));
    cr_expect_eq(reserved, UINT64_C(0x8000000000000005));
    cr_expect(bytes_equal_text(template_var(registry_vars(r, tracker), "password", 8), "0000"));
    cr_expect(template_var(registry_vars(r, tracker), "empty", 5).data, "an empty var is there");
    cr_expect(registry_session_sees(session, tracker));
    cr_expect_not(registry_session_sees(session, registry_find_tracker(r, 6)));
    registry_free(r);
}

Test(registry_file, what_is_left_out_is_no)
{
    struct registry *r = read_registry("users = ( { id = 1; } );\n"
                                       "sessions = ( { hash_sha256 = \"" HASH_A "\"; user_id = 1; } );\n"
                                       "trackers = ( { id = 5; user_id = 1; model = \"m\"; },\n"
                                       "  { id = 6; user_id = 1; model = \"m\"; reserved_outputs = []; } );");
    struct digest a = digest(HASH_A);
    const struct registry_session *session = registry_find_session(r, &a);
    const struct registry_tracker *tracker = registry_find_tracker(r, 5);
    uint64_t reserved;

    cr_expect_not(session->master);
    cr_expect_not(session->may_set_output);
    cr_expect(session->all_trackers, "no list is all of the account");
    cr_expect_not(tracker->blocked);
    cr_expect_not(tracker->clone);
    cr_expect_eq(tracker->outputs, 0);
    cr_expect_not(registry_reserved(r, tracker, &reserved), "the profile says");
    cr_expect(registry_reserved(r, registry_find_tracker(r, 6), &reserved), "an empty list says that none is reserved");
    cr_expect_eq(reserved, 0);
    cr_expect_str_eq(registry_device_id(r, tracker), "");
    registry_free(r);
}

Test(registry_file, vars_may_be_numbers_booleans_and_lists)
{
    static const struct {
        const char *name;
        const char *value;
    } expected[] = {
        {"serial", "1234"}, {"minus", "-5"}, {"large", "9007199254740993"},
        {"yes", "true"},    {"no", "false"}, {"ports", "1,2,true"},
        {"names", "a b,c"}, {"none", ""},    {"text", "007"},
    };
    struct registry *r = read_registry(
        "users = ( { id = 1; } ); sessions = ();\n"
        "trackers = ( { id = 5; user_id = 1; model = \"m\"; vars = { serial = 1234; minus = -5;\n"
        "  large = 9007199254740993L; yes = true; no = false; ports = (1, 2, true); names = [\"a b\", \"c\"];\n"
        "  text = \"007\"; none = []; }; } );");
    const char *vars = registry_vars(r, registry_find_tracker(r, 5));

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct bytes value = template_var(vars, expected[i].name, strlen(expected[i].name));

        cr_expect(value.data && bytes_equal_text(value, expected[i].value), "%s: %.*s", expected[i].name,
                  (int)value.len, (const char *)value.data);
    }
    registry_free(r);
}

Test(registry_file, an_empty_list_of_trackers_is_none_of_the_account)
{
    struct registry *r =
        read_registry("users = ( { id = 1; } ); trackers = ( { id = 5; user_id = 1; model = \"m\"; } );\n"
                      "sessions = ( { hash_sha256 = \"" HASH_A "\"; user_id = 1; trackers = []; } );");
    struct digest a = digest(HASH_A);

    cr_expect_not(registry_session_sees(registry_find_session(r, &a), registry_find_tracker(r, 5)));
    registry_free(r);
}

Test(registry_file, lists_may_be_empty_but_not_left_out)
{
    registry_free(read_registry("users = (); sessions = (); trackers = ();"));
    expect_mistakes("", "1: users is missing\n1: sessions is missing\n1: trackers is missing\n");
    expect_mistakes("users = 1;\nsessions = ();\ntrackers = ();\nmore = ();",
                    "1: users must be a list: ( { … }, … )\n4: unknown key more\n");
}

/* One entry at line 4 of an otherwise good file. */
static const struct {
    const char *list;
    const char *entry;
    const char *mistakes; /* "": it is good */
} entries[] = {
    {"users", "{ id = 2; }", ""},
    {"users", "{ id = 1; }", "4: this user is there twice\n"},
    {"users", "{ id = 0; }", "4: id must be a whole number from 1 to 2147483647\n"},
    {"users", "{ id = -1; }", "4: id must be a whole number from 1 to 2147483647\n"},
    {"users", "{ id = \"2\"; }", "4: id must be a whole number from 1 to 2147483647\n"},
    {"users", "{ id = 2147483648L; }", "4: id must be a whole number from 1 to 2147483647\n"},
    {"users", "{ id = 4294967298; }", "4: this number is beyond 32 bits\n"},
    {"users", "{ }", "4: id is missing\n"},
    {"users", "{ id = 2; blokced = true; }", "4: unknown key blokced\n"},
    {"users", "{ id = 2; blocked = 1; }", "4: blocked must be true or false\n"},
    {"users", "2", "4: must be a group: { … }\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 1; }", ""},
    {"sessions", "{ hash_sha256 = \"" HASH_A "\"; user_id = 1; }", "4: this hash is there twice\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 9; }", "4: there is no user 9\n"},
    {"sessions", "{ hash_sha256 = \"a6aa75587e5c59c32d347da438505fc3\"; user_id = 1; }",
     "4: hash_sha256 must be 64 hex digits: what `outputctl digest` prints\n"},
    {"sessions", "{ hash_sha256 = \"\"; user_id = 1; }",
     "4: hash_sha256 must be 64 hex digits: what `outputctl digest` prints\n"},
    {"sessions", "{ user_id = 1; }", "4: hash_sha256 is missing\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; }", "4: user_id is missing\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 1; rights = [1]; }",
     "4: rights must be a list of texts in quotes\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 1; trackers = [0]; }",
     "4: trackers must be a list of whole numbers from 1 to 2147483647\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 1; expires_at = \"2027-02-30T00:00:00Z\"; }",
     "4: expires_at must be a time such as \"2027-01-01T00:00:00Z\"\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 1; expires_at = \"tomorrow\"; }",
     "4: expires_at must be a time such as \"2027-01-01T00:00:00Z\"\n"},
    {"sessions", "{ hash_sha256 = \"" HASH_B "\"; user_id = 1; hash = \"x\"; }", "4: unknown key hash\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; }", ""},
    {"trackers", "{ id = 5; user_id = 1; model = \"m\"; }", "4: this tracker is there twice\n"},
    {"trackers", "{ id = 6; user_id = 9; model = \"m\"; }", "4: there is no user 9\n"},
    {"trackers", "{ id = 0; user_id = 1; model = \"m\"; }", "4: id must be a whole number from 1 to 2147483647\n"},
    {"trackers", "{ id = 6; user_id = 1; }", "4: model is missing\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; imei = \"x\"; }", "4: unknown key imei\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"generic_json\"; }",
     "4: outputs is missing: model generic_json has no number of its own\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"generic_msgpack\"; }",
     "4: outputs is missing: model generic_msgpack has no number of its own\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"generic_json\"; outputs = 64; }", ""},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; outputs = 0; }",
     "4: outputs must be a whole number from 1 to 64\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; outputs = 65; }",
     "4: outputs must be a whole number from 1 to 64\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; reserved_outputs = [65]; }",
     "4: reserved_outputs must be a list of whole numbers from 1 to 64\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"a+b\"; }",
     "4: device_id must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"#\"; }",
     "4: device_id must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"a\\x01\"; }",
     "4: device_id must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"a\\n\"; }",
     "4: device_id must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"a\\x7F\"; }",
     "4: device_id must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"\xFF\"; }",
     "4: device_id must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; device_id = \"\xC3\xA9 /$\"; }", ""},
    {"trackers", "{ id = 6; user_id = 1; model = \"m+\"; }",
     "4: model must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = { password = \"a#b\"; }; }",
     "4: password must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = { password = \"a\\r\"; }; }",
     "4: password must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = { password = 1234; on = true; all = [1, 2]; }; }", ""},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = { password = 12.5; }; }",
     "4: password must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = { all = [\"a\", \"#\"]; }; }",
     "4: all must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = { group = { a = 1; }; }; }",
     "4: group must be a text without +, # and control characters\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"m\"; vars = ( ); }", "4: vars must be a group: { … }\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"suntech_st300\"; device_id = \"1\"; }",
     "4: vars.prefix is missing: profile suntech needs it\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"suntech_st300\"; vars = { Prefix = \"ST300\"; }; }",
     "4: vars.prefix is missing: profile suntech needs it\n"},
    {"trackers", "{ id = 6; user_id = 1; model = \"suntech_st300\"; vars = { prefix = \"ST300\"; }; }", ""},
    {"trackers", "{ id = 6; user_id = 1; model = \"a#\"; device_id = \"+\"; vars = { x = \"#\"; }; }",
     "4: device_id must be a text without +, # and control characters\n"
     "4: model must be a text without +, # and control characters\n"
     "4: x must be a text without +, # and control characters\n"},
};

static const char *entry_of(const char *list, size_t i)
{
    return strcmp(list, entries[i].list) == 0 ? entries[i].entry : NULL;
}

static void put_list(struct buffer *out, const char *name, const char *first, const char *second)
{
    buffer_printf(out, "%s = ( %s%s%s );%s", name, first, second ? ",\n\n\n" : "", second ? second : "",
                  second ? "\n" : " ");
}

Test(registry_file, every_mistake_is_told_with_its_line)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct buffer text = {0};

        /* All on the first line but the entry, which is on the fourth. */
        put_list(&text, "users", "{ id = 1; }", entry_of("users", i));
        put_list(&text, "sessions", "{ hash_sha256 = \"" HASH_A "\"; user_id = 1; }", entry_of("sessions", i));
        put_list(&text, "trackers", "{ id = 5; user_id = 1; model = \"m\"; }", entry_of("trackers", i));
        buffer_put_u8(&text, '\0');
        if (*entries[i].mistakes)
            expect_mistakes((const char *)text.data, entries[i].mistakes);
        else
            registry_free(read_registry((const char *)text.data));
        buffer_release(&text);
    }
}

Test(registry_file, a_mistake_does_not_hide_the_next_one)
{
    expect_mistakes("users = ( { id = 1; },\n { id = 1; },\n { id = 2; colour = 1; } );\n"
                    "sessions = ( { hash_sha256 = \"x\"; user_id = 1; },\n"
                    " { hash_sha256 = \"" HASH_A "\"; user_id = 7; } );\n"
                    "trackers = ( { id = 5; user_id = 8; model = \"m\"; },\n"
                    " { id = 6; user_id = 1; model = \"m\"; },\n"
                    " { id = 6; user_id = 1; model = \"m\"; } );\n",
                    "2: this user is there twice\n"
                    "3: unknown key colour\n"
                    "4: hash_sha256 must be 64 hex digits: what `outputctl digest` prints\n"
                    "5: there is no user 7\n"
                    "6: there is no user 8\n"
                    "8: this tracker is there twice\n");
}

Test(registry_file, the_shipped_one_is_the_public_apis_example)
{
    struct mistakes mistakes = {0};
    struct registry *r = registry_file_read("conf/registry.cfg", profiles, &mistakes);
    struct digest hash = digest_of(bytes_of_text("a6aa75587e5c59c32d347da438505fc3"));
    const struct registry_session *session;
    const struct registry_tracker *tracker;

    cr_assert_not_null(r, "%s", scratch_mistakes(&mistakes));
    session = registry_find_session(r, &hash);
    tracker = registry_find_tracker(r, 265489);
    cr_assert_not_null(session);
    cr_assert_not_null(tracker);
    cr_expect(session->master);
    cr_expect_eq(tracker->user_id, session->user_id);
    cr_expect_eq(tracker->outputs, 3);
    cr_expect_str_eq(registry_model(r, tracker->model), "generic_json");
    cr_expect(registry_session_sees(session, tracker));
    cr_expect(registry_find_user(r, 3)->blocked);
    registry_free(r);
}

/* Enough of them for several pieces; the last one says `last`. */
static void put_fleet(struct buffer *text, int count, const char *last)
{
    buffer_put_text(text, "users = ( { id = 1; } );\nsessions = ();\ntrackers = (\n");
    for (int id = 1; id < count; id++)
        buffer_printf(text, "{ id = %d; user_id = 1; model = \"m%d\"; device_id = \"35630704%07d\"; outputs = 3; },\n",
                      id, id % 7, id);
    buffer_printf(text, "%s\n);\n", last);
    buffer_put_u8(text, '\0');
}

Test(registry_file, a_fleet_that_is_read_in_pieces_is_there_as_a_whole)
{
    struct buffer text = {0};
    struct registry *r;

    put_fleet(&text, 5000, "{ id = 5000; user_id = 1; model = \"m\"; }");
    r = read_registry((const char *)text.data);
    cr_expect_eq(registry_tracker_count(r), 5000);
    for (int32_t id = 1; id < 5000; id++) {
        char device_id[32];

        snprintf(device_id, sizeof device_id, "35630704%07d", (int)id);
        cr_assert_eq(registry_find_device(r, bytes_of_text(device_id)), registry_find_tracker(r, id));
    }
    registry_free(r);
    buffer_release(&text);
}

Test(registry_file, a_mistake_far_behind_has_its_line_and_knows_what_was_far_before)
{
    static const struct {
        const char *entry;
        const char *mistakes;
    } ends[] = {
        {"{ id = 5; user_id = 1; model = \"m\"; }", "5003: this tracker is there twice\n"},
        {"{ id = 5000; user_id = 2; model = \"m\"; }", "5003: there is no user 2\n"},
        {"{ id = 4294967301; user_id = 1; model = \"m\"; }",
         "5003: this number is beyond 32 bits\n5003: this tracker is there twice\n"},
        {"{ id = 5000; user_id = 1; mdel = \"m\"; }", "5003: unknown key mdel\n5003: model is missing\n"},
        {"{ id = 5000; user_id = 1 model = \"m\"; } }", "5003: syntax error\n"},
    };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct buffer text = {0};

        put_fleet(&text, 5000, ends[i].entry);
        expect_mistakes((const char *)text.data, ends[i].mistakes);
        buffer_release(&text);
    }
}
