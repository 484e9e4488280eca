/* Copies of a registry and their changes: compared with a registry that was built anew of what should be in it. */
#include "core/registry.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(registry_change, .timeout = 60);

enum { USERS = 6, SESSIONS = 12, TRACKERS = 40, DEVICES = 9 };

/* What should be in it. id 0: nothing. */
struct model {
    struct registry_user users[USERS + 1];
    int32_t session_users[SESSIONS + 1]; /* 0: not there */
    bool masters[SESSIONS + 1];
    struct registry_entry trackers[TRACKERS + 1];
    int models[TRACKERS + 1];
    char devices[TRACKERS + 1][16];
};

static struct digest hash_of(int n)
{
    char text[16];

    snprintf(text, sizeof text, "session %d", n);
    return digest_of(bytes_of_text(text));
}

static struct registry_session session_of(const struct model *m, int n)
{
    static int32_t list[2] = {7, 3};

    return (struct registry_session){.hash_sha256 = hash_of(n),
                                     .user_id = m->session_users[n],
                                     .master = m->masters[n],
                                     .trackers = list,
                                     .tracker_count = m->masters[n] ? 0 : 2,
                                     .expires_at_ms = INT64_MAX};
}

static const char *model_name(int n)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};

    return names[n];
}

/* --- changes, in the model and in the registry alike --- */

static void change_user(struct model *m, struct registry *r, int id)
{
    if (rand() % 3) {
        m->users[id] = (struct registry_user){.id = id, .blocked = rand() % 2};
        cr_assert_eq(registry_put_user(r, &m->users[id]), 0);
        return;
    }
    cr_assert_eq(registry_remove_user(r, id), m->users[id].id != 0);
    registry_remove_orphans(r);
    m->users[id].id = 0;
    for (int n = 1; n <= SESSIONS; n++)
        m->session_users[n] = m->session_users[n] == id ? 0 : m->session_users[n];
    for (int n = 1; n <= TRACKERS; n++)
        m->trackers[n].id = m->trackers[n].user_id == id ? 0 : m->trackers[n].id;
}

static void change_session(struct model *m, struct registry *r, int n, int32_t user_id)
{
    struct model wanted = *m;
    struct registry_session session;
    struct digest hash = hash_of(n);

    wanted.session_users[n] = user_id;
    wanted.masters[n] = rand() % 2;
    session = session_of(&wanted, n);
    if (rand() % 3 == 0) {
        cr_assert_eq(registry_remove_session(r, &hash), m->session_users[n] != 0);
        m->session_users[n] = 0;
    } else if (!m->users[user_id].id) {
        cr_assert_eq(registry_put_session(r, &session), -ENOENT);
    } else {
        cr_assert_eq(registry_put_session(r, &session), 0);
        *m = wanted;
    }
}

static void draw_tracker(struct model *m, int id, int32_t user_id)
{
    static const char *const vars[] = {NULL, "\0", "password\0000000\0", "password\0001\0mode\0\0"};

    snprintf(m->devices[id], sizeof m->devices[id], "%s%d", "IMEI", rand() % DEVICES);
    if (rand() % 5 == 0)
        m->devices[id][0] = '\0';
    m->models[id] = rand() % 3;
    m->trackers[id] = (struct registry_entry){.id = id,
                                              .user_id = user_id,
                                              .outputs = (uint8_t)(rand() % 9),
                                              .blocked = rand() % 2,
                                              .has_reserved = rand() % 2,
                                              .reserved = (uint64_t)rand() % 4,
                                              .device_id = m->devices[id],
                                              .vars = vars[rand() % 4]};
}

static void change_tracker(struct model *m, struct registry *r, int id, int32_t user_id)
{
    static struct model wanted;

    if (rand() % 3 == 0) {
        cr_assert_eq(registry_remove_tracker(r, id), m->trackers[id].id != 0);
        m->trackers[id].id = 0;
        return;
    }
    wanted = *m;
    draw_tracker(&wanted, id, user_id);
    if (!m->users[user_id].id) {
        cr_assert_eq(registry_put_tracker(r, &wanted.trackers[id], model_name(wanted.models[id])), -ENOENT);
        return;
    }
    draw_tracker(m, id, user_id);
    m->trackers[id].device_id = m->devices[id];
    cr_assert_eq(registry_put_tracker(r, &m->trackers[id], model_name(m->models[id])), 0);
}

static void change(struct model *m, struct registry *r)
{
    int32_t user_id = 1 + rand() % USERS;

    switch (rand() % 8) {
    case 0:
        change_user(m, r, user_id);
        break;
    case 1:
    case 2:
        change_session(m, r, 1 + rand() % SESSIONS, user_id);
        break;
    default:
        change_tracker(m, r, 1 + rand() % TRACKERS, user_id);
    }
}

/* --- comparing --- */

