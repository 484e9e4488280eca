#include "core/registry.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

static struct registry *registry;

static void set_up(void)
{
    registry = registry_new();
}

static void tear_down(void)
{
    registry_free(registry);
}

TestSuite(registry, .init = set_up, .fini = tear_down, .timeout = 60);

static int add_user(int32_t id)
{
    return registry_add_user(registry, &(struct registry_user){.id = id});
}

static struct registry_session session_of(const char *hash, int32_t user_id)
{
    return (struct registry_session){
        .hash_sha256 = digest_of(bytes_of_text(hash)), .user_id = user_id, .expires_at_ms = INT64_MAX};
}

static struct registry_entry tracker_of(int32_t id, int32_t user_id, const char *device_id)
{
    return (struct registry_entry){.id = id, .user_id = user_id, .device_id = device_id};
}

/* --- building --- */

Test(registry, new_one_is_empty)
{
    struct digest hash = digest_of(bytes_of_text("a"));

    cr_expect_eq(registry_user_count(registry) + registry_session_count(registry) + registry_tracker_count(registry) +
                     registry_model_count(registry),
                 0);
    cr_expect_null(registry_find_user(registry, 1));
    cr_expect_null(registry_find_session(registry, &hash));
    cr_expect_null(registry_find_tracker(registry, 1));
    cr_expect_null(registry_find_device(registry, bytes_of_text("IMEI")));
}

Test(registry, id_or_hash_that_is_there_already_is_a_mistake)
{
    struct registry_session session = session_of("a", 1);
    struct registry_entry tracker = tracker_of(7, 1, "IMEI");

    cr_assert_eq(add_user(1), 0);
    cr_assert_eq(add_user(2), 0);
    cr_expect_eq(add_user(1), -EEXIST);
    cr_assert_eq(registry_add_session(registry, &session), 0);
    session.user_id = 2;
    cr_expect_eq(registry_add_session(registry, &session), -EEXIST);
    cr_assert_eq(registry_add_tracker(registry, &tracker, "m"), 0);
    tracker.user_id = 2;
    cr_expect_eq(registry_add_tracker(registry, &tracker, "m"), -EEXIST);
    cr_expect_eq(registry_user_count(registry), 2);
    cr_expect_eq(registry_session_count(registry), 1);
    cr_expect_eq(registry_tracker_count(registry), 1);
    cr_expect_eq(registry_find_tracker(registry, 7)->user_id, 1, "the first one stands");
}

Test(registry, session_or_tracker_of_no_user_is_a_mistake)
{
    struct registry_session session = session_of("a", 3);
    struct registry_entry tracker = tracker_of(7, 3, "IMEI");

    cr_expect_eq(registry_add_session(registry, &session), -ENOENT);
    cr_expect_eq(registry_add_tracker(registry, &tracker, "m"), -ENOENT);
    cr_expect_eq(registry_session_count(registry) + registry_tracker_count(registry), 0);
    cr_expect_null(registry_find_tracker(registry, 7));
}

Test(registry, everything_given_is_copied)
{
    int32_t listed[] = {5, 3, 9};
    char device_id[] = "IMEI";
    char vars[] = "pin\0"
                  "1234\0"
                  "\0";
    char model[] = "m";
    struct registry_user user = {.id = 1, .blocked = true};
    struct registry_session session = session_of("a", 1);
    struct registry_entry tracker = tracker_of(3, 1, device_id);
    const struct registry_tracker *found;

    cr_assert_eq(registry_add_user(registry, &user), 0);
    session.trackers = listed;
    session.tracker_count = 3;
    cr_assert_eq(registry_add_session(registry, &session), 0);
    tracker.vars = vars;
    tracker.outputs = 3;
    cr_assert_eq(registry_add_tracker(registry, &tracker, model), 0);
    cr_expect_eq(listed[0], 5, "the caller's list keeps its order");
    memset(listed, 0, sizeof listed);
    memset(device_id, 'x', 4);
    memset(vars, 'x', sizeof vars - 2);
    model[0] = 'x';
    user.blocked = false;

    found = registry_find_tracker(registry, 3);
    cr_assert_not_null(found);
    cr_expect_str_eq(registry_device_id(registry, found), "IMEI");
    cr_expect_arr_eq(registry_vars(registry, found), "pin\0001234\0", 10);
    cr_expect_eq(found->outputs, 3);
    cr_expect_str_eq(registry_model(registry, found->model), "m");
    cr_expect(registry_find_user(registry, 1)->blocked);
    cr_expect(registry_session_sees(registry_find_session(registry, &session.hash_sha256), found));
}

