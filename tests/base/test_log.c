#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buffer.h"

/* The log writes into a pipe, which is read as far as it goes. */
static int ends[2];
static struct buffer got;

static void open_pipe(void)
{
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    log_set_fd(ends[1]);
    log_set_level(LOG_INFO);
    log_set_json(false);
}

static void close_pipe(void)
{
    log_set_fd(STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    buffer_release(&got);
}

TestSuite(log, .init = open_pipe, .fini = close_pipe, .timeout = 30);

static void write_bare(enum log_level level, const char *event)
{
    log_write_fields(level, event, &(const struct log_field){.name = NULL});
}

/* Appends what is in the pipe at the moment. */
static void drain(void)
{
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};

    while (poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN)) {
        ssize_t n = read(ends[0], buffer_room(&got, 65536), 65536);

        cr_assert_gt(n, 0);
        got.len += (size_t)n;
    }
}

/* What is in the pipe at the moment, as a text. */
static char *take(void)
{
    buffer_clear(&got);
    drain();
    buffer_put_u8(&got, '\0');
    return (char *)got.data;
}

/* The line behind its time stamp. */
static const char *take_text_line(void)
{
    static const char shape[] = "0000-00-00T00:00:00.000Z ";
    const char *line = take();

    cr_assert_geq(strlen(line), strlen(shape), "%s", line);
    for (size_t i = 0; i < strlen(shape); i++) {
        if (shape[i] == '0')
            cr_assert(line[i] >= '0' && line[i] <= '9', "%s", line);
        else
            cr_assert_eq(line[i], shape[i], "%s", line);
    }
    return line + strlen(shape);
}

static json_t *take_json_line(void)
{
    const char *line = take();
    size_t len = strlen(line);
    json_t *object;

    cr_assert_gt(len, 0);
    cr_assert_eq(strchr(line, '\n'), line + len - 1, "one line: %s", line);
    object = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(object, "%s", line);
    return object;
}

Test(log, a_text_line_has_time_level_event_and_fields)
{
    log_write(LOG_INFO, "settled", LOG_INT("id", 17), LOG_TEXT("outcome", "unknown"), LOG_INT("shift", -5));
    log_flush();
    cr_assert_str_eq(take_text_line(), "info    settled id=17 outcome=unknown shift=-5\n");
}

Test(log, an_event_alone_is_a_line)
{
    write_bare(LOG_ERROR, "stopped");
    cr_assert_str_eq(take_text_line(), "error   stopped\n");
}

Test(log, a_json_line_has_time_level_event_and_fields)
{
    json_t *line;

    log_set_json(true);
    log_write(LOG_INFO, "settled", LOG_INT("id", INT64_MAX), LOG_TEXT("outcome", "unknown"));
    log_flush();
    line = take_json_line();
    cr_assert_eq(json_object_size(line), 5);
    cr_assert_eq(json_string_length(json_object_get(line, "at")), 24);
    cr_assert_str_eq(json_string_value(json_object_get(line, "level")), "info");
    cr_assert_str_eq(json_string_value(json_object_get(line, "event")), "settled");
    cr_assert_eq(json_integer_value(json_object_get(line, "id")), INT64_MAX);
    cr_assert_str_eq(json_string_value(json_object_get(line, "outcome")), "unknown");
    json_decref(line);
}

Test(log, a_json_line_without_fields_is_an_object_too)
{
    json_t *line;

    log_set_json(true);
    write_bare(LOG_WARNING, "alone");
    line = take_json_line();
    cr_assert_eq(json_object_size(line), 3);
    json_decref(line);
}

