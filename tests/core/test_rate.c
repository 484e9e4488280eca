#include "core/rate.h"

#include <criterion/criterion.h>

static struct rates rates;

static void forget(void)
{
    rates_release(&rates);
}

TestSuite(rate, .fini = forget);

static unsigned take_all(int32_t user_id, double per_second, double burst, uint64_t now_ms)
{
    unsigned taken = 0;

    while (taken < 100000 && rates_take(&rates, user_id, per_second, burst, now_ms))
        taken++;
    return taken;
}

Test(rate, full_bucket_gives_its_burst_and_then_nothing)
{
    cr_expect_eq(take_all(1, 50, 100, 1000), 100);
    cr_expect_not(rates_take(&rates, 1, 50, 100, 1000));
}

Test(rate, bucket_fills_with_time)
{
    take_all(1, 50, 100, 1000);
    cr_expect_not(rates_take(&rates, 1, 50, 100, 1019), "0.95 tokens");
    cr_expect(rates_take(&rates, 1, 50, 100, 1021), "1.05 tokens, the time before counts too");
    cr_expect_not(rates_take(&rates, 1, 50, 100, 1021));
    cr_expect_eq(take_all(1, 50, 100, 2021), 50, "a second is worth per_second");
}

Test(rate, bucket_holds_no_more_than_its_burst)
{
    take_all(1, 50, 100, 0);
    cr_expect_eq(take_all(1, 50, 100, 3600000), 100);
    cr_expect_eq(take_all(1, 50, 100, UINT64_C(1) << 60), 100, "however long it was");
}

Test(rate, standing_clock_fills_nothing)
{
    take_all(1, 50, 2, 500);
    for (int i = 0; i < 1000; i++)
        cr_expect_not(rates_take(&rates, 1, 50, 2, 500));
}

Test(rate, refused_take_costs_nothing)
{
    take_all(1, 1, 1, 0);
    for (uint64_t now_ms = 0; now_ms < 1000; now_ms += 125) /* exact in binary */
        cr_assert_not(rates_take(&rates, 1, 1, 1, now_ms));
    cr_expect(rates_take(&rates, 1, 1, 1, 1000));
}

Test(rate, refund_gives_one_token_back)
{
    take_all(1, 50, 3, 0);
    rates_refund(&rates, 1);
    cr_expect_eq(take_all(1, 50, 3, 0), 1);
}

Test(rate, refund_does_not_overfill)
{
    cr_assert(rates_take(&rates, 1, 50, 3, 0));
    rates_refund(&rates, 1);
    rates_refund(&rates, 1);
    cr_expect_eq(take_all(1, 50, 3, 0), 3);
}

Test(rate, refund_of_a_stranger_is_nothing)
{
    rates_refund(&rates, 7);
    cr_expect_eq(take_all(7, 50, 3, 0), 3);
}

Test(rate, every_user_has_a_bucket_of_their_own)
{
    cr_expect_eq(take_all(1, 50, 3, 0), 3);
    cr_expect_eq(take_all(2, 50, 4, 0), 4);
    cr_expect_not(rates_take(&rates, 1, 50, 3, 0));
}

Test(rate, new_limits_take_effect_at_once)
{
    cr_assert(rates_take(&rates, 1, 50, 100, 0));
    cr_expect_eq(take_all(1, 50, 10, 0), 10, "a smaller burst");
    cr_expect_eq(take_all(1, 1000, 10, 5), 5, "a faster fill");
}
