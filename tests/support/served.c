#include "support/served.h"

#include <criterion/criterion.h>

#include "support/http_client.h"
#include "support/pump.h"

struct served served;

void served_set_up(void)
{
    served.broker = broker_start(NULL);
    served.database = database_start();
    served.service = outputd_new(broker_url(served.broker));
    outputd_set_text(served.service, "registry.source", "postgres");
    outputd_set_text(served.service, "registry.conninfo", database_conninfo(served.database));
    served.http_port = outputd_listen(served.service);
    served.field = field_start(broker_url(served.broker));
    field_online(served.field, SERVED_TRACKER);
    served.desk = desk_start(broker_url(served.broker));
}

void served_clear(void)
{
    desk_free(served.desk);
    field_free(served.field);
    outputd_free(served.service);
    database_stop(served.database);
    broker_stop(served.broker);
}

void served_start(void)
{
    outputd_start(served.service);
    outputd_wait_ready(served.service);
}

void served_expect_becomes(int tracker_id, int code)
{
    cr_assert(PUMP_UNTIL(desk_code_of_set(served.desk, tracker_id) == code), "tracker %d is answered %d", tracker_id,
              desk_code_of_set(served.desk, tracker_id));
}

static void expect_page(const char *path, int status, const char *text)
{
    struct buffer body = {0};
    bool found;

    found = PUMP_UNTIL((buffer_clear(&body), http_ask(served.http_port, path, &body) == status) &&
                       strstr((const char *)body.data, text));
    cr_assert(found, "%s: not %d with %s in it, but\n%s", path, status, text, (const char *)body.data);
    buffer_release(&body);
}

void served_expect_metric(const char *line)
{
    expect_page("/metrics", 200, line);
}

void served_expect_readiness(int status, const char *text)
{
    expect_page("/readyz", status, text);
}
