/* outputd with a library of tests/preload before its own. */
#ifndef SUPPORT_PRELOAD_H
#define SUPPORT_PRELOAD_H

#include "support/outputd.h"

/* outputd_start with BUILD/tests/NAME.so, which reads or writes a file: FILE in outputd's folder, whose path it finds
 * in the environment under `variable`. */
void preload_start(struct outputd *o, const char *name, const char *variable, const char *file);

#endif