Test(registry, tracker_without_vars_has_an_empty_list)
{
    struct registry_entry tracker = tracker_of(1, 1, "");

    add_user(1);
    cr_assert_eq(registry_add_tracker(registry, &tracker, "m"), 0);
    cr_expect_str_empty(registry_vars(registry, registry_find_tracker(registry, 1)));
    cr_expect_str_empty(registry_device_id(registry, registry_find_tracker(registry, 1)));
}

Test(registry, models_are_kept_once)
{
    static const char *const models[] = {"m", "n", "m", "o", "n"};
    static const uint16_t index[] = {0, 1, 0, 2, 1};

    add_user(1);
    for (int32_t i = 0; i < 5; i++) {
        struct registry_entry tracker = tracker_of(i + 1, 1, "");

        cr_assert_eq(registry_add_tracker(registry, &tracker, models[i]), 0);
        cr_expect_eq(registry_find_tracker(registry, i + 1)->model, index[i]);
    }
    cr_assert_eq(registry_model_count(registry), 3);
    cr_expect_str_eq(registry_model(registry, 2), "o");
}

Test(registry, free_takes_null)
{
    registry_free(NULL);
}

/* --- sessions --- */

Test(registry, session_is_found_by_the_whole_digest_of_its_hash)
{
    struct registry_session session = session_of("a6aa75587e5c59c32d347da438505fc3", 1);
    struct digest other = session.hash_sha256;

    add_user(1);
    cr_assert_eq(registry_add_session(registry, &session), 0);
    cr_assert_not_null(registry_find_session(registry, &session.hash_sha256));
    cr_expect_eq(registry_find_session(registry, &session.hash_sha256)->user_id, 1);
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        other.bytes[i] ^= 1;
        cr_expect_null(registry_find_session(registry, &other), "byte %zu", i);
        other.bytes[i] ^= 1;
    }
}

static bool sees(struct registry_session session, int32_t tracker_id, int32_t owner_id)
{
    struct registry *r = registry_new();
    struct registry_entry tracker = tracker_of(tracker_id, owner_id, "");
    bool seen;

    session.hash_sha256 = digest_of(bytes_of_text("a"));
    session.user_id = 1;
    registry_add_user(r, &(struct registry_user){.id = 1});
    registry_add_user(r, &(struct registry_user){.id = 2});
    cr_assert_eq(registry_add_session(r, &session), 0);
    cr_assert_eq(registry_add_tracker(r, &tracker, "m"), 0);
    seen = registry_session_sees(registry_find_session(r, &session.hash_sha256), registry_find_tracker(r, tracker_id));
    registry_free(r);
    return seen;
}

Test(registry, session_sees_the_trackers_of_its_scope)
{
    int32_t listed[] = {30, 10, 20};
    const struct registry_session master = {.master = true};
    const struct registry_session whole = {.all_trackers = true};
    const struct registry_session some = {.trackers = listed, .tracker_count = 3};
    const struct registry_session none = {0};

    cr_expect(sees(master, 10, 1));
    cr_expect(sees(whole, 10, 1));
    cr_expect(sees(some, 10, 1));
    cr_expect(sees(some, 20, 1));
    cr_expect(sees(some, 30, 1));
    cr_expect_not(sees(some, 15, 1));
    cr_expect_not(sees(some, 31, 1));
    cr_expect_not(sees(none, 10, 1), "an empty list is no tracker");
}

