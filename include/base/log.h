/* Log lines to a file descriptor, as text or as JSON lines.
 *
 *     log_write(LOG_INFO, "settled", LOG_INT("id", id), LOG_TEXT("outcome", "unknown"));
 *     2026-11-22T20:36:00.123Z info  settled id=17 outcome=unknown
 *     {"at":"2026-11-22T20:36:00.123Z","level":"info","event":"settled","id":17,"outcome":"unknown"}
 *
 * Lines are collected and leave with log_flush, once a turn of the loop; warnings and errors leave at once. Text is
 * escaped, whatever bytes it holds, and cut at LOG_TEXT_MAX bytes. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum { LOG_TEXT_MAX = 512 };

struct log_field {
    const char *name;
    bool is_text;
    struct bytes text;
    int64_t number;
};

#define LOG_INT(name_, value_) ((struct log_field){.name = (name_), .number = (int64_t)(value_)})
#define LOG_TEXT(name_, value_) ((struct log_field){.name = (name_), .is_text = true, .text = bytes_of_text(value_)})
#define LOG_BYTES(name_, value_) ((struct log_field){.name = (name_), .is_text = true, .text = (value_)})

/* Starts at stderr, info, text. */
void log_set_level(enum log_level level);
void log_set_json(bool json);
void log_set_fd(int fd);

/* "error", "warning", "info" or "debug". False on any other name. */
bool log_level_from_name(const char *name, enum log_level *level);

/* True when lines of this level are written: to spare the work of making one. */
bool log_is_on(enum log_level level);

/* At least one field. */
#define log_write(level_, event_, ...) \
    log_write_fields((level_), (event_), (const struct log_field[]){__VA_ARGS__, {.name = NULL}})

/* The same with a list that ends with a field without a name. */
void log_write_fields(enum log_level level, const char *event, const struct log_field *fields);

void log_flush(void);

#endif
