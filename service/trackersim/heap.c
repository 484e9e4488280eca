#include "heap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

static bool sooner(const struct event *a, const struct event *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static int make_room(struct heap *heap)
{
    size_t size = heap->size ? 2 * heap->size : 64;
    struct event *events;

    if (heap->count < heap->size)
        return 0;
    events = realloc(heap->events, size * sizeof(*events));
    if (!events)
        return -ENOMEM;
    heap->events = events;
    heap->size = size;
    return 0;
}

int heap_add(struct heap *heap, uint64_t due_ms, void (*happen)(struct sim *sim, void *what), void *what)
{
    struct event event = {.due_ms = due_ms, .order = heap->added, .happen = happen, .what = what};
    int r = make_room(heap);
    size_t at;

    if (r < 0)
        return r;
    heap->added++;
    for (at = heap->count++; at > 0; at = (at - 1) / 2) {
        struct event *parent = &heap->events[(at - 1) / 2];

        if (!sooner(&event, parent))
            break;
        heap->events[at] = *parent;
    }
    heap->events[at] = event;
    return 0;
}

const struct event *heap_next(const struct heap *heap)
{
    return heap->count ? &heap->events[0] : NULL;
}

/* Of the two children of `at`, the one that comes sooner; `count` where it has none. */
static size_t sooner_child(const struct heap *heap, size_t at)
{
    size_t child = 2 * at + 1;

    if (child >= heap->count)
        return heap->count;
    if (child + 1 < heap->count && sooner(&heap->events[child + 1], &heap->events[child]))
        child++;
    return child;
}

struct event heap_take(struct heap *heap)
{
    struct event taken, last;
    size_t at = 0;
    size_t child;

    CHECK(heap->count > 0);
    taken = heap->events[0];
    last = heap->events[--heap->count];
    while ((child = sooner_child(heap, at)) < heap->count && sooner(&heap->events[child], &last)) {
        heap->events[at] = heap->events[child];
        at = child;
    }
    heap->events[at] = last;
    return taken;
}

void heap_release(struct heap *heap)
{
    free(heap->events);
    *heap = (struct heap){0};
}