Test(registry, no_session_sees_the_trackers_of_another_user)
{
    int32_t listed[] = {10};

    cr_expect_not(sees((struct registry_session){.master = true}, 10, 2));
    cr_expect_not(sees((struct registry_session){.all_trackers = true}, 10, 2));
    cr_expect_not(sees((struct registry_session){.trackers = listed, .tracker_count = 1}, 10, 2));
}

/* --- trackers --- */

Test(registry, device_is_found_by_its_whole_id)
{
    struct registry_entry tracker = tracker_of(1, 1, "356307042441013");

    add_user(1);
    cr_assert_eq(registry_add_tracker(registry, &tracker, "m"), 0);
    cr_assert_not_null(registry_find_device(registry, bytes_of_text("356307042441013")));
    cr_expect_eq(registry_find_device(registry, bytes_of_text("356307042441013"))->id, 1);
    cr_expect_null(registry_find_device(registry, bytes_of_text("35630704244101")));
    cr_expect_null(registry_find_device(registry, bytes_of("356307042441013\0", 16)));
    cr_expect_null(registry_find_device(registry, bytes_of_text("")));
}

Test(registry, of_several_with_one_device_id_the_first_is_found)
{
    add_user(1);
    for (int32_t id = 5; id > 2; id--) {
        struct registry_entry tracker = tracker_of(id, 1, "IMEI");

        cr_assert_eq(registry_add_tracker(registry, &tracker, "m"), 0);
    }
    cr_expect_eq(registry_find_device(registry, bytes_of_text("IMEI"))->id, 5);
    cr_expect_eq(registry_tracker_count(registry), 3);
}

Test(registry, holds_100000_trackers)
{
    enum { MANY = 100000 };
    char device_id[24];

    add_user(1);
    for (int32_t id = 1; id <= MANY; id++) {
        struct registry_entry tracker = tracker_of(id, 1, device_id);

        snprintf(device_id, sizeof device_id, "%015d", 7 * id);
        cr_assert_eq(registry_add_tracker(registry, &tracker, id % 2 ? "odd" : "even"), 0);
    }
    cr_assert_eq(registry_tracker_count(registry), MANY);
    for (int32_t id = 1; id <= MANY; id++) {
        const struct registry_tracker *found = registry_find_tracker(registry, id);

        snprintf(device_id, sizeof device_id, "%015d", 7 * id);
        cr_assert(found && found->id == id && strcmp(registry_device_id(registry, found), device_id) == 0);
        cr_assert_eq(registry_find_device(registry, bytes_of_text(device_id)), found);
        cr_assert_eq(registry_tracker_at(registry, (size_t)id - 1), found, "and they are walked in their order");
        cr_assert_str_eq(registry_model(registry, found->model), id % 2 ? "odd" : "even");
    }
    cr_expect_null(registry_find_tracker(registry, MANY + 1));
    cr_expect_null(registry_find_tracker(registry, 0));
    cr_expect_null(registry_find_tracker(registry, -1));
}

/* --- texts --- */

