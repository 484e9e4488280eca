#include "core/counters.h"

#include <criterion/criterion.h>
#include <string.h>

enum { COUNTER_COUNT = sizeof(struct counters) / sizeof(uint64_t) };

Test(counters, walk_shows_every_counter_once_with_its_own_value)
{
    uint64_t fields[COUNTER_COUNT];
    struct counters counters;

    for (unsigned i = 0; i < COUNTER_COUNT; i++)
        fields[i] = 1000 + i;
    memcpy(&counters, fields, sizeof counters);
    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_info *info = counters_info(i);

        cr_assert_not_null(info);
        cr_expect_eq(info->value(&counters), 1000 + i, "%s", info->name);
        cr_expect_gt(strlen(info->help), 10, "%s", info->name);
        for (unsigned earlier = 0; earlier < i; earlier++)
            cr_expect_str_neq(info->name, counters_info(earlier)->name);
    }
    cr_expect_null(counters_info(COUNTER_COUNT));
    cr_expect_null(counters_info(~0u));
}

Test(counters, names_are_those_of_the_fields)
{
    struct counters counters = {.acks_late = 7};

    for (unsigned i = 0; i < COUNTER_COUNT; i++) {
        const struct counter_info *info = counters_info(i);

        cr_expect_eq(info->value(&counters), strcmp(info->name, "acks_late") == 0 ? 7 : 0, "%s", info->name);
    }
}
