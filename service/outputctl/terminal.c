#include "terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is_live(FILE *file)
{
    const char *term = getenv("TERM");

    return isatty(fileno(file)) && term && strcmp(term, "dumb") != 0;
}

const char *terminal_colour(FILE *file, enum colour colour)
{
    static const char *const sequences[] = {
        [COLOUR_NONE] = "\x1b[0m",   [COLOUR_GOOD] = "\x1b[32m", [COLOUR_BAD] = "\x1b[31m",
        [COLOUR_DOUBT] = "\x1b[33m", [COLOUR_FAINT] = "\x1b[2m", [COLOUR_HEADING] = "\x1b[1m",
    };
    const char *no_color = getenv("NO_COLOR");

    return terminal_is_live(file) && !(no_color && *no_color) ? sequences[colour] : "";
}

struct terminal_size terminal_size(FILE *file)
{
    struct winsize size = {0};

    if (ioctl(fileno(file), TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return (struct terminal_size){.columns = 80, .lines = 24};
    return (struct terminal_size){.columns = size.ws_col, .lines = size.ws_row};
}

/* The length of the sequence at the start of well-formed UTF-8. */
static size_t sequence_len(uint8_t lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* C0, DEL, and C1 in UTF-8: U+0080 to U+009F are C2 80 to C2 9F, and 9B begins a sequence as ESC [ does. */
static bool is_control(const uint8_t *at, size_t len)
{
    return at[0] < 0x20 || at[0] == 0x7F || (len == 2 && at[0] == 0xC2 && at[1] < 0xA0);
}

void terminal_put(struct buffer *out, struct bytes text)
{
    bool is_utf8 = bytes_are_utf8(text);
    size_t len;

    for (size_t i = 0; i < text.len; i += len) {
        const uint8_t *at = text.data + i;

        len = is_utf8 ? sequence_len(*at) : 1;
        if (!is_control(at, len) && (is_utf8 || *at < 0x80)) {
            buffer_put(out, bytes_of(at, len));
            continue;
        }
        for (size_t n = 0; n < len; n++)
            buffer_printf(out, "\\x%02x", at[n]);
    }
}

void terminal_put_cell(struct buffer *out, const char *text, unsigned columns)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t cut = out->len; /* where "…" goes if the text is too long */
    unsigned used = 0;

    for (; *at && used < columns; used++) {
        size_t len = sequence_len(*at);

        if (used + 1 == columns)
            cut = out->len;
        buffer_put(out, bytes_of(at, len));
        at += len;
    }
    if (*at && columns) {
        out->len = cut;
        buffer_put_text(out, "…");
    }
    for (; used < columns; used++)
        buffer_put_u8(out, ' ');
}
