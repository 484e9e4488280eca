#include <criterion/criterion.h>
#include <stdio.h>

#include "edge/metrics_text.h"

static struct metrics metrics;
static struct buffer text;

static void open_metrics(void)
{
    metrics_init(&metrics);
}

static void close_metrics(void)
{
    metrics_release(&metrics);
    buffer_release(&text);
}

TestSuite(metrics, .init = open_metrics, .fini = close_metrics, .timeout = 10);

static void write_all(void)
{
    buffer_clear(&text);
    metrics_text_events(&text, &metrics);
    buffer_put_u8(&text, '\0');
}

static void expect_line(const char *line)
{
    cr_expect(strstr((const char *)text.data, line), "%s\nis missing in\n%s", line, (const char *)text.data);
}

static void settle(const char *profile, enum code code, enum outcome outcome, uint64_t device_ms)
{
    const struct engine_event event = {.kind = EVENT_REQUEST_SETTLED,
                                       .action = ACTION_SET,
                                       .profile = profile,
                                       .code = code,
                                       .outcome = outcome,
                                       .queue_ms = 3,
                                       .device_ms = device_ms,
                                       .total_ms = device_ms + 3};

    metrics_event(&metrics, &event);
}

Test(metrics, endings_are_counted_by_profile_and_code)
{
    settle("json", CODE_SUCCESS, OUTCOME_SUCCESS, 20);
    settle("gt06", CODE_OFFLINE, OUTCOME_UNKNOWN, 10000);
    settle("json", CODE_SUCCESS, OUTCOME_SUCCESS, 30);
    settle(NULL, CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    write_all();
    expect_line("\noutputd_requests_total{action=\"set\",code=\"0\"} 2\n");
    expect_line("\noutputd_requests_total{action=\"set\",code=\"213\"} 2\n");
    expect_line("\noutputd_outcomes_total{profile=\"json\",outcome=\"success\"} 2\n");
    expect_line("\noutputd_outcomes_total{profile=\"gt06\",outcome=\"unknown\"} 1\n");
    expect_line("\noutputd_outcomes_total{profile=\"none\",outcome=\"not_sent\"} 1\n");
}

Test(metrics, refusals_and_commands_are_counted)
{
    metrics_event(&metrics, &(struct engine_event){
                                .kind = EVENT_REQUEST_REFUSED, .action = ACTION_UNKNOWN, .code = CODE_WRONG_METHOD});
    metrics_event(&metrics, &(struct engine_event){.kind = EVENT_COMMAND_SENT, .profile = "json"});
    metrics_event(&metrics, &(struct engine_event){.kind = EVENT_PRESENCE});
    for (int i = 0; i < 5; i++)
        metrics_event(&metrics, &(struct engine_event){
                                    .kind = EVENT_REQUEST_REFUSED, .action = ACTION_SET_ALL, .code = CODE_TOO_LARGE});
    write_all();
    expect_line("\noutputd_requests_total{action=\"other\",code=\"112\"} 1\n");
    expect_line("\noutputd_requests_total{action=\"set_all\",code=\"9\"} 5\n");
    expect_line("\noutputd_commands_total{profile=\"json\"} 1\n");
}

/* One of which nothing was sent says nothing of devices. */
Test(metrics, times_are_counted_in_buckets)
{
    settle("json", CODE_SUCCESS, OUTCOME_SUCCESS, 20);
    settle("json", CODE_OFFLINE, OUTCOME_UNKNOWN, 60000);
    settle("json", CODE_OFFLINE, OUTCOME_NOT_SENT, 0);
    histogram_observe(&metrics.commit, 25);
    write_all();
    expect_line("\noutputd_queue_seconds_bucket{le=\"0.0025\"} 0\n");
    expect_line("\noutputd_queue_seconds_bucket{le=\"0.005\"} 3\n");
    expect_line("\noutputd_device_seconds_bucket{le=\"0.01\"} 0\n");
    expect_line("\noutputd_device_seconds_bucket{le=\"0.025\"} 1\n");
    expect_line("\noutputd_device_seconds_bucket{le=\"30\"} 1\n");
    expect_line("\noutputd_device_seconds_bucket{le=\"+Inf\"} 2\n");
    expect_line("\noutputd_device_seconds_sum 60.020000\n");
    expect_line("\noutputd_device_seconds_count 2\n");
    expect_line("\noutputd_request_seconds_count 3\n");
    expect_line("\noutputd_journal_commit_seconds_bucket{le=\"1e-05\"} 0\n");
    expect_line("\noutputd_journal_commit_seconds_bucket{le=\"2.5e-05\"} 1\n");
}

Test(metrics, profiles_are_bounded)
{
    char name[16];

    for (int i = 0; i < METRICS_PROFILES_MAX + 100; i++) {
        snprintf(name, sizeof name, "p%d", i);
        settle(name, CODE_SUCCESS, OUTCOME_SUCCESS, 1);
    }
    cr_assert_eq(metrics.profile_count, METRICS_PROFILES_MAX);
    cr_assert_eq(metrics.profiles[METRICS_PROFILES_MAX - 1].outcomes[OUTCOME_SUCCESS], 101);
    cr_assert_eq(metrics.profiles[0].outcomes[OUTCOME_SUCCESS], 1);
}

/* Nothing that the engine counts is left out: each has a value of its own here, and every value is there. */
Test(metrics, every_counter_of_the_engine_is_there_once)
{
    struct counters counters;
    const struct counter_info *info;
    uint64_t value = 1000001;
    char expected[32];

#define COUNTER_SET(name, help) counters.name = value++;
    COUNTERS(COUNTER_SET)
#undef COUNTER_SET
    metrics_text_counters(&text, &counters);
    buffer_put_u8(&text, '\0');
    for (unsigned i = 0; (info = counters_info(i)); i++) {
        const char *at;

        snprintf(expected, sizeof expected, " %llu\n", (unsigned long long)info->value(&counters));
        at = strstr((const char *)text.data, expected);
        cr_expect(at && !strstr(at + 1, expected), "%s", info->name);
    }
}

Test(metrics, label_values_are_escaped)
{
    metrics_text_label(&text, "a", "x\"y\\z\n");
    metrics_text_label(&text, "b", "2");
    cr_assert(bytes_equal_text(buffer_bytes(&text), "a=\"x\\\"y\\\\z \",b=\"2\""));
}
