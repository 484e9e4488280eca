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

enum http_path http_path_of(struct bytes target)
{
    for (unsigned i = 0; i < HTTP_PATH_COUNT; i++) {
        if (paths[i].target && bytes_equal_text(target, paths[i].target))
            return (enum http_path)i;
    }
    return http_path_action(target).len ? HTTP_PATH_OTHER_ACTION : HTTP_PATH_UNKNOWN;
}

const char *http_path_name(enum http_path path)
{
    return paths[path].name;
}
