#include "edge/registry_changes.h"

#include <stdlib.h>

#include "base/array.h"

/* --- notifications --- */

static const char *const names[REGISTRY_TABLES] = {"user ", "session ", "tracker "};

static void add(struct registry_changes *c, enum registry_table table, const struct digest *key)
{
    if (c->count == c->max) {
        registry_changes_clear(c);
        c->all = true;
        return;
    }
    c->list = array_grown(c->list, c->count, sizeof *c->list);
    c->list[c->count++] = (struct registry_change){.table = table, .key = *key};
}

/* Up to a comma, which ends it in *at, or to the end. */
static bool note_one(struct registry_changes *c, enum registry_table table, const char **at)
{
    char item[2 * DIGEST_SIZE + 1];
    size_t len = strcspn(*at, ",");
    struct digest key;

    if (len >= sizeof item)
        return false;
    memcpy(item, *at, len);
    item[len] = '\0';
    if (!registry_read_key(table, item, &key))
        return false;
    add(c, table, &key);
    *at += len;
    return true;
}

static bool note_list(struct registry_changes *c, enum registry_table table, const char *at)
{
    while (!c->all) {
        if (!note_one(c, table, &at))
            return false;
        if (!*at)
            return true;
        at++;
    }
    return true;
}

void registry_changes_note(struct registry_changes *c, const char *payload)
{
    for (int table = 0; table < REGISTRY_TABLES && !c->all; table++) {
        size_t len = strlen(names[table]);

        if (strncmp(payload, names[table], len) == 0 && note_list(c, (enum registry_table)table, payload + len))
            return;
    }
    registry_changes_clear(c);
    c->all = true;
}

/* --- the list --- */

static int by_key(const void *a, const void *b)
{
    const struct registry_change *left = a;
    const struct registry_change *right = b;

    if (left->table != right->table)
        return left->table < right->table ? -1 : 1;
    return memcmp(&left->key, &right->key, sizeof left->key);
}

void registry_changes_sort(struct registry_changes *c)
{
    size_t kept = 0;

    if (c->count == 0)
        return;
    qsort(c->list, c->count, sizeof *c->list, by_key);
    for (size_t i = 1; i < c->count; i++) {
        if (by_key(&c->list[kept], &c->list[i]) != 0)
            c->list[++kept] = c->list[i];
    }
    c->count = kept + 1;
}

struct registry_change *registry_changes_find(const struct registry_changes *c, enum registry_table table,
                                              const struct digest *key)
{
    const struct registry_change wanted = {.table = table, .key = *key};

    return c->count ? bsearch(&wanted, c->list, c->count, sizeof *c->list, by_key) : NULL;
}

void registry_changes_clear(struct registry_changes *c)
{
    free(c->list);
    *c = (struct registry_changes){.max = c->max};
}
