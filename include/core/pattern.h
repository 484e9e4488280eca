/* A regular expression over bytes that devices control: PCRE2, compiled with JIT, with a limit on backtracking. */
#ifndef CORE_PATTERN_H
#define CORE_PATTERN_H

#include "base/bytes.h"

struct pattern;

/* NULL, and *error says what is wrong, in static memory. */
struct pattern *pattern_compile(const char *text, const char **error);
void pattern_free(struct pattern *p); /* takes NULL */

bool pattern_has_key(const struct pattern *p);

/* True when it matches somewhere in the bytes; *key is what the group named `key` captured, data NULL where there is
 * none. A pattern that runs into its limit does not match. */
bool pattern_match(const struct pattern *p, struct bytes subject, struct bytes *key);

#endif
