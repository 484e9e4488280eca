#include "edge/conf_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "scratch.h"

TestSuite(conf_file, .init = scratch_open, .fini = scratch_close);

struct sample {
    const char *text;
    uint32_t number;
    bool yes;
    double real;
    struct conf_texts texts;
    struct conf_ints ints;
    const struct conf_node *group;
    const struct conf_node *list;
};

#define KEY(name_, type_, min_, max_)                                    \
    {                                                                    \
#name_, type_, offsetof(struct sample, name_), false, min_, max_ \
    }

static const struct conf_key keys[] = {
    KEY(text, CONF_TEXT, 0, 0),        KEY(number, CONF_UINT, 1, UINT32_MAX),
    KEY(yes, CONF_BOOL, 0, 0),         KEY(real, CONF_NUMBER, 0, 9),
    KEY(texts, CONF_TEXTS, 0, 0),      KEY(ints, CONF_INTS, 1, 64),
    KEY(group, CONF_GROUP, 0, 0),      KEY(list, CONF_LIST, 0, 0),
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static const struct conf_key required_keys[] = {
    {"text", CONF_TEXT, offsetof(struct sample, text), true, 0, 0},
    {"number", CONF_UINT, offsetof(struct sample, number), true, 0, 9},
    {NULL, CONF_TEXT, 0, false, 0, 0},
};

static void sample_release(struct sample *sample)
{
    free(sample->texts.items);
    free(sample->ints.items);
}

/* The mistakes of a file named "a.cfg" with this text, read by these keys. */
static void expect_mistakes(const char *text, const struct conf_key *by, const char *expected)
{
    struct mistakes mistakes = {0};
    struct sample sample = {0};
    struct conf_file *f = conf_open(scratch_write("a.cfg", text), &mistakes);

    if (f)
        cr_expect_eq(conf_read(f, conf_root(f), by, &sample), strstr(expected, "32 bits") || !*expected, "%s", text);
    cr_expect_str_eq(scratch_mistakes(&mistakes), expected, "%s\n%s", text, scratch_mistakes(&mistakes));
    cr_expect_eq(mistakes.count > 0, *expected != '\0');
    sample_release(&sample);
    conf_close(f);
    mistakes_release(&mistakes);
}

Test(conf_file, every_type_is_read)
{
    struct mistakes mistakes = {0};
    struct sample sample = {0};
    struct conf_file *f = conf_open(scratch_write("a.cfg", "text = \"x\";\nnumber = 17;\nyes = true;\nreal = 1.5;\n"
                                                           "texts = [\"a\", \"b\"];\nints = [1, 64];\n"
                                                           "group: { inside = 5; };\nlist = ( 1, \"two\" );\n"),
                                    &mistakes);

    cr_assert_not_null(f);
    cr_assert(conf_read(f, conf_root(f), keys, &sample), "%s", scratch_mistakes(&mistakes));
    cr_expect_str_eq(sample.text, "x");
    cr_expect_eq(sample.number, 17);
    cr_expect(sample.yes);
    cr_expect_eq(sample.real, 1.5);
    cr_assert_eq(sample.texts.count, 2);
    cr_expect_str_eq(sample.texts.items[1], "b");
    cr_assert_eq(sample.ints.count, 2);
    cr_expect_eq(sample.ints.items[1], 64);
    cr_expect_eq(conf_count(sample.group), 1);
    cr_expect_str_eq(conf_name(conf_at(sample.group, 0)), "inside");
    cr_expect_eq(conf_count(sample.list), 2);
    cr_expect_str_eq(conf_text(conf_at(sample.list, 1)), "two");
    cr_expect_null(conf_text(conf_at(sample.list, 0)));
    cr_expect_eq(conf_find(f, "group.inside"), conf_at(sample.group, 0));
    cr_expect_null(conf_find(f, "group.outside"));
    sample_release(&sample);
    conf_close(f);
}

Test(conf_file, what_is_not_there_stays_as_it_is)
{
    struct mistakes mistakes = {0};
    struct sample sample = {.text = "before", .number = 5, .yes = true};
    struct conf_file *f = conf_open(scratch_write("a.cfg", ""), &mistakes);

    cr_assert_not_null(f, "an empty file is a good one");
    cr_assert(conf_read(f, conf_root(f), keys, &sample));
    cr_assert(conf_read(f, NULL, required_keys, &sample), "without a group nothing is required");
    cr_expect_str_eq(sample.text, "before");
    cr_expect_eq(sample.number, 5);
    cr_expect(sample.yes);
    conf_close(f);
}

Test(conf_file, one_text_will_do_for_a_list_of_them_and_a_list_may_be_empty)
{
    struct mistakes mistakes = {0};
    struct sample sample = {0};
    struct conf_file *f = conf_open(scratch_write("a.cfg", "texts = \"a\"; ints = []; list = ();"), &mistakes);

    cr_assert(conf_read(f, conf_root(f), keys, &sample), "%s", scratch_mistakes(&mistakes));
    cr_expect_eq(sample.texts.count, 1);
    cr_expect_str_eq(sample.texts.items[0], "a");
    cr_expect_eq(sample.ints.count, 0);
    cr_expect_not_null(sample.ints.items, "an empty list is there");
    cr_expect_not_null(sample.list);
    sample_release(&sample);
    conf_close(f);
}

Test(conf_file, every_mistake_is_told_with_its_line)
{
    expect_mistakes("text = \"x\";\n\nnumbr = 17;\n", keys, "FOLDER/a.cfg:3: unknown key numbr\n");
    expect_mistakes("# first\n/* second\n third */ Text = \"x\";", keys, "FOLDER/a.cfg:3: unknown key Text\n");
    expect_mistakes("a = 1;\nb = 2;\n", keys, "FOLDER/a.cfg:1: unknown key a\nFOLDER/a.cfg:2: unknown key b\n");
    expect_mistakes("number = 3;", required_keys, "FOLDER/a.cfg:1: text is missing\n");
}

Test(conf_file, a_missing_member_is_told_at_the_line_of_its_group)
{
    struct mistakes mistakes = {0};
    struct sample sample = {0};
    struct conf_file *f = conf_open(scratch_write("a.cfg", "\n\ngroup:\n{\n  text = \"x\";\n};"), &mistakes);

    cr_assert_not(conf_read(f, conf_find(f, "group"), required_keys, &sample));
    cr_expect_str_eq(scratch_mistakes(&mistakes), "FOLDER/a.cfg:3: number is missing\n");
    cr_assert_not(conf_read(f, conf_find(f, "group.text"), required_keys, &sample));
    cr_expect_not_null(strstr(scratch_mistakes(&mistakes), "FOLDER/a.cfg:5: must be a group"));
    conf_close(f);
    mistakes_release(&mistakes);
}

Test(conf_file, wrong_types_and_ranges_are_mistakes)
{
    static const struct {
        const char *key;
        const char *value;
        const char *error; /* NULL: it is good */
    } values[] = {
        {"text", "17", "must be a text in quotes"},
        {"text", "true", "must be a text in quotes"},
        {"text", "[\"x\"]", "must be a text in quotes"},
        {"number", "\"17\"", "must be a whole number from 1 to 4294967295"},
        {"number", "1.0", "must be a whole number from 1 to 4294967295"},
        {"number", "0", "must be a whole number from 1 to 4294967295"},
        {"number", "-1", "must be a whole number from 1 to 4294967295"},
        {"number", "1", NULL},
        {"number", "2147483647", NULL},
        {"number", "4294967295L", NULL},
        {"number", "4294967296L", "must be a whole number from 1 to 4294967295"},
        {"number", "0x11", NULL},
        {"number", "true", "must be a whole number from 1 to 4294967295"},
        {"yes", "1", "must be true or false"},
        {"yes", "\"true\"", "must be true or false"},
        {"yes", "TRUE", NULL},
        {"real", "\"1\"", "must be a number from 0 to 9"},
        {"real", "-0.1", "must be a number from 0 to 9"},
        {"real", "9.1", "must be a number from 0 to 9"},
        {"real", "1e400", "must be a number from 0 to 9"},
        {"real", "9", NULL},
        {"real", "0.0", NULL},
        {"texts", "17", "must be a list of texts in quotes"},
        {"texts", "[17]", "must be a list of texts in quotes"},
        {"texts", "(\"a\", 17)", "must be a list of texts in quotes"},
        {"texts", "(\"a\", \"b\")", NULL},
        {"ints", "17", "must be a list of whole numbers from 1 to 64"},
        {"ints", "[0]", "must be a list of whole numbers from 1 to 64"},
        {"ints", "[64, 65]", "must be a list of whole numbers from 1 to 64"},
        {"ints", "[1.5]", "must be a list of whole numbers from 1 to 64"},
        {"ints", "[\"1\"]", "must be a list of whole numbers from 1 to 64"},
        {"ints", "(1, \"2\")", "must be a list of whole numbers from 1 to 64"},
        {"group", "17", "must be a group: { … }"},
        {"group", "( )", "must be a group: { … }"},
        {"group", "{ }", NULL},
        {"list", "17", "must be a list: ( { … }, … )"},
        {"list", "{ }", "must be a list: ( { … }, … )"},
        {"list", "[ 1 ]", "must be a list: ( { … }, … )"},
        {"list", "[ ]", NULL},
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[96];
        char expected[128] = "";

        snprintf(text, sizeof text, "\n%s = %s;\n", values[i].key, values[i].value);
        if (values[i].error)
            snprintf(expected, sizeof expected, "FOLDER/a.cfg:2: %s %s\n", values[i].key, values[i].error);
        expect_mistakes(text, keys, expected);
    }
}

/* libconfig takes 4294967297 for 1, and 9999999999 for 1410065407, without a word. */
Test(conf_file, a_number_that_libconfig_would_wrap_is_a_mistake)
{
    static const char *const wrapped[] = {
        "9999999999", "4294967297", "2147483648", "0xFFFFFFFF", "0x80000000", "99999999999999999999999", "-9999999999"};

    for (size_t i = 0; i < sizeof wrapped / sizeof *wrapped; i++) {
        char text[128];

        snprintf(text, sizeof text, "text = \"x\";\n\nlist = (\n  1, %s );\n", wrapped[i]);
        expect_mistakes(text, keys, "FOLDER/a.cfg:4: this number is beyond 32 bits\n");
    }
    expect_mistakes("list = (9999999999,\n\n9999999999);", keys,
                    "FOLDER/a.cfg:1: this number is beyond 32 bits\nFOLDER/a.cfg:3: this number is beyond 32 bits\n");
}

Test(conf_file, digits_that_are_no_whole_number_are_left_alone)
{
    static const char *const texts[] = {
        "text = \"9999999999\";",
        "text = \"a \\\" 9999999999\";",
        "text = \"a \\\\\"; # 9999999999",
        "text = \"x\"; // 9999999999",
        "/* 9999999999\n 9999999999 */ text = \"x\";",
        "list = (9999999999.5, 9999999999e0, 9999999999L, -9999999999L, 2147483647, 0x7FFFFFFF);",
        "group: { a9999999999 = 1; b-9999999999 = 2; };",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_mistakes(texts[i], keys, "");
}

Test(conf_file, an_included_file_is_read_and_its_mistakes_are_its_own)
{
    scratch_write("more.cfg", "number = 5;\n\nwrong = 1;\n");
    expect_mistakes("text = \"x\";\n@include \"more.cfg\"\n", keys, "more.cfg:3: unknown key wrong\n");
    scratch_write("more.cfg", "number = 5;\n");
    expect_mistakes("text = \"x\";\n@include \"more.cfg\"\n", required_keys, "");
}

Test(conf_file, a_number_that_would_wrap_is_found_in_an_included_file_too)
{
    scratch_write("more.cfg", "\nnumber = 4294967297;\n");
    scratch_write("group.cfg", "list = ( { a = 1; }, \n { b = 9999999999; } );\n");
    expect_mistakes("@include \"more.cfg\"\ngroup: {\n@include \"group.cfg\"\n};", keys,
                    "more.cfg:2: this number is beyond 32 bits\n"
                    "group.cfg:2: this number is beyond 32 bits\n");
}

Test(conf_file, a_file_that_cannot_be_parsed_is_named_with_its_line)
{
    expect_mistakes("text = \"x\";\nyes = ;\n", keys, "FOLDER/a.cfg:2: syntax error\n");
    expect_mistakes("text = \"x\";\ntext = \"y\";\n", keys, "FOLDER/a.cfg:2: duplicate setting name\n");
    expect_mistakes("\n@include \"none.cfg\"\n", keys, "FOLDER/a.cfg:2: cannot open include file\n");
    scratch_write("bad.cfg", "a = 1;\nb = ;\n");
    expect_mistakes("\n\n\n@include \"bad.cfg\"\n", keys, "bad.cfg:2: syntax error\n");
}

static void expect_unreadable(const char *path, const char *expected)
{
    struct mistakes mistakes = {0};

    cr_expect_null(conf_open(path, &mistakes));
    cr_expect_str_eq(scratch_mistakes(&mistakes), expected);
    mistakes_release(&mistakes);
}

Test(conf_file, a_file_that_cannot_be_read_is_named)
{
    const char *nul = scratch_path("nul.cfg");
    FILE *out = fopen(nul, "w");

    fwrite("text = \"x\";\0number = 1;", 1, 23, out);
    fclose(out);
    expect_unreadable(nul, "FOLDER/nul.cfg: holds a NUL byte\n");
    expect_unreadable(scratch_path("none.cfg"), "FOLDER/none.cfg: cannot be read: No such file or directory\n");
    expect_unreadable(scratch_path(""), "FOLDER: cannot be read: Is a directory\n");
}

Test(conf_file, a_text_alone_is_read_as_a_value)
{
    static const struct {
        size_t key;
        const char *text;
        bool good;
    } values[] = {
        {0, "anything", true},    {0, "", true},      {1, "1", true},     {1, "4294967295", true},
        {1, "4294967296", false}, {1, "0", false},    {1, "-1", false},   {1, "99999999999999999999", false},
        {1, "", false},           {1, "5x", false},   {1, "0x5", false},  {1, "1.0", false},
        {2, "true", true},        {2, "false", true}, {2, "True", false}, {2, "1", false},
        {2, "", false},           {3, "8.5", true},   {3, "9", true},     {3, "9.5", false},
        {3, "-1", false},         {3, "nan", false},  {3, "inf", false},  {3, "", false},
        {3, "5x", false},         {4, "one", true},   {4, "", true},
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct conf_key *key = &keys[values[i].key];
        struct sample sample = {0};
        const char *error = conf_read_value(values[i].text, key, (char *)&sample + key->offset);

        cr_expect_eq(error == NULL, values[i].good, "%s = \"%s\": %s", key->name, values[i].text,
                     error ? error : "good");
        sample_release(&sample);
    }
}

Test(conf_file, paths_are_seen_from_the_folder_of_their_file)
{
    static const struct {
        const char *from;
        const char *path;
        const char *resolved;
    } paths[] = {
        {"conf/outputd.cfg", "registry.cfg", "conf/registry.cfg"},
        {"/etc/outputd/outputd.cfg", "profiles", "/etc/outputd/profiles"},
        {"/etc/outputd/outputd.cfg", "/var/lib/outputd", "/var/lib/outputd"},
        {"outputd.cfg", "registry.cfg", "registry.cfg"},
        {"./outputd.cfg", "../x", "./../x"},
        {"/outputd.cfg", "x", "/x"},
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *resolved = conf_resolve(paths[i].from, paths[i].path);

        cr_expect_str_eq(resolved, paths[i].resolved);
        free(resolved);
    }
}
