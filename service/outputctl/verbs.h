/* The commands of the program; each takes its options and gives an exit status. */
#ifndef OUTPUTCTL_VERBS_H
#define OUTPUTCTL_VERBS_H

#include "options.h"

int set_run(const struct options *options);
int set_all_run(const struct options *options);
int watch_run(const struct options *options);
int render_run(const struct options *options);
int parse_ack_run(const struct options *options);
int profile_run(const struct options *options);
int audit_run(const struct options *options);
int digest_run(const struct options *options);
int health_run(const struct options *options);

/* What `audit verify` does. */
int audit_verify_run(const struct options *options, char *const *paths, int count);

/* The two halves of `profile`. */
int profile_new_run(const struct options *options, const char *name);
int profile_test_run(const struct options *options, char *const *files, int count);

#endif
