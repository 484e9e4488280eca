#include "edge/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { MESSAGE_MAX = 512, TRY_AGAIN_MS = 100 };

/* --- start and end --- */

/* A path, or a name that stands in no file system, written with an @ in place of the NUL that it begins with. */
static int read_address(struct supervisor *v, const char *name)
{
    size_t len = strlen(name);

    if (len < 2 || (*name != '/' && *name != '@') || len >= sizeof v->address.sun_path)
        return -EINVAL;
    v->address.sun_family = AF_UNIX;
    memcpy(v->address.sun_path, name, len);
    if (*name == '@')
        v->address.sun_path[0] = '\0';
    v->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

/* A number of the environment, 0 where it is none. */
static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    uint64_t number;

    if (!text || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    number = strtoull(text, &end, 10);
    return *end || errno ? 0 : number;
}

/* It may be meant for a process that started this one. */
static uint64_t read_watchdog_ms(void)
{
    if (getenv("WATCHDOG_PID") && number_of("WATCHDOG_PID") != (uint64_t)getpid())
        return 0;
    return number_of("WATCHDOG_USEC") / 1000;
}

int supervisor_open(struct supervisor *v)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int r;

    *v = (struct supervisor){0};
    if (!name || !*name)
        return 0;
    r = read_address(v, name);
    if (r < 0)
        return r;
    v->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (v->fd < 0) {
        v->address_len = 0;
        return -errno;
    }
    v->watchdog_ms = read_watchdog_ms();
    return 0;
}

void supervisor_close(struct supervisor *v)
{
    if (v->address_len)
        close(v->fd);
    *v = (struct supervisor){0};
}

/* It is told at half of the time, after a turn that may have been the longest. */
void supervisor_allow_ms(struct supervisor *v, uint64_t turn_longest_ms)
{
    if (v->watchdog_ms && v->watchdog_ms < 2 * turn_longest_ms)
        v->watchdog_ms = 2 * turn_longest_ms;
}

/* --- messages --- */

static int send_message(struct supervisor *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int send_message(struct supervisor *v, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    int len;

    if (!v->address_len)
        return 0;
    va_start(args, format);
    len = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (len >= (int)sizeof message)
        len = (int)sizeof message - 1;
    if (sendto(v->fd, message, (size_t)len, MSG_NOSIGNAL, (const struct sockaddr *)&v->address, v->address_len) < 0)
        return -errno;
    return 0;
}

int supervisor_tell(struct supervisor *v, enum supervisor_state state, uint64_t stop_in_ms)
{
    switch (state) {
    case SUPERVISOR_STARTING:
        return 0;
    case SUPERVISOR_READY:
        if (!v->watchdog_ms)
            return send_message(v, "READY=1");
        return send_message(v, "READY=1\nWATCHDOG_USEC=%" PRIu64 "\nWATCHDOG=1", v->watchdog_ms * 1000);
    case SUPERVISOR_RELOADING:
        return send_message(v, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_us());
    case SUPERVISOR_STOPPING:
        return send_message(v, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64, stop_in_ms * 1000);
    }
    return 0;
}

int supervisor_tell_status(struct supervisor *v, const char *text)
{
    char line[MESSAGE_MAX / 2];

    snprintf(line, sizeof line, "%s", text);
    for (char *at = line; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    }
    return send_message(v, "STATUS=%s", line);
}

/* --- the watchdog --- */

static uint64_t shorter(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void supervisor_alive(struct supervisor *v, uint64_t now_ms)
{
    uint64_t half_ms = v->watchdog_ms / 2;

    if (!v->watchdog_ms || now_ms < v->alive_at_ms)
        return;
    v->alive_at_ms = now_ms + (send_message(v, "WATCHDOG=1") == 0 ? half_ms : shorter(half_ms, TRY_AGAIN_MS));
}

int supervisor_wait_ms(const struct supervisor *v, uint64_t now_ms, int wait_ms)
{
    uint64_t left_ms = v->alive_at_ms > now_ms ? v->alive_at_ms - now_ms : 0;

    return v->watchdog_ms ? (int)shorter(left_ms, (uint64_t)wait_ms) : wait_ms;
}
