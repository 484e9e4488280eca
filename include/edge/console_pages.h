/* The files of service/console/, built into the program. */
#ifndef EDGE_CONSOLE_PAGES_H
#define EDGE_CONSOLE_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct console_page {
    const char *path; /* as it is asked for; NULL: there are no more */
    const char *content_type;
    const uint8_t *data;
    size_t size;
};

extern const struct console_page console_pages[];

#endif
