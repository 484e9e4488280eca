/* watch, a table that is redrawn in place: a row for each request, the newest at the bottom. */
#include <stdio.h>
#include <stdlib.h>

#include "request_payload.h"
#include "terminal.h"
#include "watch.h"

enum { REDRAW_MS = 100, TICK_MS = 1000, HEADER_LINES = 3 };

/* Columns, in the order of the screen; the two without a width share what is left. */
enum { TIME_WIDTH = 12, TRACKER_WIDTH = 10, MS_WIDTH = 7, WHAT_WIDTH_MIN = 15, WHAT_WIDTH_MAX = 28, GAP = 2 };

struct layout {
    unsigned columns;
    unsigned lines;
    unsigned what;
    unsigned reply;
};

static struct layout layout_of(struct terminal_size size)
{
    unsigned fixed = TIME_WIDTH + TRACKER_WIDTH + 3 * MS_WIDTH + 6 * GAP;
    unsigned left = size.columns > fixed ? size.columns - fixed : 0;
    unsigned what = left * 2 / 5;

    if (what < WHAT_WIDTH_MIN)
        what = WHAT_WIDTH_MIN;
    if (what > WHAT_WIDTH_MAX)
        what = WHAT_WIDTH_MAX;
    return (struct layout){.columns = size.columns,
                           .lines = size.lines > HEADER_LINES ? size.lines - HEADER_LINES : 0,
                           .what = what,
                           .reply = left > what ? left - what : 0};
}

/* A screen narrower than the fixed columns loses its right-hand ones. */
static void put_cell(struct buffer *out, unsigned *left, const char *text, unsigned width)
{
    unsigned gap = GAP < *left ? GAP : *left;

    if (width > *left)
        width = *left;
    terminal_put_cell(out, text, width);
    *left -= width;
    if (gap > *left)
        gap = *left;
    terminal_put_cell(out, "", gap);
    *left -= gap;
}

static void put_coloured(struct buffer *out, unsigned *left, const char *text, unsigned width, enum colour colour)
{
    if (colour)
        buffer_put_text(out, terminal_colour(stdout, colour));
    put_cell(out, left, text, width);
    if (colour)
        buffer_put_text(out, terminal_colour(stdout, COLOUR_NONE));
}

/* --- one row --- */

static void format_ms(char out[16], uint64_t us)
{
    snprintf(out, 16, "%*.*f", MS_WIDTH, us < 10000, (double)us / 1000);
}

static void put_after(struct buffer *out, unsigned *left, const struct row *row, uint64_t us)
{
    char text[16] = "";

    if (us)
        format_ms(text, us - row->start_us);
    put_cell(out, left, text, MS_WIDTH);
}

static void put_what(struct buffer *out, unsigned *left, const struct row *row, unsigned width)
{
    struct buffer text = {0};

    if (row->is_readable)
        request_payload_put_words(&row->what, &text);
    else
        buffer_put_text(&text, row->fingerprint ? "invalid request" : "command");
    buffer_put_u8(&text, '\0');
    put_cell(out, left, (const char *)text.data, width);
    buffer_release(&text);
}

/* What a row without a reply waits for. */
static const char *standing_of(const struct row *row, uint64_t now_us)
{
    if (!row->fingerprint)
        return row->ack_us ? "acked; its request was not seen" : "its request was not seen";
    if (!trace_is_waiting(row, now_us))
        return "no reply was seen";
    if (row->ack_us)
        return "acked";
    return row->command_us ? "no ack yet" : "not commanded yet";
}

static void put_end(struct buffer *out, unsigned *left, const struct row *row, unsigned width, uint64_t now_us)
{
    static const enum colour colours[] = {COLOUR_FAINT, COLOUR_GOOD, COLOUR_BAD, COLOUR_DOUBT};
    uint64_t end_us = row->reply_us ? row->reply_us : now_us;
    bool is_running = row->end == ROW_OPEN && row->fingerprint && trace_is_waiting(row, now_us);
    char total[16] = "";

    put_coloured(out, left, row->end == ROW_OPEN ? standing_of(row, now_us) : row->verdict, width, colours[row->end]);
    if (row->reply_us || is_running)
        format_ms(total, end_us - row->start_us);
    put_coloured(out, left, total, MS_WIDTH, is_running ? COLOUR_FAINT : COLOUR_NONE);
}

