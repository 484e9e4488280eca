#include "support/trail.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/client.h"

void trail_read(struct trail *t, const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    ssize_t len;

    cr_assert(in, "%s", path);
    if (!t->lines)
        t->lines = json_array();
    while ((len = getline(&text, &size, in)) > 0) {
        json_t *line = json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL);

        cr_assert(line && text[len - 1] == '\n', "%s: %s", path, text);
        json_array_append_new(t->lines, line);
    }
    free(text);
    fclose(in);
}

void trail_release(struct trail *t)
{
    json_decref(t->lines);
    t->lines = NULL;
}

size_t trail_count(const struct trail *t)
{
    return json_array_size(t->lines);
}

const json_t *trail_line(const struct trail *t, size_t index)
{
    return json_array_get(t->lines, index);
}

static const json_t *member(const json_t *line, const char *key)
{
    const char *dot = strchr(key, '.');
    char outer[64];

    if (!dot)
        return json_object_get(line, key);
    snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
    return json_object_get(json_object_get(line, outer), dot + 1);
}

const char *trail_text(const json_t *line, const char *key)
{
    const char *text = json_string_value(member(line, key));

    return text ? text : "";
}

json_int_t trail_number(const json_t *line, const char *key)
{
    const json_t *value = member(line, key);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

int trail_find(const struct trail *t, const char *key, const char *text, const json_t **line)
{
    int count = 0;

    for (size_t i = 0; i < trail_count(t); i++) {
        if (strcmp(trail_text(trail_line(t, i), key), text) != 0)
            continue;
        count++;
        if (line)
            *line = trail_line(t, i);
    }
    return count;
}

void trail_verify(const char *arguments, int status, const char *says)
{
    char line[1024];
    struct client *c;

    snprintf(line, sizeof line, "audit verify %s", arguments);
    c = client_run(line);
    cr_assert_eq(c->status, status, "%s: %d\n%s%s", line, c->status, c->out.text, c->err.text);
    cr_assert(strstr(c->out.text, says) || strstr(c->err.text, says), "%s\n%s%s", line, c->out.text, c->err.text);
    client_free(c);
}
