/* How requests ended lately. */
#include <criterion/criterion.h>
#include <jansson.h>

#include "edge/console_history.h"

enum { NOW = 10000000 };

static struct console_history history;

static void end_one(enum outcome outcome, uint64_t total_ms, uint64_t at_ms)
{
    const struct engine_event event = {.kind = EVENT_REQUEST_SETTLED, .outcome = outcome, .total_ms = total_ms};

    console_history_event(&history, &event, at_ms);
}

static json_t *written(uint64_t now_ms)
{
    struct buffer out = {0};
    json_t *root;

    console_history_write(&history, now_ms, &out);
    root = json_loadb((const char *)out.data, out.len, 0, NULL);
    cr_assert_not_null(root, "%.*s", (int)out.len, (const char *)out.data);
    buffer_release(&out);
    return root;
}

static json_int_t at(const json_t *root, const char *name, size_t i)
{
    return json_integer_value(json_array_get(json_object_get(root, name), i));
}

static json_int_t sum(const json_t *root, const char *name)
{
    json_int_t all = 0;

    for (size_t i = 0; i < json_array_size(json_object_get(root, name)); i++)
        all += at(root, name, i);
    return all;
}

Test(console_history, counts_by_outcome_and_step)
{
    json_t *root;

    end_one(OUTCOME_SUCCESS, 20, NOW);
    end_one(OUTCOME_SUCCESS, 20, NOW + HISTORY_STEP_MS);
    end_one(OUTCOME_UNKNOWN, 10000, NOW + HISTORY_STEP_MS);
    console_history_event(&history, &(struct engine_event){.kind = EVENT_REQUEST_REFUSED, .outcome = OUTCOME_NOT_SENT},
                          NOW + HISTORY_STEP_MS);
    console_history_event(&history, &(struct engine_event){.kind = EVENT_COMMAND_SENT}, NOW);
    root = written(NOW + HISTORY_STEP_MS + 1);
    cr_assert_eq(json_array_size(json_object_get(root, "success")), HISTORY_STEPS);
    cr_assert_eq(at(root, "success", HISTORY_STEPS - 2), 1);
    cr_assert_eq(at(root, "success", HISTORY_STEPS - 1), 1);
    cr_assert_eq(at(root, "unknown", HISTORY_STEPS - 1), 1);
    cr_assert_eq(at(root, "not_sent", HISTORY_STEPS - 1), 1);
    cr_assert_eq(sum(root, "rejected"), 0);
    json_decref(root);
}

Test(console_history, only_acks_have_a_latency)
{
    json_t *root;

    end_one(OUTCOME_SUCCESS, 0, NOW);
    end_one(OUTCOME_SUCCESS, 20, NOW);
    end_one(OUTCOME_REJECTED, 21, NOW);
    end_one(OUTCOME_SUCCESS, 3600000, NOW);
    end_one(OUTCOME_UNKNOWN, 20, NOW);
    end_one(OUTCOME_NOT_SENT, 20, NOW);
    root = written(NOW);
    cr_assert_eq(json_array_size(json_object_get(root, "latency")), HISTORY_BOUNDS + 1);
    cr_assert_eq(at(root, "latency", 0), 1);
    cr_assert_eq(at(root, "bounds_ms", 4), 20);
    cr_assert_eq(at(root, "latency", 4), 1);
    cr_assert_eq(at(root, "latency", 5), 1);
    cr_assert_eq(at(root, "latency", HISTORY_BOUNDS), 1);
    cr_assert_eq(sum(root, "latency"), 4);
    json_decref(root);
}

Test(console_history, what_is_five_minutes_ago_is_forgotten)
{
    json_t *root;

    end_one(OUTCOME_SUCCESS, 20, NOW);
    root = written(NOW + (HISTORY_STEPS - 1) * HISTORY_STEP_MS);
    cr_assert_eq(at(root, "success", 0), 1);
    json_decref(root);
    root = written(NOW + HISTORY_STEPS * HISTORY_STEP_MS);
    cr_assert_eq(sum(root, "success"), 0);
    cr_assert_eq(sum(root, "latency"), 0);
    json_decref(root);
    end_one(OUTCOME_SUCCESS, 20, NOW + HISTORY_STEPS * HISTORY_STEP_MS);
    root = written(NOW + HISTORY_STEPS * HISTORY_STEP_MS);
    cr_assert_eq(sum(root, "success"), 1);
    json_decref(root);
}

Test(console_history, soon_after_the_start_of_the_machine_there_is_nothing_before)
{
    json_t *root;

    end_one(OUTCOME_SUCCESS, 20, 1);
    root = written(HISTORY_STEP_MS + 1);
    cr_assert_eq(sum(root, "success"), 1);
    cr_assert_eq(at(root, "success", HISTORY_STEPS - 2), 1);
    json_decref(root);
}
