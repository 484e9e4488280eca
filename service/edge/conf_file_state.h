/* The inside of a configuration file: conf_open.c (its text, and mistakes in it), conf_long.c (the same in pieces) and
 * conf_file.c (its values). */
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
    int plain_line; /* of the group that is read without libconfig */
};

/* conf_open.c */
struct conf_file *conf_file_new(const char *path, struct mistakes *mistakes);
bool conf_read_whole(struct conf_file *f);
void conf_refuse_to_read(struct conf_file *f, int error);
/* The file, or closes it. */
struct conf_file *conf_file_if(struct conf_file *f, bool good);

static inline const config_setting_t *setting_of(const struct conf_node *node)
{
    return (const config_setting_t *)node;
}

#endif
