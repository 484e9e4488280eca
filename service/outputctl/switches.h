/* States of outputs as people write them: "1,0,-". */
#ifndef OUTPUTCTL_SWITCHES_H
#define OUTPUTCTL_SWITCHES_H

#include "options.h"

/* `unknown` stands for an output of which nothing is said; '0': none may. False: it is no such list. */
bool switches_read(const char *text, char unknown, struct switches *switches);

#endif
