/* A journal that cannot be written, or not any more, while the service runs: what operators, requesters and trackers
 * see of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/preload.h"
#include "support/pump.h"

enum { TRACKER = 265489 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_set(service, "journal.size_mb", "8");
    field = field_start(broker_url(broker));
    field->is_silent = true;
    field_online(field, TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_journal, .init = set_stage, .fini = clear_stage, .timeout = 120);

static void start_service(void)
{
    outputd_start(service);
    outputd_wait_ready(service);
}

static void ack(int command)
{
    field_ack(field, &field->commands[command], "\"success\": true");
}

/* --- writes that fail --- */

/* Of all files: the log, which is shorter, goes on; the journal's records lie behind that. */
static void limit_files(rlim_t size)
{
    const struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

    cr_assert_eq(prlimit(service->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void let_writes_fail(void)
{
    limit_files(8192);
    desk_set(desk, "refused", TRACKER, 3, true);
    desk_expect_error(desk, "refused", 8, "not_sent");
}

static void let_writes_work(void)
{
    limit_files(RLIM_INFINITY);
    outputd_wait_log(service, "journal written again", 1);
}

static const char cannot_be_written[] = "the journal cannot be written: new requests get code 8";

Test(service_journal, while_it_cannot_be_written_new_requests_get_8_and_the_log_says_so_once)
{
    char correlation[32];

    start_service();
    let_writes_fail();
    for (int i = 0; i < 5; i++) {
        snprintf(correlation, sizeof correlation, "also refused %d", i);
        desk_set(desk, correlation, TRACKER, 1, true);
        desk_expect_error(desk, correlation, 8, "not_sent");
        PUMP_UNTIL_FOR(300, false); /* it is tried again meanwhile */
    }
    cr_assert_eq(outputd_log_count(service, cannot_be_written), 1);
    cr_assert_eq(outputd_log_count(service, "File too large"), 1);
    cr_assert_eq(field->count, 0, "commanded without a record");
    let_writes_work();
    field->is_silent = false;
    desk_set(desk, "accepted", TRACKER, 1, true);
    desk_expect_success(desk, "accepted");
    cr_assert_eq(outputd_log_count(service, cannot_be_written), 1);
    outputd_stop(service);
}

/* Were it told, and the service killed, its record would say something else. */
Test(service_journal, an_ack_meanwhile_is_told_when_it_is_written_and_once)
{
    outputd_set(service, "engine.ack_timeout_ms", "60000");
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    field_wait(field, 1);
    let_writes_fail();
    ack(0);
    desk_fence(desk); /* the ack has come before this */
    PUMP_UNTIL_FOR(2500, desk_count(desk, "in flight") > 0);
    cr_assert_eq(desk_count(desk, "in flight"), 0, "told though it is not written");
    let_writes_work();
    desk_expect_success(desk, "in flight");
    desk_fence(desk);
    desk_expect_success(desk, "in flight");
    outputd_stop(service);
}

Test(service_journal, what_was_accepted_before_goes_on_when_it_is_written_again)
{
    outputd_set(service, "engine.ack_timeout_ms", "60000");
    start_service();
    desk_set(desk, "first", TRACKER, 1, true);
    desk_set(desk, "second", TRACKER, 2, true);
    desk_set(desk, "third", TRACKER, 3, true);
    field_wait(field, 1);
    desk_fence(desk);
    let_writes_fail();
    ack(0);
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(field->count, 1, "commanded though that is not written");
    let_writes_work();
    field_wait(field, 2);
    ack(1);
    field_wait(field, 3);
    ack(2);
    desk_expect_success(desk, "first");
    desk_expect_success(desk, "second");
    desk_expect_success(desk, "third");
    desk_fence(desk);
    field_sync(field);
    cr_assert_eq(field->count, 3);
}

/* One reply each, whichever; never a second one that says something else. */
static void expect_one_outcome(const char *correlation)
{
    const struct probe_message *first = desk_wait(desk, correlation);

    for (int i = 0; i < desk->probe->count; i++) {
        const struct probe_message *m = &desk->probe->messages[i];

        cr_assert(strcmp(m->correlation, correlation) != 0 || strcmp(m->payload, first->payload) == 0,
                  "%s: %s, then %s", correlation, first->payload, m->payload);
    }
}

Test(service_journal, killed_while_it_cannot_be_written_nothing_is_contradicted_or_repeated)
{
    outputd_set(service, "engine.ack_timeout_ms", "5000");
    start_service();
    desk_set(desk, "in flight", TRACKER, 1, true);
    desk_set(desk, "queued", TRACKER, 2, true);
    field_wait(field, 1);
    desk_fence(desk);
    let_writes_fail();
    ack(0);
    desk_fence(desk);
    cr_assert_eq(desk_count(desk, "in flight") + desk_count(desk, "queued"), 0);
    outputd_kill(service);
    field->is_silent = false;
    start_service();
    expect_one_outcome("in flight");
    expect_one_outcome("queued");
    desk_fence(desk);
    field_sync(field);
    expect_one_outcome("in flight");
    expect_one_outcome("queued");
    desk_expect_error(desk, "refused", 8, "not_sent");
    cr_assert_leq(field->count, 2, "%d commands", field->count);
    for (int i = 1; i < field->count; i++)
        cr_assert_eq(json_integer_value(json_object_get(field->commands[i].value, "output")), 2, "commanded again");
    cr_assert_eq(outputd_log_count(service, cannot_be_written), 1);
}

/* --- journal.sync --- */

static long syncs(void)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "%s/syncs", service->directory);
    return stat(path, &st) == 0 ? (long)st.st_size : 0;
}

/* Making the journal is synced, whatever is set. */
static long start_with_sync(const char *how)
{
    outputd_set_text(service, "journal.sync", how);
    preload_start(service, "sync_count", "SYNC_COUNT", "syncs");
    outputd_wait_ready(service);
    desk_fence(desk);
    return syncs();
}

/* Before a command, and before its reply. */
Test(service_journal, with_sync_batch_nothing_leaves_before_the_disk_has_it)
{
    long before = start_with_sync("batch");

    for (int i = 0; i < 10; i++) {
        char correlation[32];

        snprintf(correlation, sizeof correlation, "%d", i);
        desk_set(desk, correlation, TRACKER, 1, i % 2);
        field_wait(field, i + 1);
        cr_assert_gt(syncs(), before, "commanded first");
        before = syncs();
        ack(i);
        desk_expect_success(desk, correlation);
        cr_assert_gt(syncs(), before, "told first");
        before = syncs();
    }
    outputd_kill(service);
    start_service();
    desk_set(desk, "3", TRACKER, 1, true);
    cr_assert(PUMP_UNTIL(desk_count(desk, "3") == 2), "it does not know it any more");
    cr_assert_eq(field->count, 10);
}

Test(service_journal, with_sync_none_it_does_not_wait_for_the_disk)
{
    long before = start_with_sync("none");

    field->is_silent = false;
    for (int i = 0; i < 10; i++) {
        char correlation[32];

        snprintf(correlation, sizeof correlation, "%d", i);
        desk_set(desk, correlation, TRACKER, 1, i % 2);
        desk_expect_success(desk, correlation);
    }
    cr_assert_eq(syncs(), before);
}
