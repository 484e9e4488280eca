/* Files whose outermost lists are long are cut, and each piece goes to libconfig by itself. It must not show: what is
 * read, and every mistake with its line, is what the file as a whole would give. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/conf_file.h"
#include "scratch.h"

TestSuite(conf_long, .init = scratch_open, .fini = scratch_close);

/* An element with this in it is a piece by itself. */
static const char *filler(void)
{
    static char text[66000];

    if (!*text)
        snprintf(text, sizeof text, "/*%65900s*/", "{ ( } \" ) ], ");
    return text;
}

/* --- what is in a file --- */

struct entry {
    uint32_t x;
    const char *y;
    bool b;
    const struct conf_node *z;
};

static const struct conf_key keys[] = {
    {"x", CONF_UINT, offsetof(struct entry, x), true, 1, INT32_MAX},
    {"y", CONF_TEXT, offsetof(struct entry, y), false, 0, 0},
    {"b", CONF_BOOL, offsetof(struct entry, b), false, 0, 0},
    {"z", CONF_ANY, offsetof(struct entry, z), false, 0, 0},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

struct seen {
    struct conf_file *file;
    struct entry entry;
    struct buffer values; /* of all settings, one a line */
};

/* Its line is told by a mistake at it. */
static void see(struct seen *seen, const struct conf_node *node)
{
    buffer_printf(&seen->values, "%s %d ", conf_name(node) ? conf_name(node) : "-", conf_kind(node));
    if (conf_put_plain(node, &seen->values))
        buffer_put_text(&seen->values, " plain");
    buffer_put_u8(&seen->values, '\n');
    conf_mistake(seen->file, node, "here");
    for (size_t i = 0; conf_kind(node) >= CONF_IS_GROUP && i < conf_count(node); i++)
        see(seen, conf_at(node, i));
}

static void see_entry(void *ctx, const struct conf_node *node, bool good)
{
    struct seen *seen = ctx;
    const struct entry *e = &seen->entry;

    if (good)
        buffer_printf(&seen->values, "{%u %s %d}\n", e->x, e->y ? e->y : "-", e->b);
    if (good && e->z)
        see(seen, e->z);
    conf_mistake(seen->file, node, "here");
}

static void see_list(struct seen *seen, const struct conf_node *list)
{
    for (size_t i = 0; i < conf_count(list); i++) {
        seen->entry = (struct entry){0};
        see_entry(seen, conf_at(list, i), conf_read(seen->file, conf_at(list, i), keys, &seen->entry));
    }
}

static void see_all(struct seen *seen, bool is_long)
{
    const struct conf_node *root = conf_root(seen->file);
    const struct conf_groups groups = {keys, &seen->entry, sizeof seen->entry, see_entry, seen};

    for (size_t i = 0; i < conf_count(root); i++) {
        const struct conf_node *node = conf_at(root, i);

        buffer_printf(&seen->values, "[%s]\n", conf_name(node));
        conf_mistake(seen->file, node, "here");
        if (conf_kind(node) != CONF_IS_LIST)
            see(seen, node);
        else if (is_long)
            conf_each(seen->file, node, &groups);
        else
            see_list(seen, node);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Number mistakes come with the pieces, and so in another order. */
static void sort_lines(struct buffer *text)
{
    char *lines[256];
    size_t count = 0;
    struct buffer sorted = {0};

    buffer_put_u8(text, '\0');
    for (char *at = strtok((char *)text->data, "\n"); at; at = strtok(NULL, "\n")) {
        cr_assert_lt(count, sizeof lines / sizeof *lines);
        lines[count++] = at;
    }
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&sorted, "%s\n", lines[i]);
    buffer_put_u8(&sorted, '\0');
    buffer_release(text);
    *text = sorted;
}

/* One file for all texts of a test. */
static const char *write_file(const char *text)
{
    static const char *path;
    FILE *out;

    if (!path)
        path = scratch_path("a.cfg");
    out = fopen(path, "w");
    cr_assert(out && fputs(text, out) >= 0 && fclose(out) == 0);
    return path;
}

/* `from` is how it was written. */
static void expect_same(const char *text, const char *from)
{
    const char *path = write_file(text);
    struct mistakes whole_mistakes = {0};
    struct mistakes long_mistakes = {0};
    struct seen whole = {.file = conf_open(path, &whole_mistakes)};
    struct seen cut = {.file = conf_open_long(path, &long_mistakes)};

    if (whole.file)
        see_all(&whole, false);
    if (cut.file)
        see_all(&cut, true);
    sort_lines(&whole_mistakes.text);
    sort_lines(&long_mistakes.text);
    if (whole.file) {
        cr_assert(bytes_equal(buffer_bytes(&whole.values), buffer_bytes(&cut.values)), "%s", from);
        cr_assert_str_eq((char *)long_mistakes.text.data, (char *)whole_mistakes.text.data, "%s", from);
        cr_assert_eq(whole_mistakes.count, long_mistakes.count);
    } else {
        cr_assert(strstr((char *)long_mistakes.text.data, (char *)whole_mistakes.text.data), "%s\n%s\n%s", from,
                  (char *)whole_mistakes.text.data, (char *)long_mistakes.text.data);
    }
    buffer_release(&whole.values);
    buffer_release(&cut.values);
    conf_close(whole.file);
    conf_close(cut.file);
    mistakes_release(&whole_mistakes);
    mistakes_release(&long_mistakes);
}

/* Each % of the text is a filler; with and without them. */
static void expect_same_filled(const char *text)
{
    struct buffer filled = {0};
    struct buffer plain = {0};

    for (const char *at = text; *at; at++) {
        if (*at == '%')
            buffer_put_text(&filled, filler());
        else
            buffer_put_u8(&filled, (uint8_t)*at);
        if (*at != '%')
            buffer_put_u8(&plain, (uint8_t)*at);
    }
    buffer_put_u8(&filled, '\0');
    buffer_put_u8(&plain, '\0');
    expect_same((char *)filled.data, text);
    expect_same((char *)plain.data, text);
    buffer_release(&filled);
    buffer_release(&plain);
}

/* --- good ones --- */

Test(conf_long, good_files_hold_the_same_in_pieces)
{
    static const char *const texts[] = {
        "",
        "a = 1;",
        "a = ();",
        "a = (\n\n);b = ( );",
        "a = (\n{ x = 1; %},\n{ x = 2; %}\n,{ y = \"z\"; %} );\nb = 5;\nc: ( { x = 1; } )\n",
        "a = ( { x = ( { y = 1; %}, { y = 2; %} ); %}, { z = [1, 2]; %}, { z = { u = 1; %}; } );",
        "a = { b = ( { x = 1; %}, { x = 2; %} ); };\nc = ( { x = 1; %}, { x = 2; %} );",
        "a = ( 1, 2, { x = 1; %}, 3, { x = 2; %}, \"}\", { x = 3; %}, ( 1, { y = 2; %} ), { x = 4; } );",
        "a = [ 1, 2 ];\nb = ( { x = 1; %}, { x = 2; } );",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_same_filled(texts[i]);
}

Test(conf_long, brackets_in_strings_and_comments_are_none)
{
    static const char *const texts[] = {
        "a = ( { x = \"}, {\"; %}, { x = \"\\\" }, { \\\\\"; %}, { x = \") ]\"; } );\nb = 1;",
        "a = ( { x = 1; %} # }, {\n, # {\n { x = 2; %}, // }, {\n\n{ x = 3; %} /* }, {\n */, /**/ { x = 4; } );",
        "# (\na = ( // ), (\n{ x = 1; %},/* **/{ x = 2; %},/* / */{ x = 3; } ); // (\nb = ( { x = 5; %}, { x = 6; } )",
        "a = ( { x = \"a\\\nb\n\"; %}, { x = \"c\n\n\" \"d\n\"; %},\n{ x = 3; } );\nb = 1;",
        "a = ( { x*y-z = 1; %}, { **/**/ = 1; %}, { x = 2; } );",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_same_filled(texts[i]);
}

Test(conf_long, an_include_is_read_with_the_file_as_a_whole)
{
    scratch_write("more.cfg", "b = 1;\n");
    scratch_write("items.cfg", "{ x = 5; }\n");
    expect_same_filled("a = ( { x = 1; %}, { x = 2; } );\n@include \"more.cfg\"\n");
    expect_same_filled("a = ( { x = 1; %}, { x = 2; %},\n@include \"items.cfg\"\n);\n");
    expect_same_filled("a = ( { x = 1; %}, { x = 2; } );\n@include \"none.cfg\"\n");
}

/* What is read without libconfig, and what only looks like it. */
Test(conf_long, plain_groups_and_all_that_is_near_them_are_read_alike)
{
    static const char *const groups[] = {
        "{ x = 1; }",
        "{x=1;}",
        "{ x = 999999999; y = \"\"; b = false; }",
        "{\tx\t=\t7\t;\tb = true ; }",
        "{ y = \"a b \xC3\xA4 {};,#/*\"; x = 3; }",
        "{ x = 1000000000; }",
        "{ x = 2147483648; }",
        "{ x = 0; }",
        "{ x = 007; }",
        "{ x = 010; }",
        "{ x = 0x7; }",
        "{ x = 7L; }",
        "{ x = -7; }",
        "{ x = +7; }",
        "{ x = 7.0; }",
        "{ x = 7e1; }",
        "{ x = 7 }",
        "{ x = 7, b = true }",
        "{ x = 7; b = TRUE; }",
        "{ x = 7; b = truely; }",
        "{ x = 7; b = 1; }",
        "{ x = true; }",
        "{ x: 7; y: \"z\"; }",
        "{ x = 7; x = 8; }",
        "{ x = 7; X = 8; }",
        "{ x = 7; xx = 8; }",
        "{ x = 7; y = \"a\" \"b\"; }",
        "{ x = 7; y = \"a\\\"b\"; }",
        "{ x = 7; y = \"a\\\\\"; }",
        "{ x = 7; y = \"a\nb\"; }",
        "{ x = 7; y = \"a; }",
        "{ x = 7; y = a; }",
        "{ x = 7;; }",
        "{ x = 7; # }\n }",
        "{ x = 7; /* } */ }",
        "{ x\n= 7; }",
        "{ }",
        "{ b = true; }",
        "{ x = 7; z = 5; }",
        "{ x = 7; z = { x = 8; }; }",
        "{ x = 7; z = ( { x = 8; } ); }",
        "{ x = 7; } }",
        "{ { x = 7; }",
    };

    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        char text[512];

        snprintf(text, sizeof text, "a = (\n{ x = 1; },\n{ x = 2; y = \"before\"; },\n%s,\n{ x = 4; }\n);\nb = 1;",
                 groups[i]);
        expect_same(text, text);
        snprintf(text, sizeof text, "a = ( %s );", groups[i]);
        expect_same(text, text);
        snprintf(text, sizeof text, "a = ( { y = \"1\"; x = 1; },\r\n%s,\r\n);", groups[i]);
        expect_same(text, text);
    }
}

/* --- mistakes --- */

Test(conf_long, mistakes_have_the_same_line_in_pieces)
{
    static const char *const texts[] = {
        "a = (\n{ x = 1; %},\n{ x = 9999999999; %},\n\n{ y = 4294967297; }\n);\nb = 9999999999;\nc = ( 9999999999 );",
        "a = (\n{ x = 1; %},\n{ x = ; %},\n{ x = 2; } );\n",
        "a = (\n{ x = 1; %},\n{ x = 2; x = 3; %},\n{ x = 2; } );\n",
        "a = (\n{ x = 1; %},\n{ x = 2; %} };\n",
        "a = (\n{ x = 1; %},\n{ x = 2; %} ];\n",
        "a = (\n{ x = 1; %},\n{ x = 2; % ,\n{ x = 3; %},\n{ x = 4; } );\nb = ( { x = 1; %}, { x = 2; } );\n",
        "a = (\n{ x = 1; %},\n{ x = [ 2; %},\n{ x = 3; %} );\nb = 1;\n",
        "a = (\n{ x = 1; %},\n{ x = 2; ) %},\n{ x = 3; %} );\nb = 1;\n",
        "a = (\n{ x = 1; %},\n{ x = \"2; %},\n{ x = 3; %} );\nb = 1;\n",
        "a = (\n{ x = 1; %},\n{ x = 1; %},\n{ x = 3; %}",
        "a = (\n{ x = 1; %},\n{ x = 1; %},\n",
        "a = (\n{ x = 1; %},\n{ x = 1; %},\n/* ",
        "a = (\n{ x = 1; %},\n{ x = 1; %},\n);\nb = 1;",
        "a = (\n{ x = 1; %},\n,\n{ x = 1; %}\n);\nb = 1;",
        "a = (\n,{ x = 1; %},\n{ x = 1; %}\n);\nb = 1;",
        "a = (\n{ x = 1; %}\n{ x = 1; %}\n);\nb = 1;",
        "a = (\n{ x = 1; %} / , { x = 1; %}\n);\nb = 1;",
        "a = (\n{ x = 1; %}, / { x = 1; %}\n);\nb = 1;",
        "a = (\n{ x = 1; %},\n{ x = 1; %}\n)\n( { x = 1; %},\n{ x = 2; } );",
        "a = (\n{ x = 1; %},\n{ x = 1; %}\n);\na = ();",
        "a = (\n{ x = 1; %},\n{ x = 1; %}\n);\n)\nb = ();",
        "( { x = 1; %},\n{ x = 1; %} );",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_same_filled(texts[i]);
}

/* Whatever stands where: from a seed, texts of what libconfig takes and of what it does not. */
Test(conf_long, no_text_shows_that_it_was_cut, .timeout = 120)
{
    static const char *const tokens[] = {"{ x = 1; %}", "{ x = 1; %}", "{ y = \"}\"; %}",
                                         "{",           "}",           "(",
                                         ")",           "[",           "]",
                                         ",",           ",",           ",",
                                         ",",           ";",           "\n",
                                         "# } , {\n",   "/*",          "*/",
                                         "\"",          "\\",          "a =",
                                         "b =",         "5",           "//",
                                         "/",           "x = 2;"};
    uint32_t seed = 7;

    for (int i = 0; i < 300; i++) {
        struct buffer text = {0};

        buffer_put_text(&text, "z = ( { x = 1; %},\n");
        for (int n = 0; n < 3 + i % 8; n++) {
            seed = seed * 1664525 + 1013904223;
            buffer_put_text(&text, tokens[(seed >> 16) % (sizeof tokens / sizeof *tokens)]);
        }
        buffer_put_text(&text, i % 2 ? "\n,{ x = 2; } );\nc = 1;\n" : "\n);\nc = 1;\n");
        buffer_put_u8(&text, '\0');
        expect_same_filled((char *)text.data);
        buffer_release(&text);
    }
}

/* --- the file itself --- */

static void count(void *ctx, const struct conf_node *node, bool good)
{
    (void)node;
    *(int *)ctx += good;
}

Test(conf_long, a_file_that_changes_while_it_is_read_is_refused)
{
    struct mistakes mistakes = {0};
    struct conf_file *f = conf_open_long(scratch_write("a.cfg", "a = ( { x = 1; }, { x = 2; } );\n"), &mistakes);
    struct entry entry;
    int items = 0;

    cr_assert_not_null(f);
    scratch_write("a.cfg", "a = ( { x = 1; }, { x = 2; }, { x = 3; } );\n");
    conf_each(f, conf_find(f, "a"), &(struct conf_groups){keys, &entry, sizeof entry, count, &items});
    cr_expect_eq(items, 0);
    cr_expect_str_eq(scratch_mistakes(&mistakes), "FOLDER/a.cfg: was changed while it was read\n");
    conf_close(f);
    mistakes_release(&mistakes);
}

Test(conf_long, a_nul_byte_is_found_wherever_it_is)
{
    struct mistakes mistakes = {0};
    const char *path = scratch_path("nul.cfg");
    FILE *out = fopen(path, "w");

    fprintf(out, "a = ( { x = 1; %s },\n{ y = \"", filler());
    fputc('\0', out);
    fprintf(out, "\"; } );\n");
    fclose(out);
    cr_expect_null(conf_open_long(path, &mistakes));
    cr_expect_str_eq(scratch_mistakes(&mistakes), "FOLDER/nul.cfg: holds a NUL byte\n");
    mistakes_release(&mistakes);
}

Test(conf_long, what_is_no_file_is_refused)
{
    struct mistakes mistakes = {0};

    cr_expect_null(conf_open_long(scratch_path("none.cfg"), &mistakes));
    cr_expect_null(conf_open_long(scratch_path(""), &mistakes));
    cr_expect_null(conf_open_long("/dev/zero", &mistakes));
    cr_expect_str_eq(scratch_mistakes(&mistakes), "FOLDER/none.cfg: cannot be read: No such file or directory\n"
                                                  "FOLDER: cannot be read: Is a directory\n"
                                                  "/dev/zero: cannot be read: it is no file\n");
    mistakes_release(&mistakes);
}