Test(registry, text_is_safe_where_a_topic_may_hold_it)
{
    const char *const good[] = {"", "356307042441013", "a b", "a/b", "ä€𐍈", "$x", "\xC2\xA0"};
    const char *const bad[] = {"+",    "a+",   "#",     "a#b",      "\n",         "a\tb",         "\x7F",
                               "\x1F", "\xC3", "a\xFF", "\xC2\x80", "a\302\237b", "\xEF\xBF\xBF", "\xEF\xB7\x90"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(registry_text_is_safe(bytes_of_text(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(registry_text_is_safe(bytes_of_text(bad[i])), "number %zu", i);
    cr_expect_not(registry_text_is_safe(bytes_of("a\0b", 3)));
}

Test(registry, vars_behind_an_empty_one_are_kept)
{
    struct registry *r = registry_new();
    const struct registry_user user = {.id = 1};
    const struct registry_entry t = {.id = 5, .user_id = 1, .device_id = "", .vars = "none\0\0text\0007\0"};
    const char *vars;

    cr_assert_eq(registry_add_user(r, &user), 0);
    cr_assert_eq(registry_add_tracker(r, &t, "m"), 0);
    vars = registry_vars(r, registry_find_tracker(r, 5));
    cr_expect(bytes_equal_text(template_var(vars, "text", 4), "7"));
    cr_expect_null(template_var(vars, "more", 4).data);
    registry_free(r);
}

/* --- against a table --- */

enum { MODEL_SIZE = 3000, TEXT_SIZE = 24 };

struct model_row {
    struct registry_entry entry;
    char device_id[TEXT_SIZE];
    const char *vars;
    size_t vars_size;
    char model[TEXT_SIZE];
};

/* From few values, so that ids, device_ids, vars and masks meet again. */
static void draw_row(struct model_row *row, uint32_t *seed)
{
    static const char *const vars[] = {"", "pin\0001\0", "pin\0002\0", "pin\0\0", "a\0b\0pin\0001\0"};
    static const size_t sizes[] = {1, 7, 7, 6, 11};
    uint32_t draw = *seed = *seed * 1664525 + 1013904223;
    unsigned which = draw >> 8 & 0xff;

    row->entry = (struct registry_entry){
        .id = (int32_t)(draw >> 4) % MODEL_SIZE * 7919 % 100003 + 1,
        .user_id = (int32_t)(draw >> 28) % 5 + 1,
        .outputs = (uint8_t)(draw >> 20 & 3),
        .blocked = draw >> 22 & 1,
        .clone = draw >> 23 & 1,
        .has_reserved = which % 3 == 0,
        .reserved = which % 3 == 0 ? which % 5 : 0,
    };
    if (which % 10)
        snprintf(row->device_id, sizeof row->device_id, "%u", draw >> 12 & 0x7ff);
    snprintf(row->model, sizeof row->model, "m%u", which % 7);
    row->vars = vars[which % 5];
    row->vars_size = sizes[which % 5];
    row->entry.device_id = row->device_id;
    row->entry.vars = which % 10 ? row->vars : NULL; /* an empty list, then */
}

static void expect_row(const struct model_row *row)
{
    const struct registry_tracker *t = registry_find_tracker(registry, row->entry.id);
    uint64_t reserved = 0;

    cr_assert_not_null(t);
    cr_assert(t->id == row->entry.id && t->user_id == row->entry.user_id && t->outputs == row->entry.outputs &&
              t->blocked == row->entry.blocked && t->clone == row->entry.clone);
    cr_assert_str_eq(registry_device_id(registry, t), row->device_id);
    cr_assert_str_eq(registry_model(registry, t->model), row->model);
    cr_assert_arr_eq(registry_vars(registry, t), row->vars, row->vars_size);
    cr_assert_eq(registry_reserved(registry, t, &reserved), row->entry.has_reserved);
    cr_assert_eq(reserved, row->entry.reserved);
}

Test(registry, holds_what_a_plain_table_holds)
{
    static struct model_row rows[MODEL_SIZE];
    uint32_t seed = 1;
    size_t count = 0;

    for (int32_t user = 1; user < 5; user++) /* not the fifth */
        add_user(user);
    while (count < MODEL_SIZE / 2) {
        struct model_row *row = &rows[count];
        bool is_known = false;
        int expected;

        *row = (struct model_row){0};
        draw_row(row, &seed);
        for (size_t i = 0; i < count; i++)
            is_known |= rows[i].entry.id == row->entry.id;
        expected = row->entry.user_id == 5 ? -ENOENT : is_known ? -EEXIST : 0;
        cr_assert_eq(registry_add_tracker(registry, &row->entry, row->model), expected);
        count += expected == 0;
    }
    cr_assert_eq(registry_tracker_count(registry), count);
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;

        expect_row(&rows[i]);
        while (strcmp(rows[first].device_id, rows[i].device_id) != 0)
            first++;
        cr_assert_eq(registry_find_device(registry, bytes_of_text(rows[i].device_id))->id, rows[first].entry.id);
    }
}

Test(registry, a_tracker_takes_few_bytes)
{
    cr_expect_leq(sizeof(struct registry_tracker), 20);
}
