#include "core/template.h"

#include <criterion/criterion.h>

#include "core/topic.h"
#include "support/lots.h"

TestSuite(template_topic, .timeout = 60);

static struct template *topic(const char *text)
{
    const char *error = NULL;
    struct template *t = template_compile(text, TEMPLATE_TOPIC, NULL, &error);

    cr_assert(t, "%s: %s", text, error);
    return t;
}

Test(template_topic, renders_what_belongs_to_the_tracker)
{
    const struct template_input input = {
        .tracker_id = 265489,
        .device_id = bytes_of_text("356307042441013"),
        .vars = "site\0north\0",
    };
    struct template *t = topic("{site}/trk-{device_id}/{tracker_id}/x");
    struct buffer out = {0};

    cr_assert_eq(template_render(t, &input, &out), 0);
    cr_expect(bytes_equal_text(buffer_bytes(&out), "north/trk-356307042441013/265489/x"));
    buffer_release(&out);
    template_free(t);
}

Test(template_topic, filter_has_a_plus_for_each_level_with_a_placeholder)
{
    static const struct {
        const char *text;
        const char *filter;
    } cases[] = {
        {"tracker/{tracker_id}/output/ack", "tracker/+/output/ack"},
        {"plain/topic", "plain/topic"},
        {"{device_id}", "+"},
        {"trk-{device_id}", "+"},
        {"a/trk-{device_id}/b", "a/+/b"},
        {"{site}/{tracker_id}/{device_id}", "+/+/+"},
        {"/{tracker_id}", "/+"},
        {"{tracker_id}/", "+/"},
        {"a/b-{{{device_id}/c", "a/+/c"},
        {"a{{b}}/c", "a{b}/c"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template *t = topic(cases[i].text);
        struct buffer out = {0};

        template_filter(t, NULL, &out);
        cr_expect(bytes_equal_text(buffer_bytes(&out), cases[i].filter), "%s gave %.*s", cases[i].text, (int)out.len,
                  (const char *)out.data);
        cr_expect(topic_filter_is_valid(buffer_bytes(&out)));
        buffer_release(&out);
        template_free(t);
    }
}

static bool is(struct bytes captured, const char *expected)
{
    return expected ? captured.data && bytes_equal_text(captured, expected) : captured.data == NULL;
}

Test(template_topic, match_takes_a_topic_apart)
{
    static const struct {
        const char *text;
        const char *topic;
        bool matches;
        const char *tracker_id;
        const char *device_id;
    } cases[] = {
        {"tracker/{tracker_id}/output/ack", "tracker/265489/output/ack", true, "265489", NULL},
        {"tracker/{tracker_id}/output/ack", "tracker//output/ack", true, "", NULL},
        {"tracker/{tracker_id}/output/ack", "tracker/x y/output/ack", true, "x y", NULL},
        {"tracker/{tracker_id}/output/ack", "tracker/1/2/output/ack", false, NULL, NULL},
        {"tracker/{tracker_id}/output/ack", "tracker/265489/output/ackx", false, NULL, NULL},
        {"tracker/{tracker_id}/output/ack", "tracker/265489/output/ac", false, NULL, NULL},
        {"tracker/{tracker_id}/output/ack", "tracker/265489", false, NULL, NULL},
        {"tracker/{tracker_id}/output/ack", "racker/265489/output/ack", false, NULL, NULL},
        {"d/{device_id}", "d/IMEI", true, NULL, "IMEI"},
        {"d/{device_id}", "d/", true, NULL, ""},
        {"d/{device_id}", "d/a/b", false, NULL, NULL},
        {"{device_id}/{tracker_id}", "IMEI/7", true, "7", "IMEI"},
        {"trk-{device_id}/x", "trk-9/x", true, NULL, "9"},
        {"trk-{device_id}/x", "trk9/x", false, NULL, NULL},
        {"{site}/{tracker_id}", "north/7", true, "7", NULL},
        {"plain", "plain", true, NULL, NULL},
        {"plain", "plain/", false, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template *t = topic(cases[i].text);
        struct template_capture capture;
        bool matches = template_match(t, bytes_of_text(cases[i].topic), &capture);

        cr_expect_eq(matches, cases[i].matches, "%s and %s", cases[i].text, cases[i].topic);
        if (matches)
            cr_expect(is(capture.tracker_id, cases[i].tracker_id) && is(capture.device_id, cases[i].device_id),
                      "%s and %s", cases[i].text, cases[i].topic);
        template_free(t);
    }
}

Test(template_topic, equal_is_what_has_the_same_parts)
{
    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } cases[] = {
        {"tracker/{tracker_id}/ack", "tracker/{tracker_id}/ack", true},
        {"tracker/{tracker_id}/ack", "tracker/{device_id}/ack", false},
        {"tracker/{tracker_id}/ack", "tracker/{tracker_id}/nak", false},
        {"tracker/{tracker_id}/ack", "tracker/{tracker_id}", false},
        {"{a}/x", "{a}/x", true},
        {"{a}/x", "{b}/x", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct template *a = topic(cases[i].a);
        struct template *b = topic(cases[i].b);

        cr_expect_eq(template_equal(a, b), cases[i].equal, "%s and %s", cases[i].a, cases[i].b);
        cr_expect_eq(template_equal(b, a), cases[i].equal, "%s and %s", cases[i].b, cases[i].a);
        template_free(a);
        template_free(b);
    }
}

/* --- may match --- */

static bool may_match(const char *text, struct bytes name)
{
    struct template *t = topic(text);
    bool may = template_may_match(t, name);

    template_free(t);
    return may;
}

Test(template_topic, may_match_whatever_a_device_id_or_var_holds)
{
    cr_expect(may_match("tracker/{tracker_id}/output/command", bytes_of_text("tracker/1/output/command")));
    cr_expect(may_match("tracker/{tracker_id}/output/command", bytes_of_text("tracker/x/output/command")));
    cr_expect_not(may_match("tracker/{tracker_id}/output/command", bytes_of_text("tracker/1/2/output/command")),
                  "a number has no slash");
    cr_expect(may_match("d/{device_id}/c", bytes_of_text("d/a/b/c")), "a device_id may have one");
    cr_expect(may_match("d/{device_id}/c", bytes_of_text("d/c/c/c")));
    cr_expect(may_match("{site}/c", bytes_of_text("a/b/c")));
    cr_expect_not(may_match("d/{device_id}/c", bytes_of_text("d/c")));
    cr_expect_not(may_match("d/{device_id}/c", bytes_of_text("e/1/c")));
    cr_expect_not(may_match("d/{device_id}/c", bytes_of_text("d/1/cc")));
    cr_expect(may_match("{device_id}", bytes_of_text("anything/at/all")));
    cr_expect(may_match("plain", bytes_of_text("plain")));
    cr_expect_not(may_match("plain", bytes_of_text("plai")));
    cr_expect_not(may_match("plain", bytes_of_text("plainer")));
}

Test(template_topic, may_match_no_topic_beyond_the_longest)
{
    char name[TOPIC_MAX + 1];

    memset(name, 'a', sizeof name);
    cr_expect(may_match("{device_id}", bytes_of(name, TOPIC_MAX)));
    cr_expect_not(may_match("{device_id}", bytes_of(name, TOPIC_MAX + 1)));
}

/* A template as its levels: a literal, then perhaps a placeholder. */
struct level {
    char literal[4];
    const char *placeholder; /* "" : none */
};

struct shape {
    struct level levels[4];
    unsigned count;
};

static const char *const placeholders[] = {"", "{tracker_id}", "{device_id}", "{v}"};

static void draw_text(struct lots *lots, const char *alphabet, unsigned longest, char *out)
{
    unsigned len = lots_below(lots, longest + 1);

    for (unsigned i = 0; i < len; i++)
        *out++ = alphabet[lots_below(lots, (unsigned)strlen(alphabet))];
    *out = '\0';
}

static void draw_shape(struct lots *lots, struct shape *shape, char *text)
{
    shape->count = 1 + lots_below(lots, 4);
    *text = '\0';
    for (unsigned i = 0; i < shape->count; i++) {
        struct level *level = &shape->levels[i];

        draw_text(lots, "ab", 2, level->literal);
        level->placeholder = placeholders[lots_below(lots, 4)];
        strcat(strcat(strcat(text, i ? "/" : ""), level->literal), level->placeholder);
    }
}

static bool rest_fits(const struct shape *shape, unsigned level, const char *name);

/* Behind the literal of this level: tries every length of its placeholder. */
static bool placeholder_fits(const struct shape *shape, unsigned level, const char *name)
{
    const char *placeholder = shape->levels[level].placeholder;

    for (;; name++) {
        if (level + 1 == shape->count ? *name == '\0' : *name == '/' && rest_fits(shape, level + 1, name + 1))
            return true;
        if (*name == '\0' || *placeholder == '\0' || (*name == '/' && strcmp(placeholder, "{tracker_id}") == 0))
            return false;
    }
}

static bool rest_fits(const struct shape *shape, unsigned level, const char *name)
{
    size_t len = strlen(shape->levels[level].literal);

    return strncmp(name, shape->levels[level].literal, len) == 0 && placeholder_fits(shape, level, name + len);
}

Test(template_topic, may_match_agrees_with_trying_everything)
{
    struct lots lots = {4711};
    size_t fitting = 0;
    size_t shapes = 0;

    while (shapes < 20000) {
        struct shape shape;
        char text[128];
        struct template *t;

        draw_shape(&lots, &shape, text);
        if (*text == '\0')
            continue;
        shapes++;
        t = topic(text);
        for (int i = 0; i < 20; i++) {
            char name[16];
            bool fits;

            draw_text(&lots, "aab//", 10, name);
            fits = rest_fits(&shape, 0, name);
            fitting += fits;
            cr_assert_eq(template_may_match(t, bytes_of_text(name)), fits, "%s and '%s'", text, name);
        }
        template_free(t);
    }
    cr_assert(fitting > 20000 && fitting < 380000, "%zu of 400000 fit: both answers are to be seen often", fitting);
}

/* A matcher that tries one way after the other would need longer than the world exists. */
Test(template_topic, may_match_is_quick_with_hostile_topics)
{
    char text[32 * 14] = "a";
    char name[TOPIC_MAX];
    struct template *t;

    for (int i = 0; i < 31; i++)
        strcat(text, "/{device_id}/a");
    t = topic(text);
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '/' : 'a';
    name[sizeof name - 1] = 'b';
    for (int i = 0; i < 500; i++)
        cr_assert_not(template_may_match(t, bytes_of(name, sizeof name)));
    name[sizeof name - 1] = '/';
    cr_assert(template_may_match(t, bytes_of(name, sizeof name - 1)));
    template_free(t);
}
