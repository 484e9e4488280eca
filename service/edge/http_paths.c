#include "edge/http_paths.h"

static const struct {
    const char *target;
    const char *name;
} paths[] = {
    [HTTP_PATH_METRICS] = {"/metrics", "metrics"},
    [HTTP_PATH_HEALTHZ] = {"/healthz", "healthz"},
    [HTTP_PATH_READYZ] = {"/readyz", "readyz"},
    [HTTP_PATH_SET] = {"/tracker/output/set", "set"},
    [HTTP_PATH_SET_ALL] = {"/tracker/output/set_all", "set_all"},
    [HTTP_PATH_OTHER_ACTION] = {NULL, "other_action"},
    [HTTP_PATH_CONSOLE_STATUS] = {"/console/status", "console_status"},
    [HTTP_PATH_CONSOLE_TRACKERS] = {"/console/trackers", "console_trackers"},
    [HTTP_PATH_CONSOLE_EVENTS] = {"/console/events", "console_events"},
    [HTTP_PATH_CONSOLE] = {"/", "console"},
    [HTTP_PATH_UNKNOWN] = {NULL, "unknown"},
};

static const char api[] = "/tracker/output/";

struct bytes http_path_action(struct bytes target)
{
    size_t before = sizeof api - 1;

    if (target.len < before || memcmp(target.data, api, before) != 0 ||
        memchr(target.data + before, '/', target.len - before))
        return (struct bytes){0};
    return bytes_of(target.data + before, target.len - before);
}

static bool is_below_console(struct bytes target)
{
    static const char console[] = "/console/";

    return target.len >= sizeof console - 1 && memcmp(target.data, console, sizeof console - 1) == 0;
}

enum http_path http_path_of(struct bytes target)
{
    for (unsigned i = 0; i < HTTP_PATH_COUNT; i++) {
        if (paths[i].target && bytes_equal_text(target, paths[i].target))
            return (enum http_path)i;
    }
    if (is_below_console(target))
        return HTTP_PATH_CONSOLE;
    return http_path_action(target).len ? HTTP_PATH_OTHER_ACTION : HTTP_PATH_UNKNOWN;
}

const char *http_path_name(enum http_path path)
{
    return paths[path].name;
}
