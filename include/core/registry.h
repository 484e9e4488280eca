/* Who may switch what: an immutable snapshot of users, sessions and trackers.
 *
 * It is built once (registry_new, registry_add_*), from a file or a database, and then only read. Users come before
 * their sessions and trackers. The next one may be a copy of it with some changes: registry_copy, registry_put_*,
 * registry_remove_*. */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "base/digest.h"
#include "core/template.h"

enum { REGISTRY_OUTPUTS_MAX = 64 };

struct registry_user {
    int32_t id;
    bool blocked;
};

struct registry_session {
    struct digest hash_sha256; /* of the lower-case hash */
    int32_t user_id;
    bool master;           /* every right, every tracker of the account */
    bool may_set_output;   /* the right tracker_set_output */
    bool all_trackers;     /* no list: all of the account */
    int64_t expires_at_ms; /* wall clock; INT64_MAX: never */
    int32_t *trackers;     /* sorted */
    size_t tracker_count;
};

/* A tracker as it is given to registry_add_tracker. */
struct registry_entry {
    int32_t id;
    int32_t user_id;
    uint8_t outputs; /* 0: as the profile says */
    bool blocked;
    bool clone;
    bool has_reserved;
    uint64_t reserved; /* bit n: output n + 1; where has_reserved, in place of the profile's */
    const char *device_id;
    const char *vars; /* name NUL value NUL … NUL; NULL: none */
};

/* And as it is kept: there may be millions. What is not here, the functions below tell. */
struct registry_tracker {
    int32_t id;
    int32_t user_id;
    uint32_t device_id; /* where it is among the texts */
    uint32_t settings;  /* number of its vars and reserved outputs, which few have and many share */
    uint16_t model;     /* index: registry_model */
    uint8_t outputs;    /* 0: as the profile says */
    bool blocked : 1;
    bool clone : 1;
};

struct registry;

struct registry *registry_new(void);
void registry_free(struct registry *r); /* takes NULL */

/* Everything given is copied; what was found before may have moved. 0; -EEXIST: this id or hash is there already;
 * -ENOENT: no such user; -ENOSPC: more than 65535 models, or four gigabytes of texts. */
int registry_add_user(struct registry *r, const struct registry_user *user);
int registry_add_session(struct registry *r, const struct registry_session *session);
int registry_add_tracker(struct registry *r, const struct registry_entry *entry, const char *model);

/* A copy to be changed; what it was made of is read all the while. It is made in the memory of `old`, which nobody
 * needs any more and is taken over; NULL: there is none. */
struct registry *registry_copy(const struct registry *r, struct registry *old);

/* As registry_add_*, or in place of the one with this id or hash. */
int registry_put_user(struct registry *r, const struct registry_user *user);
int registry_put_session(struct registry *r, const struct registry_session *session);
int registry_put_tracker(struct registry *r, const struct registry_entry *entry, const char *model);

/* False: it was not there. Others may have moved. */
bool registry_remove_user(struct registry *r, int32_t id);
bool registry_remove_session(struct registry *r, const struct digest *hash_sha256);
bool registry_remove_tracker(struct registry *r, int32_t id);

/* After the removal of users: takes out the sessions and trackers that were theirs. */
void registry_remove_orphans(struct registry *r);

/* NULL where there is none. */
const struct registry_user *registry_find_user(const struct registry *r, int32_t id);
const struct registry_session *registry_find_session(const struct registry *r, const struct digest *hash_sha256);
const struct registry_tracker *registry_find_tracker(const struct registry *r, int32_t id);

const char *registry_device_id(const struct registry *r, const struct registry_tracker *tracker);
const char *registry_vars(const struct registry *r, const struct registry_tracker *tracker);
/* False: as the profile says. */
bool registry_reserved(const struct registry *r, const struct registry_tracker *tracker, uint64_t *reserved);

/* What templates are rendered from for this tracker, without a command. Borrows from the registry. */
struct template_input registry_input(const struct registry *r, const struct registry_tracker *tracker);

/* By device_id; of several with the same one, the first. */
const struct registry_tracker *registry_find_device(const struct registry *r, struct bytes device_id);

bool registry_session_sees(const struct registry_session *session, const struct registry_tracker *tracker);

/* 0 of NULL: none was ever loaded. */
size_t registry_user_count(const struct registry *r);
size_t registry_session_count(const struct registry *r);
size_t registry_tracker_count(const struct registry *r);
const struct registry_tracker *registry_tracker_at(const struct registry *r, size_t index);

/* Where it is, of one that was found. */
size_t registry_tracker_index(const struct registry *r, const struct registry_tracker *tracker);

size_t registry_model_count(const struct registry *r);
const char *registry_model(const struct registry *r, size_t index);

/* True when the text may become part of a topic: no +, #, control characters or non-characters, and UTF-8. */
bool registry_text_is_safe(struct bytes text);

#endif
