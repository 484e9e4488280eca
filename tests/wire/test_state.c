#include "wire/state.h"

#include <criterion/criterion.h>

static void expect(struct output_states states, unsigned count, const char *expected)
{
    struct buffer out = {0};

    state_encode(&states, count, &out);
    buffer_put_u8(&out, '\0');
    cr_expect_str_eq((char *)out.data, expected);
    buffer_release(&out);
}

Test(state, tells_on_off_and_never_acked)
{
    expect((struct output_states){.known = 5, .on = 1, .updated_at_ms = 1795379760123}, 3,
           "{\"outputs\": [true, null, false], \"updated_at\": \"2026-11-22T20:36:00.123Z\"}");
}

Test(state, of_no_known_output_is_all_null)
{
    expect((struct output_states){.updated_at_ms = 0}, 2,
           "{\"outputs\": [null, null], \"updated_at\": \"1970-01-01T00:00:00.000Z\"}");
}

Test(state, has_as_many_elements_as_the_tracker_outputs)
{
    expect((struct output_states){.known = UINT64_MAX, .on = UINT64_MAX}, 1,
           "{\"outputs\": [true], \"updated_at\": \"1970-01-01T00:00:00.000Z\"}");
    expect((struct output_states){.known = UINT64_MAX}, 0,
           "{\"outputs\": [], \"updated_at\": \"1970-01-01T00:00:00.000Z\"}");
}

Test(state, reaches_the_64th_output)
{
    const struct output_states states = {.known = UINT64_C(1) << 63, .on = UINT64_C(1) << 63};
    struct buffer out = {0};

    state_encode(&states, 64, &out);
    buffer_put_u8(&out, '\0');
    cr_expect_not_null(strstr((char *)out.data, ", null, true], \"updated_at\""), "%s", (char *)out.data);
    buffer_release(&out);
}
