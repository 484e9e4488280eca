/* The inside of a configuration file: conf_open.c (its text, and mistakes in it) and conf_file.c (its values). */
#ifndef EDGE_CONF_FILE_STATE_H
#define EDGE_CONF_FILE_STATE_H

#include <libconfig.h>
#include <sys/stat.h>

#include "conf_cut.h"
#include "edge/conf_file.h"

struct conf_file {
    config_t config; /* all of it; of a long one the skeleton */
    char *path;
    struct mistakes *mistakes;

    /* long ones */
    int fd; /* -1: config holds all of it */
    struct stat as_opened;
    struct conf_cut cut;
    config_t piece; /* the one that is being read */
    int piece_line; /* of its first byte in the file */
};

static inline const config_setting_t *setting_of(const struct conf_node *node)
{
    return (const config_setting_t *)node;
}

#endif
