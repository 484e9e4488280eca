/* The paths that are served over HTTP. */
#ifndef EDGE_HTTP_PATHS_H
#define EDGE_HTTP_PATHS_H

#include "base/bytes.h"

enum http_path {
    HTTP_PATH_METRICS,
    HTTP_PATH_HEALTHZ,
    HTTP_PATH_READYZ,
    HTTP_PATH_SET,
    HTTP_PATH_SET_ALL,
    HTTP_PATH_OTHER_ACTION, /* one more level behind /tracker/output/ */
    HTTP_PATH_CONSOLE_STATUS,
    HTTP_PATH_CONSOLE_TRACKERS,
    HTTP_PATH_CONSOLE_EVENTS,
    HTTP_PATH_CONSOLE, /* "/", and what else is below /console/ */
    HTTP_PATH_UNKNOWN,
    HTTP_PATH_COUNT,
};

enum http_path http_path_of(struct bytes target);

/* "metrics", "set", …; never what a request says. */
const char *http_path_name(enum http_path path);

/* The last level of a path of the API. */
struct bytes http_path_action(struct bytes target);

#endif