/* JSON's escapes serve both formats. */
Test(log, text_is_quoted_and_escaped_where_it_has_to_be)
{
    static const struct {
        const char *text;
        size_t len;
        const char *written;
    } fields[] = {
        {"plain-word/1.5:x", 16, "plain-word/1.5:x"},
        {"", 0, "\"\""},
        {"two words", 9, "\"two words\""},
        {"a=b", 3, "\"a=b\""},
        {"say \"no\"", 8, "\"say \\\"no\\\"\""},
        {"back\\slash", 10, "\"back\\\\slash\""},
        {"line\nline\r\t", 11, "\"line\\u000aline\\u000d\\u0009\""},
        {"\0\x1b[31m\x7f", 7, "\"\\u0000\\u001b[31m\\u007f\""},
        {"caf\xC3\xA9", 5, "\"caf\xC3\xA9\""},
        {"caf\xE9\xFF", 5, "\"caf\\u00e9\\u00ff\""},
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char expected[128];

        snprintf(expected, sizeof expected, "info    event text=%s\n", fields[i].written);
        log_write(LOG_INFO, "event", LOG_BYTES("text", bytes_of(fields[i].text, fields[i].len)));
        log_flush();
        cr_expect_str_eq(take_text_line(), expected);
    }
}

Test(log, whatever_bytes_a_text_holds_the_json_line_is_one_and_well_formed)
{
    unsigned short dice[3] = {20, 26, 1122};

    log_set_json(true);
    for (int round = 0; round < 3000; round++) {
        uint8_t text[700];
        size_t len = (size_t)nrand48(dice) % sizeof text;

        for (size_t i = 0; i < len; i++)
            text[i] = (uint8_t)nrand48(dice);
        log_write(LOG_INFO, "event", LOG_BYTES("text", bytes_of(text, len)));
        log_flush();
        json_decref(take_json_line());
    }
}

Test(log, good_utf8_comes_back_from_a_json_line)
{
    static const char text[] = "\0\x01\"\\/\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x97";
    json_t *line;
    json_t *value;

    log_set_json(true);
    log_write(LOG_INFO, "event", LOG_BYTES("text", bytes_of(text, sizeof text - 1)));
    log_flush();
    line = take_json_line();
    value = json_object_get(line, "text");
    cr_assert_eq(json_string_length(value), sizeof text - 1);
    cr_assert_arr_eq(json_string_value(value), text, sizeof text - 1);
    json_decref(line);
}

Test(log, text_is_cut_at_its_maximum)
{
    char text[LOG_TEXT_MAX + 1];
    char expected[LOG_TEXT_MAX + 64];

    memset(text, 'x', sizeof text);
    log_write(LOG_INFO, "event", LOG_BYTES("text", bytes_of(text, LOG_TEXT_MAX)));
    log_flush();
    snprintf(expected, sizeof expected, "info    event text=%.*s\n", LOG_TEXT_MAX, text);
    cr_assert_str_eq(take_text_line(), expected);
    log_write(LOG_INFO, "event", LOG_BYTES("text", bytes_of(text, LOG_TEXT_MAX + 1)));
    log_flush();
    snprintf(expected, sizeof expected, "info    event text=\"%.*s\"\n", LOG_TEXT_MAX, text);
    cr_assert_str_eq(take_text_line(), expected);
}

Test(log, a_level_lets_itself_and_what_is_graver_through)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    for (size_t set = 0; set < 4; set++) {
        enum log_level level;

        cr_assert(log_level_from_name(names[set], &level));
        log_set_level(level);
        for (size_t i = 0; i < 4; i++) {
            cr_expect_eq(log_is_on((enum log_level)i), i <= set);
            write_bare((enum log_level)i, "event");
            log_flush();
            cr_expect_eq(*take() != '\0', i <= set, "%s at level %s", names[i], names[set]);
        }
    }
}

Test(log, other_names_are_no_levels)
{
    static const char *const names[] = {"", "warn", "Info", "info ", "trace"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        enum log_level level = LOG_DEBUG;

        cr_expect_not(log_level_from_name(names[i], &level), "%s", names[i]);
        cr_expect_eq(level, LOG_DEBUG);
    }
}

