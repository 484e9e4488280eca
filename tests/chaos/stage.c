#include "chaos/stage.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "chaos/fleet.h"
#include "witness/poller.h"
#include "witness/process.h"

enum { PIPE_SIZE = 1048576, PAGE = 4096 };

/* --- the folder --- */

static bool mount_own(const struct stage *s, const char *name, const char *options)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    return mount("chaos", path, "tmpfs", 0, options) == 0;
}

/* Root in a container may not be allowed to. */
static bool mount_disks(const struct stage *s)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount_own(s, "broker", "size=256m") && mount_own(s, "journal", "size=96m");
}

static void write_broker_config(const struct stage *s)
{
    FILE *file = process_open_file(s->folder, "mosquitto.conf");

    /* autosave_on_changes with an interval of 1: whatever a turn of its loop changed is saved at its end, so that a
     * kill loses that turn alone. The other limits are those of the configuration that is shipped. */
    fprintf(file,
            "%s"
            "listener %u 127.0.0.1\n"
            "allow_anonymous true\n"
            "set_tcp_nodelay true\n"
            "persistence true\n"
            "persistence_location %s/broker/\n"
            "autosave_on_changes true\n"
            "autosave_interval 20\n"
            "log_type error\n"
            "log_type warning\n"
            "log_type notice\n"
            "max_queued_messages 1000000\n"
            "max_inflight_messages 256\n",
            geteuid() == 0 ? "user root\n" : "", s->broker_port, s->folder);
    fclose(file);
}

static void write_service_config(const struct stage *s)
{
    FILE *file = process_open_file(s->folder, "outputd.cfg");

    fprintf(file,
            "broker: { url = \"mqtt://127.0.0.1:%u\"; };\n"
            "registry: { path = \"registry.cfg\"; };\n"
            "profiles: { path = \"profiles\"; };\n"
            "engine: { ack_timeout_ms = 3000; drain_ms = 1000; };\n"
            "limits: { user_rate = 0.0; };\n"
            "journal: { path = \"journal\"; size_mb = 64; };\n"
            "http: { listen = \"\"; };\n",
            s->service_port);
    fclose(file);
}

static void resolve(const char *path, char out[256])
{
    char *whole = realpath(path, NULL);

    CHECK(whole && strlen(whole) < 200);
    snprintf(out, 256, "%s", whole);
    free(whole);
}

void stage_init(struct stage *s)
{
    const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
    const char *program = getenv("OUTPUTD");
    char path[240];

    *s = (struct stage){.broker_port = process_free_port(), .client_port = process_free_port()};
    s->service_port = process_free_port();
    snprintf(path, sizeof path, "%s/chaos", build);
    process_run_shell("rm -rf %s && mkdir -p %s/broker", path);
    process_run_shell("mkdir -p %s/journal %s/profiles", path);
    resolve(path, s->folder);
    snprintf(s->service_program, sizeof s->service_program, "%s%s", program ? program : build,
             program ? "" : "/outputd");
    if (access(s->service_program, X_OK) < 0) {
        perror(s->service_program);
        exit(EXIT_FAILURE);
    }
    s->has_disk = mount_disks(s);
    write_broker_config(s);
    write_service_config(s);
    fleet_write_registry(s->folder);
    s->broker_log = process_open_log(s->folder, "mosquitto.log");
    s->service_log = process_open_file(s->folder, "outputd.log");
    CHECK(pipe2(s->service_pipe, O_CLOEXEC) == 0);
    fcntl(s->service_pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
    fcntl(s->service_pipe[0], F_SETFL, O_NONBLOCK);
}

static void take_log(void *ctx, short revents)
{
    struct stage *s = ctx;
    char piece[65536];
    ssize_t n;

    (void)revents;
    while ((n = read(s->service_pipe[0], piece, sizeof piece)) > 0)
        fwrite(piece, 1, (size_t)n, s->service_log);
}

void stage_turn(struct stage *s)
{
    poller_add(s->service_pipe[0], POLLIN, take_log, s);
}

void stage_release(struct stage *s, bool keep)
{
    stage_kill_service(s);
    stage_kill_broker(s);
    take_log(s, 0);
    fclose(s->service_log);
    close(s->service_pipe[0]);
    close(s->service_pipe[1]);
    close(s->broker_log);
    if (keep)
        process_run_shell("cp -a %s/journal %s/journal-kept", s->folder);
    else
        process_run_shell("rm -f %s/*.log; cd %s", s->folder);
}

/* --- the service --- */

void stage_start_service(struct stage *s)
{
    char config[300];
    char *argv[] = {s->service_program, "-c", config, NULL};

    snprintf(config, sizeof config, "%s/outputd.cfg", s->folder);
    CHECK(s->service == 0);
    s->service = process_start(argv, s->service_pipe[1]);
}

void stage_kill_service(struct stage *s)
{
    if (s->service)
        process_kill(s->service);
    s->service = 0;
}

bool stage_service_ended(struct stage *s, int *status)
{
    if (!s->service || waitpid(s->service, status, WNOHANG) != s->service)
        return false;
    s->service = 0;
    return true;
}

void stage_limit_files(const struct stage *s, bool limit)
{
    struct rlimit size = {.rlim_cur = limit ? PAGE : RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    if (s->service)
        prlimit(s->service, RLIMIT_FSIZE, &size, NULL);
}

void stage_fill_disk(const struct stage *s, bool fill)
{
    static const char filling[PAGE];
    char path[300];
    int fd;

    snprintf(path, sizeof path, "%s/journal/filling", s->folder);
    unlink(path);
    if (!fill)
        return;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && write(fd, filling, sizeof filling) > 0)
        ;
    close(fd);
}

/* --- the broker --- */

void stage_start_broker(struct stage *s)
{
    char config[300];
    char *argv[] = {"mosquitto", "-c", config, NULL};

    snprintf(config, sizeof config, "%s/mosquitto.conf", s->folder);
    CHECK(s->broker == 0);
    s->broker = process_start(argv, s->broker_log);
}

void stage_kill_broker(struct stage *s)
{
    if (s->broker)
        process_kill(s->broker);
    s->broker = 0;
}

void stage_lose_broker_files(const struct stage *s)
{
    char path[300];

    snprintf(path, sizeof path, "%s/broker/mosquitto.db", s->folder);
    unlink(path);
}
