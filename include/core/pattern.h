/* A regular expression over bytes that devices control: PCRE2, compiled with JIT, with a limit on backtracking. */
#ifndef CORE_PATTERN_H
#define CORE_PATTERN_H

#include "core/checksum.h"

struct pattern;

/* The groups by which a pattern says what it found. That of a checksum has the checksum's name. */
enum pattern_group { GROUP_KEY, GROUP_OUTPUT, GROUP_ON, GROUP_OFF, GROUP_CHECKSUM, GROUP_COUNT };

/* NULL, and *error says what is wrong, in static memory. */
struct pattern *pattern_compile(const char *text, const char **error);
void pattern_free(struct pattern *p); /* takes NULL */

bool pattern_has(const struct pattern *p, enum pattern_group group);

/* Which checksum its group has the name of; CHECKSUM_COUNT: it has none. */
enum checksum pattern_checksum(const struct pattern *p);

struct pattern_match {
    struct bytes groups[GROUP_COUNT]; /* data NULL: took no part in it */
    size_t next;                      /* where the search for another match begins */
};

/* Searches the bytes from an offset on. A pattern that runs into its limit does not match. */
bool pattern_match(const struct pattern *p, struct bytes subject, size_t from, struct pattern_match *match);

#endif
