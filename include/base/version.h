/* Which version of outputd this is, as the Makefile's VERSION says: the one place that is compiled anew with it. */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

extern const char outputd_version[];

#endif
