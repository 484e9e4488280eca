#include "support/outputd.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/broker.h"
#include "support/lines.h"
#include "support/pump.h"

/* --- files --- */

static void run_shell(const char *format, const char *directory)
{
    char command[256];

    snprintf(command, sizeof command, format, directory);
    cr_assert_eq(system(command), 0, "%s", command);
}

static FILE *open_file(const struct outputd *o, const char *name, const char *mode)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", o->directory, name);
    file = fopen(path, mode);
    cr_assert(file, "%s", path);
    return file;
}

/* Replaced as an editor does it: never half of it is to be seen. */
void outputd_write(const struct outputd *o, const char *name, const char *text)
{
    char path[128];
    char fresh[128];
    FILE *file = open_file(o, ".fresh", "w");

    fputs(text, file);
    fclose(file);
    snprintf(fresh, sizeof fresh, "%s/.fresh", o->directory);
    snprintf(path, sizeof path, "%s/%s", o->directory, name);
    cr_assert_eq(rename(fresh, path), 0);
}

void outputd_remove(const struct outputd *o, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", o->directory, name);
    cr_assert_eq(unlink(path), 0, "%s", path);
}

void outputd_set(struct outputd *o, const char *key, const char *value)
{
    int i = 0;

    while (i < o->setting_count && strcmp(o->settings[i].key, key) != 0)
        i++;
    cr_assert(i < OUTPUTD_SETTINGS_MAX);
    snprintf(o->settings[i].key, sizeof o->settings[i].key, "%s", key);
    snprintf(o->settings[i].value, sizeof o->settings[i].value, "%s", value);
    o->setting_count = i == o->setting_count ? i + 1 : o->setting_count;
}

void outputd_set_text(struct outputd *o, const char *key, const char *text)
{
    char value[256];

    snprintf(value, sizeof value, "\"%s\"", text);
    outputd_set(o, key, value);
}

void outputd_unset(struct outputd *o, const char *key)
{
    for (int i = 0; i < o->setting_count; i++) {
        if (strcmp(o->settings[i].key, key) == 0)
            o->settings[i] = o->settings[--o->setting_count];
    }
}

uint16_t outputd_listen(struct outputd *o)
{
    uint16_t port = broker_free_port();
    char address[32];

    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    outputd_set_text(o, "http.listen", address);
    return port;
}

/* A group is written where the first of its settings stands. */
static bool is_first_of_group(const struct outputd *o, int i, size_t len)
{
    for (int before = 0; before < i; before++) {
        if (strncmp(o->settings[before].key, o->settings[i].key, len) == 0)
            return false;
    }
    return true;
}

static void write_group(const struct outputd *o, FILE *file, const char *group)
{
    size_t group_len = strlen(group);

    for (int i = 0; i < o->setting_count; i++) {
        const char *name = o->settings[i].key + group_len;
        const char *dot;
        char inner[48];

        if (strncmp(o->settings[i].key, group, group_len) != 0)
            continue;
        dot = strchr(name, '.');
        if (!dot) {
            fprintf(file, "%s = %s;\n", name, o->settings[i].value);
            continue;
        }
        snprintf(inner, sizeof inner, "%.*s", (int)(dot + 1 - o->settings[i].key), o->settings[i].key);
        if (!is_first_of_group(o, i, strlen(inner)))
            continue;
        fprintf(file, "%.*s: {\n", (int)(dot - name), name);
        write_group(o, file, inner);
        fputs("};\n", file);
    }
}

void outputd_write_config(const struct outputd *o)
{
    FILE *file = open_file(o, "outputd.cfg", "w");

    write_group(o, file, "");
    fclose(file);
}

/* --- the process --- */

struct outputd *outputd_new(const char *broker_url)
{
    struct outputd *o = calloc(1, sizeof *o);

    cr_assert(o);
    snprintf(o->directory, sizeof o->directory, "/tmp/outputd-XXXXXX");
    cr_assert(mkdtemp(o->directory));
    run_shell("cp -r conf/registry.cfg conf/profiles %s/", o->directory);
    o->prefix = "";
    o->asker = probe_new(broker_url);
    snprintf(o->ask_topic, sizeof o->ask_topic, "client/%s/ready", o->asker->client_id);
    outputd_set_text(o, "broker.url", broker_url);
    outputd_set_text(o, "registry.path", "registry.cfg");
    outputd_set_text(o, "profiles.path", "profiles");
    outputd_set_text(o, "journal.path", "journal");
    outputd_set(o, "journal.size_mb", "64");
    outputd_set_text(o, "http.listen", "");
    outputd_set(o, "limits.user_rate", "0.0");
    return o;
}

/* In the child. */
static _Noreturn void become_outputd(const struct outputd *o, pid_t parent)
{
    const char *program = getenv("OUTPUTD");
    char path[64];
    int log;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof path, "%s/log", o->directory);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (getppid() != parent || log < 0)
        _exit(126);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    snprintf(path, sizeof path, "%s/outputd.cfg", o->directory);
    program = program ? program : "build/outputd";
    execl(program, program, "-c", path, (char *)NULL);
    _exit(127);
}

void outputd_start(struct outputd *o)
{
    pid_t parent = getpid();

    cr_assert_eq(o->pid, 0);
    outputd_write_config(o);
    o->pid = fork();
    cr_assert(o->pid >= 0);
    if (o->pid == 0)
        become_outputd(o, parent);
}

static bool asker_turn(void *ctx)
{
    struct probe *asker = ctx;
    bool more;

    return mqtt_receive(asker->m, 16, &more) > 0;
}

