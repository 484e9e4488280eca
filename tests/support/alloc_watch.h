/* Counts what this binary allocates, by standing in for malloc, calloc and realloc. */
#ifndef SUPPORT_ALLOC_WATCH_H
#define SUPPORT_ALLOC_WATCH_H

/* Calls so far, but for those of jansson since alloc_watch_without_jansson; always 0 under AddressSanitizer, which
 * stands in for them itself. */
unsigned long alloc_watch_count(void);
void alloc_watch_without_jansson(void);

#endif
