#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct timespec read_clock(clockid_t which)
{
    struct timespec ts = {0};

    clock_gettime(which, &ts);
    return ts;
}

struct instant clock_now(void)
{
    struct timespec mono = read_clock(CLOCK_MONOTONIC);
    struct timespec wall = read_clock(CLOCK_REALTIME);

    return (struct instant){
        .mono_ms = (uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

uint64_t clock_mono_us(void)
{
    struct timespec mono = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000;
}

/* "2026-11-22T20:36:00" for this second; the last one is remembered, because log lines come many a second. */
static const char *second_text(time_t second)
{
    static _Thread_local char text[CLOCK_TEXT_SIZE];
    static _Thread_local time_t of = -1;
    struct tm parts;

    if (of != second) {
        gmtime_r(&second, &parts);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
        of = second;
    }
    return text;
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE])
{
    unsigned ms = (unsigned)(wall_ms % 1000) % 1000u;

    memcpy(out, second_text((time_t)(wall_ms / 1000)), 19);
    out[19] = '.';
    out[20] = (char)('0' + ms / 100);
    out[21] = (char)('0' + ms / 10 % 10);
    out[22] = (char)('0' + ms % 10);
    out[23] = 'Z';
    out[24] = '\0';
}

int clock_parse(const char *text, int64_t *wall_ms)
{
    struct tm parts = {0};
    struct tm again;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    time_t seconds;

    if (!rest)
        return -EINVAL;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0)
        return -EINVAL;
    again = parts;
    seconds = timegm(&again); /* makes another day of 30 February */
    if (again.tm_mday != parts.tm_mday)
        return -EINVAL;
    *wall_ms = (int64_t)seconds * 1000;
    return 0;
}
