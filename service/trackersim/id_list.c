#include "id_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One id at *text, which is moved behind it. 0 where there is none: no tracker has that id. */
static int32_t read_id(const char **text)
{
    int64_t id = 0;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        id = id * 10 + (**text - '0');
        if (id > INT32_MAX)
            return 0;
    }
    return (int32_t)id;
}

/* One item, "7" or "7-9", at *text, which is moved to the next item, or to the end. */
static int read_range(const char **text, int32_t *first, int32_t *last)
{
    *first = *last = read_id(text);
    if (**text == '-') {
        (*text)++;
        *last = read_id(text);
    }
    if (*first == 0 || *last < *first)
        return -EINVAL;
    if (**text == ',')
        return *++*text ? 0 : -EINVAL;
    return **text ? -EINVAL : 0;
}

/* How many ids the text names. */
static int count_ids(const char *text, size_t *count)
{
    int32_t first, last;
    int64_t total = 0;

    if (!*text)
        return -EINVAL;
    while (*text) {
        if (read_range(&text, &first, &last) < 0)
            return -EINVAL;
        total += (int64_t)last - first + 1;
        if (total > ID_LIST_MAX)
            return -E2BIG;
    }
    *count = (size_t)total;
    return 0;
}

static int by_id(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

    return (x > y) - (x < y);
}

static void sort_and_unique(struct id_list *list)
{
    size_t kept = 0;

    qsort(list->ids, list->count, sizeof(*list->ids), by_id);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || list->ids[kept - 1] != list->ids[i])
            list->ids[kept++] = list->ids[i];
    list->count = kept;
}

int id_list_add(struct id_list *list, const char *text)
{
    int32_t first, last;
    size_t more;
    int32_t *ids;
    int r = count_ids(text, &more);

    if (r < 0)
        return r;
    if (list->count + more > ID_LIST_MAX)
        return -E2BIG;
    ids = realloc(list->ids, (list->count + more) * sizeof(*ids));
    if (!ids)
        return -ENOMEM;
    list->ids = ids;
    while (*text) {
        (void)read_range(&text, &first, &last); /* count_ids has read it before */
        for (int64_t id = first; id <= last; id++)
            list->ids[list->count++] = (int32_t)id;
    }
    sort_and_unique(list);
    return 0;
}

bool id_list_has(const struct id_list *list, int32_t id)
{
    return list->count && bsearch(&id, list->ids, list->count, sizeof(id), by_id);
}

void id_list_release(struct id_list *list)
{
    free(list->ids);
    *list = (struct id_list){0};
}
