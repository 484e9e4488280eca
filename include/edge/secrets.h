/* Files with secrets in them, and who can read them. */
#ifndef EDGE_SECRETS_H
#define EDGE_SECRETS_H

#include "edge/config.h"

/* Logs a warning for every file with a password or a private key in it that everybody on the machine can read: the
 * configuration itself, where a password stands in it, and the files that it names. */
void secrets_warn(const struct config *c, const char *config_path);

#endif
