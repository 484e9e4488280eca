/* The command line. */
#ifndef TRACKERSIM_OPTIONS_H
#define TRACKERSIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "id_list.h"
#include "profile.h"

struct rates {
    double refuse; /* these three exclude one another: their sum is at most 1 */
    double unsupported;
    double silence;
    double duplicate;
    double garbage;
};

/* Texts belong to the command line or to the environment, the lists and the password to this struct. */
struct options {
    const char *broker;
    const char *username; /* NULL: none */
    char *password;       /* NULL: none */
    const char *prefix;   /* before every topic */
    struct id_list trackers;
    struct id_list offline;
    const struct profile *profile;
    const char *device_id;
    uint32_t outputs; /* how many each device has */
    uint32_t latency_ms;
    uint32_t jitter_ms;
    struct rates rates;
    uint32_t restart_every_ms; /* mean time online; 0: no restarts */
    uint32_t restart_down_ms;
    uint64_t seed;
    uint64_t count; /* commands to answer before it ends; 0: no end */
    bool log;
    bool quiet;
    bool help; /* the help is wanted, nothing else was looked at */
};

/* 0, or -EINVAL with a line on stderr that says what is wrong. In both cases options_release is to be called. */
int options_read(struct options *options, int argc, char **argv);
void options_release(struct options *options);

/* To stdout. */
void options_print_help(void);

#endif
