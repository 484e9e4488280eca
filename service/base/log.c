#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"

enum { FLUSH_AT = 64 * 1024, LEVEL_WIDTH = 8 /* with a blank behind it */ };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct {
    enum log_level level;
    bool json;
    int fd;
    bool torn; /* what was written last ends inside a line, which goes on with `lines` */
    struct buffer lines;
} log_state = {.level = LOG_INFO, .fd = STDERR_FILENO};

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

void log_set_json(bool json)
{
    log_state.json = json;
}

void log_set_fd(int fd)
{
    log_flush();
    buffer_clear(&log_state.lines);
    log_state.torn = false;
    log_state.fd = fd;
}

bool log_level_from_name(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_is_on(enum log_level level)
{
    return level <= log_state.level;
}

/* Bare words read better in text lines; anything with a blank or an escape goes into quotes. */
static bool is_word(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (byte_needs_escape(text.data[i]) || text.data[i] == ' ' || text.data[i] == '=' || text.data[i] >= 0x80)
            return false;
    }
    return text.len > 0 && text.len <= LOG_TEXT_MAX;
}

static void put_quoted(struct buffer *b, struct bytes text)
{
    if (text.len > LOG_TEXT_MAX)
        text.len = LOG_TEXT_MAX;
    buffer_put_u8(b, '"');
    buffer_put_escaped(b, text); /* JSON's escapes serve both formats */
    buffer_put_u8(b, '"');
}

static void put_json_line(struct buffer *b, const char *at, const char *level, const char *event,
                          const struct log_field *field)
{
    buffer_put_text(b, "{\"at\":\"");
    buffer_put_text(b, at);
    buffer_put_text(b, "\",\"level\":\"");
    buffer_put_text(b, level);
    buffer_put_text(b, "\",\"event\":\"");
    buffer_put_text(b, event);
    buffer_put_u8(b, '"');
    for (; field->name; field++) {
        buffer_put_text(b, ",\"");
        buffer_put_text(b, field->name);
        buffer_put_text(b, "\":");
        if (field->is_text)
            put_quoted(b, field->text);
        else
            buffer_put_number(b, field->number);
    }
    buffer_put_text(b, "}\n");
}

static void put_text_line(struct buffer *b, const char *at, const char *level, const char *event,
                          const struct log_field *field)
{
    buffer_put_text(b, at);
    buffer_put_u8(b, ' ');
    buffer_put_text(b, level);
    for (size_t len = strlen(level); len < LEVEL_WIDTH; len++)
        buffer_put_u8(b, ' ');
    buffer_put_text(b, event);
    for (; field->name; field++) {
        buffer_put_u8(b, ' ');
        buffer_put_text(b, field->name);
        buffer_put_u8(b, '=');
        if (!field->is_text)
            buffer_put_number(b, field->number);
        else if (is_word(field->text))
            buffer_put(b, field->text);
        else
            put_quoted(b, field->text);
    }
    buffer_put_u8(b, '\n');
}

void log_write_fields(enum log_level level, const char *event, const struct log_field *fields)
{
    char at[CLOCK_TEXT_SIZE];

    if (!log_is_on(level))
        return;
    clock_format(clock_now().wall_ms, at);
    if (log_state.json)
        put_json_line(&log_state.lines, at, level_names[level], event, fields);
    else
        put_text_line(&log_state.lines, at, level_names[level], event, fields);
    if (level <= LOG_WARNING || log_state.lines.len >= FLUSH_AT)
        log_flush();
}

/* Nobody reads: lines are lost rather than the service stopped, but not the rest of one that was begun. */
static void lose_lines(size_t done)
{
    struct buffer *lines = &log_state.lines;
    const uint8_t *rest = lines->data + done;
    size_t len = 0;

    if (done > 0)
        log_state.torn = rest[-1] != '\n';
    if (log_state.torn)
        len = (size_t)((const uint8_t *)memchr(rest, '\n', lines->len - done) - rest) + 1;
    memmove(lines->data, rest, len);
    lines->len = len;
}

void log_flush(void)
{
    size_t done = 0;

    while (done < log_state.lines.len) {
        ssize_t n = write(log_state.fd, log_state.lines.data + done, log_state.lines.len - done);

        if (n <= 0) {
            lose_lines(done);
            return;
        }
        done += (size_t)n;
    }
    log_state.torn = false;
    buffer_clear(&log_state.lines);
}