Test(log, lines_wait_for_the_flush_but_not_behind_a_warning)
{
    const char *lines;

    write_bare(LOG_INFO, "first");
    cr_assert_str_eq(take(), "");
    write_bare(LOG_WARNING, "second");
    lines = take();
    cr_assert_not_null(strstr(lines, "first\n"), "%s", lines);
    cr_assert_not_null(strstr(lines, "second\n"), "%s", lines);
    log_flush();
    cr_assert_str_eq(take(), "", "nothing is written twice");
}

Test(log, another_descriptor_gets_later_lines_only)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    char text[256] = "";

    write_bare(LOG_INFO, "before");
    log_set_fd(file);
    write_bare(LOG_ERROR, "behind");
    cr_assert_not_null(strstr(take_text_line(), "before\n"));
    cr_assert_gt(pread(file, text, sizeof text - 1, 0), 0);
    cr_assert_not_null(strstr(text, "behind\n"));
    cr_assert_null(strstr(text, "before"));
    close(file);
}

/* Every line of the text is whole: nothing but "…event number=N padding=xxx…" with its time stamp. */
static int count_whole_lines(char *text, size_t padding)
{
    int count = 0;

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), count++) {
        const char *tail = strstr(line, " padding=");

        cr_assert_eq(strncmp(line + 24, " info    event number=", 22), 0, "%s", line);
        cr_assert_not_null(tail, "%s", line);
        cr_assert_eq(strlen(tail), strlen(" padding=") + padding, "%s", line);
    }
    return count;
}

static void write_numbered(int number, const char *padding)
{
    log_write(LOG_INFO, "event", LOG_INT("number", number), LOG_TEXT("padding", padding));
}

Test(log, many_lines_leave_by_themselves_and_whole)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    char padding[200] = "";
    off_t size;
    char *text;

    memset(padding, 'x', sizeof padding - 1);
    log_set_fd(file);
    for (int i = 0; i < 2000; i++)
        write_numbered(i, padding);
    size = lseek(file, 0, SEEK_END);
    cr_assert_gt(size, 2000 * 200 / 2, "it does not keep them all until the flush");
    log_flush();
    size = lseek(file, 0, SEEK_END);
    text = calloc(1, (size_t)size + 1);
    cr_assert_eq(pread(file, text, (size_t)size, 0), size);
    cr_assert_eq(count_whole_lines(text, sizeof padding - 1), 2000);
    free(text);
    close(file);
}

/* Lines are lost rather than the service stopped, but none in half: one that was begun goes on when there is room. */
Test(log, a_full_pipe_loses_whole_lines_and_stops_nobody)
{
    char padding[150] = "";
    int count;

    memset(padding, 'x', sizeof padding - 1);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 1000; i++)
        write_numbered(i, padding);
    log_flush();
    write_numbered(1000, padding);
    log_flush();
    drain();
    cr_assert_neq(got.data[got.len - 1], '\n', "the pipe was full in the middle of a line, else this shows nothing");
    write_numbered(1001, padding);
    log_flush();
    drain();
    buffer_put_u8(&got, '\0');
    cr_assert_not_null(strstr((char *)got.data, "number=1001 "));
    cr_assert_null(strstr((char *)got.data, "number=1000 "));
    count = count_whole_lines((char *)got.data, sizeof padding - 1);
    cr_assert(count > 100 && count < 1000, "%d lines", count);
}

Test(log, what_was_torn_off_does_not_go_to_another_descriptor)
{
    char padding[150] = "";
    int file = memfd_create("log", MFD_CLOEXEC);

    memset(padding, 'x', sizeof padding - 1);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 1000; i++)
        write_numbered(i, padding);
    log_set_fd(file);
    cr_assert_eq(lseek(file, 0, SEEK_END), 0);
    log_flush();
    cr_assert_eq(lseek(file, 0, SEEK_END), 0);
    close(file);
}

Test(log, a_reader_that_is_gone_stops_nobody)
{
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    write_bare(LOG_ERROR, "nobody hears this");
    ends[0] = memfd_create("log", MFD_CLOEXEC);
    log_set_fd(ends[0]);
    write_bare(LOG_ERROR, "but this");
    cr_assert_gt(lseek(ends[0], 0, SEEK_END), 0);
}
