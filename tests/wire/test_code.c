#include "wire/code.h"

#include <criterion/criterion.h>

/* The public API's list, word for word. */
static const struct {
    int code;
    const char *description;
} api[] = {
    {3, "Wrong hash"},
    {4, "User or API key not found or session ended"},
    {5, "Wrong request format"},
    {6, "Unexpected error"},
    {7, "Invalid parameters"},
    {8, "Queue service error, try again later"},
    {9, "Too large request"},
    {13, "Operation not permitted"},
    {14, "Database unavailable"},
    {15, "Too many requests (rate limit exceeded)"},
    {112, "Wrong method"},
    {204, "Entity not found"},
    {208, "Device blocked"},
    {213, "Cannot perform action: the device is offline"},
    {214, "Requested operation or parameters are not supported by the device"},
    {219, "Not allowed for clones of the device"},
    {220, "Unknown device model"},
    {266, "Cannot perform action for the device in current status"},
    {275, "User is blocked"},
};

static const char *description_in_api(int code)
{
    for (size_t i = 0; i < sizeof api / sizeof *api; i++) {
        if (api[i].code == code)
            return api[i].description;
    }
    return NULL;
}

Test(code, has_the_apis_description_and_no_other_number_is_one)
{
    for (int code = -1; code < 1000; code++) {
        const char *expected = description_in_api(code);

        if (expected)
            cr_expect_str_eq(code_description((enum code)code), expected, "code %d", code);
        else
            cr_expect_null(code_description((enum code)code), "code %d", code);
    }
}

Test(code, outcomes_have_their_names)
{
    cr_expect_str_eq(outcome_name(OUTCOME_SUCCESS), "success");
    cr_expect_str_eq(outcome_name(OUTCOME_NOT_SENT), "not_sent");
    cr_expect_str_eq(outcome_name(OUTCOME_REJECTED), "rejected");
    cr_expect_str_eq(outcome_name(OUTCOME_UNKNOWN), "unknown");
}