/* To a tracker that is not online: this request waits until it is known who is. */
static void ask(const struct outputd *o)
{
    static unsigned number;
    char topic[128];
    char payload[256];
    int token;

    snprintf(topic, sizeof topic, "%sapi/tracker/output/set", o->prefix);
    snprintf(
        payload, sizeof payload,
        "{\"hash\": \"a6aa75587e5c59c32d347da438505fc3\", \"tracker_id\": 265490, \"output\": 1, \"enable\": true, "
        "\"response_topic\": \"%s\", \"request_id\": %u}",
        o->ask_topic, ++number);
    mqtt_publish(o->asker->m, &(struct mqtt_publish){.topic = bytes_of_text(topic), .payload = bytes_of_text(payload)},
                 &token);
}

void outputd_wait_ready(struct outputd *o)
{
    enum { ASK_AGAIN_MS = 100, TIMES = 300 };
    struct probe *asker = o->asker;
    bool answered = false;

    cr_assert_eq(probe_connect(asker), 0, "%s", mqtt_error(asker->m));
    mqtt_subscribe(asker->m, &(struct mqtt_filter){.filter = o->ask_topic, .qos = 1}, 1);
    probe_forget(asker);
    pump_add(asker_turn, asker);
    for (int i = 0; i < TIMES && !answered; i++) {
        cr_assert_not(outputd_has_ended(o), "outputd has ended: see %s/log", o->directory);
        ask(o);
        answered = PUMP_UNTIL_FOR(ASK_AGAIN_MS, asker->count > 0);
    }
    pump_remove(asker);
    mqtt_disconnect(asker->m);
    cr_assert(answered, "outputd does not become ready: see %s/log", o->directory);
}

struct outputd *outputd_run(const char *broker_url)
{
    struct outputd *o = outputd_new(broker_url);

    outputd_start(o);
    outputd_wait_ready(o);
    return o;
}

void outputd_free(struct outputd *o)
{
    if (!o)
        return;
    if (o->pid > 0)
        outputd_kill(o);
    probe_free(o->asker);
    run_shell("rm -r %s", o->directory);
    free(o);
}

/* --- its end --- */

/* How often it has gone to sleep. */
static long sleeps_of(const struct outputd *o)
{
    static const char name[] = "voluntary_ctxt_switches:";
    char line[256];
    long sleeps = -1;
    FILE *file;

    snprintf(line, sizeof line, "/proc/%d/status", (int)o->pid);
    file = fopen(line, "r");
    cr_assert(file, "it does not run");
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0)
            sleeps = strtol(line + strlen(name), NULL, 10);
    }
    fclose(file);
    return sleeps;
}

/* It has not been woken for a while. */
static void wait_idle(const struct outputd *o)
{
    enum { QUIET_MS = 100 };
    long sleeps = sleeps_of(o);
    uint64_t since_ms = clock_now().mono_ms;
    uint64_t end_ms = since_ms + PUMP_PATIENCE_MS;

    while (clock_now().mono_ms - since_ms < QUIET_MS) {
        long now = sleeps_of(o);

        cr_assert_lt(clock_now().mono_ms, end_ms, "it never waits");
        if (now != sleeps)
            since_ms = clock_now().mono_ms;
        sleeps = now;
        pump_turn();
    }
}

void outputd_signal(const struct outputd *o, int number)
{
    cr_assert(o->pid > 0);
    cr_assert_eq(kill(o->pid, number), 0);
}

/* What comes between the signal and the stop would still be seen. */
void outputd_pause(const struct outputd *o)
{
    int status;

    wait_idle(o);
    outputd_signal(o, SIGSTOP);
    cr_assert_eq(waitpid(o->pid, &status, WUNTRACED), o->pid);
    cr_assert(WIFSTOPPED(status));
}

static bool reap(struct outputd *o, int *status)
{
    if (waitpid(o->pid, status, WNOHANG) != o->pid)
        return false;
    o->pid = 0;
    return true;
}

int outputd_wait_end(struct outputd *o)
{
    int status = 0;

    cr_assert(o->pid > 0);
    cr_assert(PUMP_UNTIL_FOR(2 * PUMP_PATIENCE_MS, o->pid == 0 || reap(o, &status)), "outputd does not end");
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool outputd_has_ended(struct outputd *o)
{
    int status;

    return o->pid == 0 || reap(o, &status);
}

void outputd_kill(struct outputd *o)
{
    outputd_signal(o, SIGKILL);
    waitpid(o->pid, NULL, 0);
    o->pid = 0;
}

void outputd_stop(struct outputd *o)
{
    outputd_signal(o, SIGTERM);
    cr_assert_eq(outputd_wait_end(o), 0, "see %s/log", o->directory);
}

/* --- what it shows --- */

int outputd_log_count(const struct outputd *o, const char *text)
{
    char path[96];

    snprintf(path, sizeof path, "%s/log", o->directory);
    return lines_with(path, text);
}

void outputd_wait_log(const struct outputd *o, const char *text, int count)
{
    cr_assert(PUMP_UNTIL(outputd_log_count(o, text) >= count), "not %d times in %s/log: %s", count, o->directory, text);
}

uint64_t outputd_cpu_ms(const struct outputd *o)
{
    char path[64];
    char line[1024];
    unsigned long user;
    unsigned long system;
    FILE *stat;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)o->pid);
    stat = fopen(path, "r");
    cr_assert(stat && fgets(line, sizeof line, stat));
    fclose(stat);
    cr_assert_eq(sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
                 2);
    return (uint64_t)(user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}
