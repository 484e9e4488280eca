/* A registry or a profile that somebody replaces without care: half of it, nothing, something that is no file. The
 * service keeps what it has, says so, goes on working, and takes the next good one. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/desk.h"
#include "support/field.h"
#include "support/outputd.h"
#include "support/pump.h"

enum { TRACKER = 265489, NEW_TRACKER = 8, BOX = 9 };

static struct broker *broker;
static struct outputd *service;
static struct field *field;
static struct desk *desk;

#define REGISTRY(more)                                                                                    \
    "users = ({ id = 1; });\n"                                                                            \
    "sessions = ({ hash_sha256 = \"6db7a36af666ba46c78d9b8529e2fed98b3a19a7ee23f9cf2a2d5eed382ec63e\";\n" \
    "  user_id = 1; master = true; });\n"                                                                 \
    "trackers = ({ id = 265489; user_id = 1; model = \"generic_json\"; outputs = 3; },\n"                 \
    "{ id = 9; user_id = 1; model = \"box\"; }" more ");\n"

/* Its last character that matters is the last but one. */
static const char registry[] = REGISTRY("");
static const char next_registry[] = REGISTRY(",\n{ id = 8; user_id = 1; model = \"generic_json\"; outputs = 3; }");

static const char profile[] = "models = [\"box\"];\n"
                              "outputs = 2;\n"
                              "command: { set = \"{enable?ON:OFF}{output}\"; };\n"
                              "ack: { match = \"echo\"; echo = \"{enable?ON:OFF}{output}\";\n"
                              "  success = [\"^(?<key>O(N|FF)[0-9])!$\"]; };\n";

static void set_stage(void)
{
    broker = broker_start(NULL);
    service = outputd_new(broker_url(broker));
    outputd_write(service, "registry.cfg", registry);
    outputd_write(service, "profiles/box.cfg", profile);
    field = field_start(broker_url(broker));
    field_online(field, TRACKER);
    field_online(field, NEW_TRACKER);
    field_online(field, BOX);
    desk = desk_start(broker_url(broker));
    outputd_start(service);
    outputd_wait_ready(service);
}

static void clear_stage(void)
{
    desk_free(desk);
    field_free(field);
    outputd_free(service);
    broker_stop(broker);
}

TestSuite(service_neighbours_files, .init = set_stage, .fini = clear_stage, .timeout = 120);

/* --- files --- */

static const char *path_of(const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", service->directory, name);
    return path;
}

/* As a careless program writes it: in place, so many bytes so far. */
static void write_part(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(path_of(name), "w");

    cr_assert(file);
    cr_assert_eq(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void make_nothing(const char *name)
{
    unlink(path_of(name));
}

static void make_empty(const char *name)
{
    write_part(name, "", 0);
}

static void make_directory(const char *name)
{
    unlink(path_of(name));
    cr_assert_eq(mkdir(path_of(name), 0700), 0);
}

static void make_pipe(const char *name)
{
    unlink(path_of(name));
    cr_assert_eq(mkfifo(path_of(name), 0600), 0);
}

static void make_loop(const char *name)
{
    unlink(path_of(name));
    cr_assert_eq(symlink(path_of(name), path_of(name)), 0);
}

static void make_endless(const char *name)
{
    unlink(path_of(name));
    cr_assert_eq(symlink("/dev/zero", path_of(name)), 0);
}

static void make_noise(const char *name)
{
    write_part(name, "\xff\xfe\x01\x02 = {{{{ \"", 12);
}

static void clear(const char *name)
{
    if (unlink(path_of(name)) < 0)
        rmdir(path_of(name));
}

/* --- what is to be seen --- */

/* By the signal, or because it has changed, whichever is first: it says so, and why. */
static void expect_refusal(const char *name)
{
    int refusals = outputd_log_count(service, "reload refused");
    int mistakes = outputd_log_count(service, name);

    outputd_signal(service, SIGHUP);
    outputd_wait_log(service, "reload refused", refusals + 1);
    cr_assert_gt(outputd_log_count(service, name), mistakes, "%s is not named", name);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 204);
}

static void expect_next_is_taken(void)
{
    outputd_write(service, "registry.cfg", next_registry);
    outputd_signal(service, SIGHUP);
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, NEW_TRACKER) == 0), "the next good registry is not taken");
}

/* --- half-written --- */

static void write_parts(const char *name, const char *text, size_t text_len, size_t step)
{
    for (size_t len = 0; len < text_len; len += step) {
        write_part(name, text, len);
        expect_refusal(name);
    }
}