static void put_row(struct buffer *out, const struct layout *layout, const struct row *row, uint64_t now_us)
{
    unsigned left = layout->columns;
    char at[WATCH_TIME_SIZE];
    char tracker[16] = "?";

    watch_put_time(row->wall_ms, at);
    if (row->tracker_id)
        snprintf(tracker, sizeof tracker, "%d", (int)row->tracker_id);
    put_cell(out, &left, at, TIME_WIDTH);
    put_cell(out, &left, tracker, TRACKER_WIDTH);
    put_what(out, &left, row, layout->what);
    put_after(out, &left, row, row->command_us);
    put_after(out, &left, row, row->ack_us);
    put_end(out, &left, row, layout->reply, now_us);
}

/* --- the screen --- */

static void put_heading(struct buffer *out, const struct layout *layout)
{
    unsigned left = layout->columns;

    buffer_put_text(out, terminal_colour(stdout, COLOUR_HEADING));
    put_cell(out, &left, "time", TIME_WIDTH);
    put_cell(out, &left, "tracker", TRACKER_WIDTH);
    put_cell(out, &left, "request", layout->what);
    put_cell(out, &left, "command", MS_WIDTH);
    put_cell(out, &left, "    ack", MS_WIDTH);
    put_cell(out, &left, "reply", layout->reply);
    put_cell(out, &left, "  total", MS_WIDTH);
    buffer_put_text(out, terminal_colour(stdout, COLOUR_NONE));
}

static void put_top(struct buffer *out, const struct watch *w, const struct layout *layout, uint64_t now_ms)
{
    struct buffer line = {0};

    buffer_printf(&line, "outputctl watch  %s  ", w->options->broker);
    buffer_printf(&line, "%s", w->notice[0] ? w->notice : "milliseconds after the request; Ctrl-C ends");
    buffer_put_u8(&line, '\0');
    terminal_put_cell(out, (const char *)line.data, layout->columns);
    buffer_put_text(out, "\r\n");
    buffer_clear(&line);
    stats_put(&w->stats, now_ms, &line);
    buffer_put_u8(&line, '\0');
    terminal_put_cell(out, (const char *)line.data, layout->columns);
    buffer_put_text(out, "\r\n");
    buffer_release(&line);
}

static void draw(struct watch *w)
{
    struct instant now = clock_now();
    uint64_t now_us = clock_mono_us();
    struct layout layout = layout_of(terminal_size(stdout));
    uint64_t first = w->trace.last > layout.lines ? w->trace.last - layout.lines : 0;
    struct buffer out = {0};

    buffer_put_text(&out, "\x1b[H");
    put_top(&out, w, &layout, now.mono_ms);
    put_heading(&out, &layout);
    for (uint64_t number = first + 1; number <= w->trace.last; number++) {
        const struct row *row = trace_row(&w->trace, number);

        buffer_put_text(&out, "\r\n");
        if (row)
            put_row(&out, &layout, row, now_us);
    }
    /* The cursor stands on the last character of the last row, which must not be erased. */
    if (w->trace.last - first < layout.lines)
        buffer_put_text(&out, "\r\n\x1b[J");
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    buffer_release(&out);
    w->drawn_ms = now.mono_ms;
    w->is_stale = false;
}

static void start_table(struct watch *w)
{
    /* The other screen, without a cursor; long lines are cut. */
    fputs("\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J", stdout);
    draw(w);
}

static void note_hop(struct watch *w, const struct hop *hop)
{
    (void)hop;
    w->is_stale = true;
}

/* With news at most ten times a second; every second without, for the time that passes. */
static void redraw(struct watch *w)
{
    uint64_t since_ms = clock_now().mono_ms - w->drawn_ms;

    if (since_ms >= (w->is_stale ? REDRAW_MS : TICK_MS))
        draw(w);
}

static void note_notice(struct watch *w, const char *text)
{
    snprintf(w->notice, sizeof w->notice, "%s", text);
    draw(w);
}

static void finish_table(struct watch *w)
{
    draw(w);
    fputs("\x1b[?7h\x1b[?25h\x1b[?1049l", stdout);
    printf("%llu requests and %llu replies were seen\n", (unsigned long long)w->trace.last,
           (unsigned long long)w->replies);
    fflush(stdout);
}

const struct watch_view watch_view_table = {.start = start_table,
                                            .hop = note_hop,
                                            .turn = redraw,
                                            .notice = note_notice,
                                            .finish = finish_table,
                                            .wait_ms = REDRAW_MS};
