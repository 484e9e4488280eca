/* Trackers of the registry a page at a time, in its order, for the console.
 *
 * One answer looks at a bounded number of trackers, however many there are, and says with "after" where to go on: that
 * is the id of the last one that was looked at, so a reload in between disturbs nothing. */
#ifndef EDGE_CONSOLE_SEARCH_H
#define EDGE_CONSOLE_SEARCH_H

#include "core/engine.h"

enum { CONSOLE_SEARCH_MAX = 64 };

struct console_query {
    char search[CONSOLE_SEARCH_MAX + 1]; /* part of an id or a model, in lower case; empty: all */
    int32_t after;                       /* 0: from the beginning */
    uint32_t limit;
    bool only_online;
    bool only_offline;
};

/* Reads search, after, limit and presence (online or offline) from a query. NULL; else what is wrong with it, in static
 * memory. A limit beyond page_max is page_max. */
const char *console_query_read(struct bytes text, uint32_t page_max, struct console_query *query);

/* Appends {"trackers": […], "after": id or null, "scanned": n, "registered": n}. What is searched for as a whole id
 * comes first, beyond the limit. -ENOENT: there is no tracker `after` any more. */
int console_search(const struct engine *e, const struct console_query *query, uint32_t scan_max, struct buffer *out);

#endif
