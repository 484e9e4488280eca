/* Profiles from files: conf/profiles/NAME.cfg, one family a file. */
#ifndef EDGE_PROFILE_FILE_H
#define EDGE_PROFILE_FILE_H

#include "core/profile.h"
#include "edge/conf_file.h"

/* One file. NULL, and the mistakes say why. */
struct profile *profile_file_read(const char *path, const char *prefix, struct mistakes *mistakes);

/* The built-in profiles and every *.cfg of the folder, in name order. A folder that is not there is a mistake. What
 * could be read comes back also where there were mistakes; never NULL. */
struct profiles *profile_folder_read(const char *path, const char *prefix, struct mistakes *mistakes);

/* A mistake where instances that share their state cannot serve them: see profiles_can_be_shared. */
void profile_folder_check_sharing(const struct profiles *all, const char *path, struct mistakes *mistakes);

#endif