static size_t expect_users(const struct model *m, const struct registry *r)
{
    size_t count = 0;

    for (int32_t id = 1; id <= USERS; id++) {
        const struct registry_user *user = registry_find_user(r, id);

        cr_assert_eq(user != NULL, m->users[id].id != 0, "user %d", id);
        cr_assert(!user || user->blocked == m->users[id].blocked);
        count += user != NULL;
    }
    return count;
}

static size_t expect_sessions(const struct model *m, const struct registry *r)
{
    size_t count = 0;

    for (int n = 1; n <= SESSIONS; n++) {
        struct digest hash = hash_of(n);
        const struct registry_session *session = registry_find_session(r, &hash);

        cr_assert_eq(session != NULL, m->session_users[n] != 0, "session %d", n);
        if (!session)
            continue;
        count++;
        cr_assert(session->user_id == m->session_users[n] && session->master == m->masters[n]);
        cr_assert(session->master || (session->tracker_count == 2 && session->trackers[0] == 3));
    }
    return count;
}

static void expect_tracker(const struct model *m, const struct registry *r, const struct registry_tracker *tracker)
{
    const struct registry_entry *entry = &m->trackers[tracker->id];
    uint64_t reserved = 0;

    cr_assert(tracker->user_id == entry->user_id && tracker->outputs == entry->outputs &&
              tracker->blocked == entry->blocked);
    cr_assert_str_eq(registry_model(r, tracker->model), model_name(m->models[tracker->id]));
    cr_assert_str_eq(registry_device_id(r, tracker), entry->device_id);
    cr_assert_eq(registry_reserved(r, tracker, &reserved), entry->has_reserved);
    cr_assert(!entry->has_reserved || reserved == entry->reserved);
    cr_assert_str_eq(registry_vars(r, tracker), entry->vars ? entry->vars : "");
}

/* A device_id finds a tracker that has it, wherever one has. */
static void expect_devices(const struct model *m, const struct registry *r)
{
    for (int n = -1; n < DEVICES; n++) {
        char device_id[16] = "";
        const struct registry_tracker *found;
        bool is_there = false;

        if (n >= 0)
            snprintf(device_id, sizeof device_id, "IMEI%d", n);
        for (int32_t id = 1; id <= TRACKERS; id++)
            is_there |= m->trackers[id].id && strcmp(m->devices[id], device_id) == 0;
        found = registry_find_device(r, bytes_of_text(device_id));
        cr_assert_eq(found != NULL, is_there, "'%s'", device_id);
        cr_assert(!found || strcmp(registry_device_id(r, found), device_id) == 0);
    }
}

static void expect(const struct model *m, const struct registry *r)
{
    size_t count = 0;

    cr_assert_eq(registry_user_count(r), expect_users(m, r));
    cr_assert_eq(registry_session_count(r), expect_sessions(m, r));
    for (int32_t id = 1; id <= TRACKERS; id++) {
        const struct registry_tracker *tracker = registry_find_tracker(r, id);

        cr_assert_eq(tracker != NULL, m->trackers[id].id != 0, "tracker %d", id);
        if (tracker)
            expect_tracker(m, r, tracker);
        count += tracker != NULL;
    }
    cr_assert_eq(registry_tracker_count(r), count);
    expect_devices(m, r);
}

Test(registry_change, copies_and_changes_hold_what_a_model_of_them_holds)
{
    enum { COPIES = 400, CHANGES = 12 };
    static struct model model;
    static struct model before;
    struct registry *r = registry_new();
    struct registry *old = NULL;

    srand(20261129);
    for (int i = 0; i < COPIES; i++) {
        struct registry *copy = registry_copy(r, old);

        before = model;
        for (int32_t id = 1; id <= TRACKERS; id++)
            before.trackers[id].device_id = before.devices[id];
        expect(&model, copy);
        for (int n = 0; n < CHANGES; n++)
            change(&model, copy);
        expect(&model, copy);
        expect(&before, r);     /* what it was made of has not changed */
        old = i % 3 ? r : NULL; /* in its memory, or not */
        if (!old)
            registry_free(r);
        r = copy;
    }
    registry_free(old);
    registry_free(r);
}

Test(registry_change, what_nothing_leads_to_any_more_is_left_out_of_a_copy)
{
    enum { CHANGES = 20000 };
    struct registry *r = registry_new();
    const struct registry_tracker *first;

    registry_add_user(r, &(struct registry_user){.id = 1});
    for (int i = 0; i < CHANGES; i++) {
        char device_id[32];
        struct registry_entry entry = {.id = 1, .user_id = 1, .device_id = device_id};

        snprintf(device_id, sizeof device_id, "a device of its own, %d", i);
        cr_assert_eq(registry_put_tracker(r, &entry, "m"), 0);
        if (i % 1000 == 999) {
            struct registry *copy = registry_copy(r, NULL);

            registry_free(r);
            r = copy;
        }
    }
    first = registry_tracker_at(r, 0);
    cr_expect_str_eq(registry_device_id(r, first), "a device of its own, 19999");
    cr_expect_lt(first->device_id, CHANGES * 25 / 2, "the texts of all of them would be %d bytes", CHANGES * 25);
    registry_free(r);
}
