/* The registry of a large fleet is read beside the loop: it takes a while, and nobody waits for it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, NEW_TRACKER = 8, FLEET = 150000 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_run(broker_url(broker));
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    field_online(field, NEW_TRACKER);
    desk = desk_start(broker_url(broker));
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_reload_large, .init = set_stage, .fini = clear_stage, .timeout = 120);

/* The one tracker, so many others, and a last entry. */
static void write_fleet(int count, const char *last)
{
    struct buffer text = {0};

    buffer_put_text(
        &text, "users = ({ id = 1; });\n"
               "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\";\n"
               "  user_id = 1; master = true; });\n"
               "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n");
    for (int i = 0; i < count; i++)
        buffer_printf(&text,
                      "{ id = %d; user_id = 1; model = \"generic_json\"; device_id = \"%015d\"; outputs = 3; },\n",
                      1000000 + i, i);
    buffer_printf(&text, "%s );\n", last);
    buffer_put_u8(&text, '\0');
    outputd_write(service, "registry.cfg", (const char *)text.data);
    buffer_release(&text);
}

/* How many round trips there were until the log says so. */
static int answered_until(const char *line)
{
    int count = 0;

    while (outputd_log_count(service, line) == 0) {
        cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
        count++;
    }
    return count;
}

#define NEW_JSON_TRACKER "{ id = 8; user_id = 1; model = \"generic_json\"; outputs = 3; }"

/* One that is on its way when the reading begins would be answered by any service. */
enum { MORE_THAN_ON_ITS_WAY = 3 };

Test(service_reload_large, requests_are_answered_while_it_is_read)
{
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 204);
    write_fleet(FLEET, NEW_JSON_TRACKER);
    outputd_signal(service, SIGHUP);
    cr_assert_gt(answered_until("reloaded"), MORE_THAN_ON_ITS_WAY);
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 0);
}

Test(service_reload_large, requests_are_answered_until_its_last_line_is_wrong)
{
    write_fleet(FLEET, "{ id = 8; user_id = 99; model = \"generic_json\"; outputs = 3; }");
    outputd_signal(service, SIGHUP);
    cr_assert_gt(answered_until("reload refused"), MORE_THAN_ON_ITS_WAY);
    cr_assert_geq(outputd_log_count(service, "registry.cfg:150005: there is no user 99"), 1);
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 204);
}

Test(service_reload_large, a_change_while_it_is_read_is_read_next)
{
    write_fleet(FLEET, NEW_JSON_TRACKER);
    outputd_signal(service, SIGHUP);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0); /* by then it is being read, or has been */
    write_fleet(0, "{ id = 9; user_id = 1; model = \"generic_json\"; outputs = 3; }");
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, 9) == 213), "the second one is not taken");
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 204);
}

Test(service_reload_large, the_service_can_be_stopped_while_it_is_read)
{
    write_fleet(FLEET, NEW_JSON_TRACKER);
    outputd_signal(service, SIGHUP);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    outputd_stop(service);
    cr_assert_eq(outputd_log_count(service, " stopped "), 1);
}
