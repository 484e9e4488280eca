/* Notifications of a database: what is to be read again. */
#include "edge/registry_changes.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define HASH "6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e"
#define HASH_2 "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9"

static struct registry_changes changes;

static void set_up(void)
{
    changes = (struct registry_changes){.max = 100};
}

static void tear_down(void)
{
    registry_changes_clear(&changes);
}

TestSuite(registry_changes, .init = set_up, .fini = tear_down, .timeout = 10);

static void expect_id(size_t i, enum registry_table table, int32_t id)
{
    cr_assert_lt(i, changes.count);
    cr_expect_eq(changes.list[i].table, table);
    cr_expect_eq(registry_key_id(&changes.list[i].key), id);
}

Test(registry_changes, each_thing_is_to_be_read_once_and_users_come_first)
{
    registry_changes_note(&changes, "tracker 265489");
    registry_changes_note(&changes, "session " HASH "," HASH_2);
    registry_changes_note(&changes, "tracker 300,7,265489");
    registry_changes_note(&changes, "user 2");
    registry_changes_sort(&changes);
    cr_assert_eq(changes.count, 6);
    cr_expect_not(changes.all);
    expect_id(0, REGISTRY_USERS, 2);
    cr_expect_eq(changes.list[1].table, REGISTRY_SESSIONS);
    cr_expect_eq(changes.list[2].table, REGISTRY_SESSIONS);
    expect_id(3, REGISTRY_TRACKERS, 7);
    expect_id(4, REGISTRY_TRACKERS, 300);
    expect_id(5, REGISTRY_TRACKERS, 265489);
}

Test(registry_changes, what_was_sorted_takes_more)
{
    for (int i = 0; i < 3; i++)
        registry_changes_note(&changes, "tracker 5,5,4");
    registry_changes_sort(&changes);
    cr_assert_eq(changes.count, 2);
    for (int id = 1; id <= 40; id++) {
        char text[32];

        snprintf(text, sizeof text, "user %d", id);
        registry_changes_note(&changes, text);
    }
    registry_changes_sort(&changes);
    cr_assert_eq(changes.count, 42);
    expect_id(39, REGISTRY_USERS, 40);
    expect_id(41, REGISTRY_TRACKERS, 5);
}

Test(registry_changes, what_says_nothing_in_particular_means_everything)
{
    static const char *const payloads[] = {"",           "all",        "tracker",          "tracker ",
                                           "tracker x",  "tracker 1,", "tracker ,1",       "tracker 1 2",
                                           "tracker 0",  "session 1",  "user -1",          "session abc",
                                           "trackers 1", "tracker 1;", "session " HASH "0"};

    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        registry_changes_note(&changes, "tracker 1");
        registry_changes_note(&changes, payloads[i]);
        cr_expect(changes.all, "%s", payloads[i]);
        cr_expect_eq(changes.count, 0, "%s", payloads[i]);
        registry_changes_note(&changes, "tracker 1");
        cr_expect(changes.all, "and it stays so");
        registry_changes_clear(&changes);
        cr_expect_not(changes.all);
        cr_expect_eq(changes.max, 100);
    }
}

Test(registry_changes, more_than_may_be_means_everything)
{
    for (int id = 1; id <= 101; id++) {
        char text[32];

        snprintf(text, sizeof text, "tracker %d", id);
        cr_expect_not(changes.all);
        registry_changes_note(&changes, text);
    }
    cr_expect(changes.all);
    cr_expect_eq(changes.count, 0);
}

Test(registry_changes, one_is_found_by_its_key)
{
    struct digest key = registry_id_key(7);

    cr_expect_null(registry_changes_find(&changes, REGISTRY_TRACKERS, &key));
    registry_changes_note(&changes, "tracker 9,7");
    registry_changes_sort(&changes);
    cr_assert_not_null(registry_changes_find(&changes, REGISTRY_TRACKERS, &key));
    cr_expect_eq(registry_key_id(&registry_changes_find(&changes, REGISTRY_TRACKERS, &key)->key), 7);
    cr_expect_null(registry_changes_find(&changes, REGISTRY_USERS, &key));
}
