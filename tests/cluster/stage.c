#include "cluster/stage.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "support/broker.h"
#include "support/database.h"
#include "support/redis_server.h"
#include "witness/process.h"
#include "witness/proxy.h"

/* --- files --- */

/* What is parked for a member of a share that is away may be more than the default of 1000, beyond which the broker
 * drops without a word. */
static void write_broker_config(const struct stage *s)
{
    FILE *file = process_open_file(s->folder, "mosquitto.conf");

    fprintf(file,
            "%s"
            "listener %u 127.0.0.1\n"
            "allow_anonymous true\n"
            "set_tcp_nodelay true\n"
            "persistence true\n"
            "persistence_location %s/broker/\n"
            "log_type error\n"
            "log_type warning\n"
            "log_type notice\n"
            "max_queued_messages 0\n"
            "max_inflight_messages 1000\n",
            geteuid() == 0 ? "user root\n" : "", s->broker_port, s->folder);
    fclose(file);
}

static void write_instance_config(const struct stage *s, const struct instance *i)
{
    char name[48];
    FILE *file;

    snprintf(name, sizeof name, "%s.cfg", i->name);
    file = process_open_file(s->folder, name);
    fprintf(file,
            "instance = \"%s\";\n"
            "broker: { url = \"mqtt://127.0.0.1:%u\"; share_group = \"cluster\"; session_expiry_s = 60;\n"
            "  reconnect_max_ms = 1000; };\n"
            "profiles: { path = \"profiles\"; };\n"
            "engine: { ack_timeout_ms = %d; drain_ms = 1000; };\n"
            "limits: { user_rate = 0.0; };\n"
            "journal: { path = \"journal-%s\"; size_mb = 16; };\n"
            "state: { source = \"redis\"; url = \"%s\"; lease_ms = %d; };\n"
            "registry: { source = \"postgres\"; conninfo = \"%s\"; timeout_s = 5; };\n"
            "http: { listen = \"\"; };\n",
            i->name, i->port, ACK_TIMEOUT_MS, i->name, redis_server_url(s->redis), LEASE_MS,
            database_conninfo(s->database));
    fclose(file);
}

/* --- the instances --- */

void stage_rename_instance(struct stage *s, unsigned which)
{
    struct instance *i = &s->instances[which];

    i->life++;
    snprintf(i->name, sizeof i->name, "cluster-%u-%u", which + 1, i->life);
    write_instance_config(s, i);
}

void stage_start_instance(struct stage *s, unsigned which)
{
    struct instance *i = &s->instances[which];
    char config[300];
    char log[48];
    char *argv[] = {s->program, "-c", config, NULL};
    int fd;

    CHECK(i->pid == 0);
    snprintf(config, sizeof config, "%s/%s.cfg", s->folder, i->name);
    snprintf(log, sizeof log, "%s.log", i->name);
    fd = process_open_log(s->folder, log);
    i->pid = process_start(argv, fd);
    close(fd);
}

void stage_kill_instance(struct stage *s, unsigned which)
{
    struct instance *i = &s->instances[which];

    if (i->pid)
        process_kill(i->pid);
    i->pid = 0;
    i->is_frozen = false;
}

void stage_freeze_instance(struct stage *s, unsigned which, bool freeze)
{
    struct instance *i = &s->instances[which];

    i->is_frozen = freeze;
    if (i->pid)
        kill(i->pid, freeze ? SIGSTOP : SIGCONT);
}

bool stage_instance_ended(struct stage *s, unsigned which, int *status)
{
    struct instance *i = &s->instances[which];

    if (!i->pid || waitpid(i->pid, status, WNOHANG) != i->pid)
        return false;
    i->pid = 0;
    i->is_frozen = false;
    return true;
}

/* --- the broker --- */

void stage_start_broker(struct stage *s)
{
    char config[300];
    char *argv[] = {"mosquitto", "-c", config, NULL};

    CHECK(s->broker == 0);
    snprintf(config, sizeof config, "%s/mosquitto.conf", s->folder);
    s->broker = process_start(argv, s->broker_log);
}

void stage_end_broker(const struct stage *s)
{
    if (s->broker)
        kill(s->broker, SIGTERM);
}

bool stage_broker_ended(struct stage *s)
{
    if (s->broker && waitpid(s->broker, NULL, WNOHANG) != s->broker)
        return false;
    s->broker = 0;
    return true;
}

/* --- life --- */

static void resolve(const char *path, char out[256])
{
    char *whole = realpath(path, NULL);

    CHECK(whole && strlen(whole) < 200);
    snprintf(out, 256, "%s", whole);
    free(whole);
}

static void find_program(struct stage *s, const char *build)
{
    const char *program = getenv("OUTPUTD");

    snprintf(s->program, sizeof s->program, "%s%s", program ? program : build, program ? "" : "/outputd");
    if (access(s->program, X_OK) < 0) {
        perror(s->program);
        exit(EXIT_FAILURE);
    }
}

void stage_init(struct stage *s, struct ledger *l)
{
    const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
    char path[240];

    *s = (struct stage){.ledger = l, .broker_port = broker_free_port()};
    find_program(s, build);
    snprintf(path, sizeof path, "%s/cluster", build);
    process_run_shell("rm -rf %s && mkdir -p %s/broker", path);
    process_run_shell("mkdir -p %s/profiles", path);
    resolve(path, s->folder);
    write_broker_config(s);
    s->broker_log = process_open_log(s->folder, "mosquitto.log");
    s->redis = redis_server_start(&(struct redis_server_options){.log = true});
    s->database = database_start();
    stage_start_broker(s);
    for (unsigned i = 0; i < INSTANCES; i++) {
        struct instance *instance = &s->instances[i];

        instance->port = broker_free_port();
        instance->proxy = proxy_new(instance->port, s->broker_port, &instance->tap.watcher);
        stage_rename_instance(s, i);
    }
}

void stage_fill_database(const struct stage *s)
{
    char path[300];

    snprintf(path, sizeof path, "%s/registry.sql", s->folder);
    database_run(s->database, path);
}

void stage_turn(struct stage *s)
{
    for (unsigned i = 0; i < INSTANCES; i++)
        proxy_turn(s->instances[i].proxy);
}

void stage_release(struct stage *s, bool keep)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        stage_kill_instance(s, i);
        proxy_free(s->instances[i].proxy);
    }
    if (s->broker)
        process_kill(s->broker);
    redis_server_stop(s->redis);
    database_stop(s->database);
    close(s->broker_log);
    if (!keep)
        process_run_shell("rm -rf %s/*.log %s/journal-*", s->folder);
}
