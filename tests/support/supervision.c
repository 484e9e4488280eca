#include "support/supervision.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/pump.h"

static bool take_message(void *ctx)
{
    struct supervision *v = ctx;
    char text[SUPERVISION_MESSAGE_MAX];
    ssize_t len = recv(v->fd, text, sizeof text - 1, MSG_DONTWAIT);

    if (len <= 0)
        return false;
    text[len] = '\0';
    cr_assert_lt(v->count, SUPERVISION_MESSAGES_MAX);
    strcpy(v->messages[v->count++], text);
    return true;
}

struct supervision *supervision_new(const struct outputd *o)
{
    struct supervision *v = calloc(1, sizeof *v);
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    cr_assert(v);
    snprintf(v->address, sizeof v->address, "%s/notify", o->directory);
    strcpy(address.sun_path, v->address);
    v->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(v->fd, (const struct sockaddr *)&address, sizeof address), 0);
    pump_add(take_message, v);
    return v;
}

void supervision_start(const struct supervision *v, struct outputd *o, uint64_t watchdog_us)
{
    char number[24];

    snprintf(number, sizeof number, "%" PRIu64, watchdog_us);
    setenv("NOTIFY_SOCKET", v->address, 1);
    if (watchdog_us)
        setenv("WATCHDOG_USEC", number, 1);
    outputd_start(o);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

void supervision_free(struct supervision *v)
{
    if (!v)
        return;
    pump_remove(v);
    close(v->fd);
    free(v);
}

int supervision_find(const struct supervision *v, int from, const char *text)
{
    for (int i = from; i < v->count; i++) {
        if (strstr(v->messages[i], text))
            return i;
    }
    return -1;
}

int supervision_wait_for(struct supervision *v, int from, const char *text, int patience_ms)
{
    bool found = PUMP_UNTIL_FOR(patience_ms, supervision_find(v, from, text) >= 0);

    cr_assert(found, "no %s among %d messages, the last of them \"%s\"", text, v->count - from,
              v->count ? v->messages[v->count - 1] : "");
    return supervision_find(v, from, text);
}

int supervision_wait(struct supervision *v, int from, const char *text)
{
    return supervision_wait_for(v, from, text, 2 * PUMP_PATIENCE_MS);
}

uint64_t supervision_number(const struct supervision *v, int message, const char *name)
{
    char key[64];
    const char *at;
    uint64_t number = 0;

    snprintf(key, sizeof key, "%s=", name);
    at = strstr(v->messages[message], key);
    cr_assert(at && sscanf(at + strlen(key), "%" SCNu64, &number) == 1, "no %s in \"%s\"", key, v->messages[message]);
    return number;
}
