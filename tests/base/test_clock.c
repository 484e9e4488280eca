#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* The seconds are what `date -u -d … +%s` says. */
static const struct {
    const char *text;
    int64_t wall_ms;
} times[] = {
    {"1970-01-01T00:00:00.000Z", 0},
    {"2000-02-29T23:59:59.999Z", 951868799999},
    {"2026-11-22T20:36:00.123Z", 1795379760123},
    {"2027-01-01T00:00:00.000Z", 1798761600000},
    {"2028-02-29T12:00:00.007Z", 1835438400007},
    {"2038-01-19T03:14:08.000Z", 2147483648000},
    {"9999-12-31T23:59:59.999Z", 253402300799999},
};

Test(clock, formats_rfc_3339_with_milliseconds)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[CLOCK_TEXT_SIZE];

        clock_format(times[i].wall_ms, text);
        cr_expect_str_eq(text, times[i].text);
    }
}

Test(clock, parses_what_it_formats_and_drops_the_fraction)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t wall_ms = -1;

        cr_expect_eq(clock_parse(times[i].text, &wall_ms), 0, "%s", times[i].text);
        cr_expect_eq(wall_ms, times[i].wall_ms / 1000 * 1000, "%s", times[i].text);
    }
}

Test(clock, every_second_comes_back)
{
    unsigned short dice[3] = {20, 26, 1122};

    for (int i = 0; i < 20000; i++) {
        int64_t wall_ms = (int64_t)nrand48(dice) * 2 * 1000; /* to 2106 */
        char text[CLOCK_TEXT_SIZE];
        int64_t back = -1;

        clock_format(wall_ms, text);
        cr_assert_eq(clock_parse(text, &back), 0, "%s", text);
        cr_assert_eq(back, wall_ms, "%s", text);
    }
}

Test(clock, parses_without_and_with_a_fraction)
{
    static const char *const texts[] = {"2027-01-01T00:00:00Z", "2027-01-01T00:00:00.5Z",
                                        "2027-01-01T00:00:00.123456789Z"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t wall_ms = -1;

        cr_expect_eq(clock_parse(texts[i], &wall_ms), 0, "%s", texts[i]);
        cr_expect_eq(wall_ms, 1798761600000, "%s", texts[i]);
    }
}

Test(clock, refuses_what_is_no_time)
{
    static const char *const texts[] = {
        "",
        "2027",
        "2027-01-01",
        "2027-01-01T00:00Z",
        "2027-01-01T00:00:00",
        "2027-01-01 00:00:00Z",
        "2027-01-01T00:00:00z ",
        "2027-01-01T00:00:00Zx",
        "2027-01-01T00:00:00+01:00",
        "2027-13-01T00:00:00Z",
        "2027-00-01T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "2027-04-31T00:00:00Z",
        "2027-02-30T00:00:00Z",
        "2027-01-32T00:00:00Z",
        "2027-01-00T00:00:00Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:60:00Z",
        "2027-01-01T00:00:62Z",
        "2027-01-01T00:00:00.5",
        "2027-01-01T00:00:00.x5Z",
        "tomorrow",
        "1798761600",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t wall_ms = -1;

        cr_expect_eq(clock_parse(texts[i], &wall_ms), -EINVAL, "%s", texts[i]);
        cr_expect_eq(wall_ms, -1, "%s: the result is left alone", texts[i]);
    }
}

Test(clock, monotonic_time_does_not_go_back)
{
    uint64_t last_ms = 0;
    uint64_t last_us = 0;

    for (int i = 0; i < 10000; i++) {
        uint64_t now_us = clock_mono_us();
        struct instant now = clock_now();

        cr_assert_geq(now_us, last_us);
        cr_assert_geq(now.mono_ms, last_ms);
        cr_assert_geq(now.mono_ms, now_us / 1000, "both count from the same start");
        last_us = now_us;
        last_ms = now.mono_ms;
    }
}

Test(clock, wall_time_is_the_systems)
{
    int64_t before_s = time(NULL);
    int64_t now_s = clock_now().wall_ms / 1000;

    cr_assert_geq(now_s, before_s);
    cr_assert_leq(now_s, (int64_t)time(NULL) + 1);
}