Test(service_neighbours_files, no_part_of_a_registry_is_taken_for_the_whole)
{
    size_t end = strlen(registry) - strlen(");\n"); /* with the bracket all of it is there */

    write_parts("registry.cfg", registry, end, 7);
    write_part("registry.cfg", registry, end);
    expect_refusal("registry.cfg");
    expect_next_is_taken();
}

/* What a profile may leave out has a default, so a part can be whole. This one has nothing of that kind. */
Test(service_neighbours_files, no_part_of_a_profile_is_taken_for_the_whole)
{
    write_parts("profiles/box.cfg", profile, strlen(profile) - strlen("; };\n"), 11);
    outputd_write(service, "profiles/box.cfg", profile);
    expect_next_is_taken();
    desk_set(desk, "box", BOX, 2, true);
    cr_assert(PUMP_UNTIL(field->count > 0 && field->commands[field->count - 1].tracker_id == BOX));
    field_say(field, "tracker/9/output/ack", "ON2!");
    desk_expect_success(desk, "box");
}

/* Written in place, slowly, without a signal: each state that the watch happens to see is refused or the whole. */
Test(service_neighbours_files, a_registry_that_is_written_slowly_is_taken_when_it_is_whole)
{
    size_t text_len = strlen(next_registry);

    for (size_t len = 0; len < text_len; len += 60) {
        write_part("registry.cfg", next_registry, len);
        PUMP_UNTIL_FOR(150, false);
        cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    }
    write_part("registry.cfg", next_registry, text_len);
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, NEW_TRACKER) == 0), "the whole registry is not taken");
    cr_assert_geq(outputd_log_count(service, "reload refused"), 1);
}

/* --- no files --- */

static const struct {
    const char *what;
    void (*make)(const char *name);
} bad_files[] = {
    {"nothing", make_nothing}, {"empty", make_empty}, {"a directory", make_directory}, {"a named pipe", make_pipe},
    {"a loop", make_loop},     {"noise", make_noise}, {"endless", make_endless},
};

enum { BAD_FILES = sizeof bad_files / sizeof *bad_files };

static void expect_all_refused(const char *name, const char *good)
{
    for (int i = 0; i < BAD_FILES; i++) {
        fprintf(stderr, "%s: %s\n", name, bad_files[i].what);
        bad_files[i].make(name);
        expect_refusal(name);
        clear(name);
        outputd_write(service, name, good);
    }
}

Test(service_neighbours_files, what_is_no_registry_is_refused_and_nobody_waits_for_it)
{
    expect_all_refused("registry.cfg", registry);
    expect_next_is_taken();
}

/* The one that is not there is no mistake: it serves nobody any more. */
Test(service_neighbours_files, what_is_no_profile_is_refused_and_nobody_waits_for_it)
{
    for (int i = 1; i < BAD_FILES; i++) {
        fprintf(stderr, "profile: %s\n", bad_files[i].what);
        clear("profiles/box.cfg");
        bad_files[i].make("profiles/box.cfg");
        expect_refusal("profiles/box.cfg");
    }
    clear("profiles/box.cfg");
    outputd_write(service, "profiles/box.cfg", profile);
    expect_next_is_taken();
}

/* A request is answered while the registry is a pipe that nobody writes to, though no signal is sent. */
Test(service_neighbours_files, a_pipe_in_the_place_of_the_registry_holds_nobody_up)
{
    make_pipe("registry.cfg");
    outputd_wait_log(service, "reload refused", 1);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    clear("registry.cfg");
    outputd_write(service, "registry.cfg", next_registry);
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, NEW_TRACKER) == 0));
}

/* --- replaced --- */

Test(service_neighbours_files, a_registry_that_is_deleted_and_made_anew_is_taken_without_a_signal)
{
    make_nothing("registry.cfg");
    PUMP_UNTIL_FOR(1200, false); /* it is looked at twice a second */
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    cr_assert_eq(outputd_log_count(service, "registry reloaded"), 0);
    write_part("registry.cfg", next_registry, strlen(next_registry));
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, NEW_TRACKER) == 0));
}

Test(service_neighbours_files, of_many_replacements_the_last_one_is_taken)
{
    for (int i = 0; i < 200; i++) {
        outputd_write(service, "registry.cfg", i % 2 ? registry : next_registry);
        outputd_signal(service, SIGHUP);
    }
    outputd_write(service, "registry.cfg", next_registry);
    cr_assert(PUMP_UNTIL(desk_code_of_set(desk, NEW_TRACKER) == 0));
    PUMP_UNTIL_FOR(1200, false);
    cr_assert_eq(desk_code_of_set(desk, NEW_TRACKER), 0);
    cr_assert_eq(desk_code_of_set(desk, TRACKER), 0);
    cr_assert_eq(outputd_log_count(service, "reload refused"), 0);
}
