/* libmicrohttpd, loaded once somebody wants HTTP: it brings GnuTLS along, and with it 2.5 MB and a lot of code that has
 * no place in a process that serves none. */
#ifndef EDGE_HTTP_LIBRARY_H
#define EDGE_HTTP_LIBRARY_H

#include <microhttpd.h>
#include <stdbool.h>

#define HTTP_LIBRARY(F)              \
    F(add_response_header)           \
    F(create_response_from_buffer)   \
    F(create_response_from_callback) \
    F(destroy_response)              \
    F(get_connection_info)           \
    F(get_daemon_info)               \
    F(get_timeout)                   \
    F(lookup_connection_value)       \
    F(queue_response)                \
    F(resume_connection)             \
    F(run)                           \
    F(start_daemon)                  \
    F(stop_daemon)                   \
    F(suspend_connection)

/* Its functions, without the MHD_ in front. */
extern struct http_library {
#define MEMBER(name) __typeof__(MHD_##name) *name; /* NOLINT(bugprone-macro-parentheses): a declaration */
    HTTP_LIBRARY(MEMBER)
#undef MEMBER
} mhd;

/* Fills them in, the first time. False: it is not installed. */
bool http_library_load(void);

#endif
