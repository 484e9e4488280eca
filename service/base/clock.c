#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"

static struct timespec read_clock(clockid_t which)
{
    struct timespec ts = {0};

    clock_gettime(which, &ts);
    return ts;
}

/* Linux gives each start of the machine a random name. */
static uint64_t read_boot(void)
{
    char text[64];
    struct digest name;
    uint64_t boot = 0;
    ssize_t len;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    len = read(fd, text, sizeof text);
    close(fd);
    if (len <= 0)
        return 0;
    name = digest_of(bytes_of(text, (size_t)len));
    memcpy(&boot, name.bytes, sizeof boot);
    return boot;
}

struct instant clock_now(void)
{
    static uint64_t boot;
    static bool has_boot;

    struct timespec mono = read_clock(CLOCK_MONOTONIC);
    struct timespec wall = read_clock(CLOCK_REALTIME);

    if (!has_boot)
        boot = read_boot();
    has_boot = true;
    return (struct instant){
        .mono_ms = (uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
        .boot = boot,
    };
}

uint64_t clock_elapsed_ms(struct instant from, struct instant to)
{
    if (from.boot && from.boot == to.boot)
        return to.mono_ms > from.mono_ms ? to.mono_ms - from.mono_ms : 0;
    /* In a damaged record the two may be further apart than an int64_t tells. */
    return to.wall_ms > from.wall_ms ? (uint64_t)to.wall_ms - (uint64_t)from.wall_ms : 0;
}

uint64_t clock_mono_us(void)
{
    struct timespec mono = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)mono.tv_sec * 1000000 + (uint64_t)mono.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

void clock_sleep_us(uint32_t us)
{
    const struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    nanosleep(&time, NULL);
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
