/* The command line. */
#include <stddef.h>

#include "load.h"

static const char usage_text[] =
    "usage: loadgen --broker HOST:PORT [options]\n"
    "  --trackers N      how many trackers take part (1000)\n"
    "  --first ID        the first of their ids (1000)\n"
    "  --stride N        from one id to the next (1)\n"
    "  --set-all N       set_all with N outputs, in place of set\n"
    "  --window W        requests in flight (1)\n"
    "  --rate R          R requests a second in place of a window, whatever comes back;\n"
    "                    their time counts from when they were due\n"
    "  --requests N      stop after N replies\n"
    "  --seconds S       stop after S seconds\n"
    "  --warmup N        requests before that which are not measured (0)\n"
    "  --hold N          before that one request each to N more trackers, which never ack\n"
    "  --no-presence     the trackers' presence is there already\n"
    "  --server-pid PID  measure the CPU time of this process too\n"
    "  --broker-pid PID  and of this one\n"
    "  --wait-ready      only wait until a request succeeds, for 10 s at most\n";

static _Noreturn void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static const struct {
    const char *name;
    size_t offset; /* of a uint64_t in struct load */
    uint64_t min;
    uint64_t max;
} number_options[] = {
    {"--trackers", offsetof(struct load, trackers), 1, TRACKERS_MAX},
    {"--first", offsetof(struct load, first_tracker), 1, INT32_MAX / 2},
    {"--stride", offsetof(struct load, stride), 1, 1000},
    {"--set-all", offsetof(struct load, set_all), 1, OUTPUTS_MAX},
    {"--window", offsetof(struct load, window), 1, WINDOW_MAX},
    {"--rate", offsetof(struct load, rate), 1, 1000000},
    {"--requests", offsetof(struct load, requests), 1, REQUESTS_MAX / 2},
    {"--warmup", offsetof(struct load, warmup), 0, REQUESTS_MAX / 4},
    {"--hold", offsetof(struct load, hold), 1, TRACKERS_MAX},
    {"--server-pid", offsetof(struct load, server_pid), 1, INT32_MAX},
    {"--broker-pid", offsetof(struct load, broker_pid), 1, INT32_MAX},
};

static void read_number_option(struct load *load, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof(number_options) / sizeof(number_options[0]); i++) {
        char *end;
        uint64_t number;

        if (strcmp(name, number_options[i].name) != 0)
            continue;
        number = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || number < number_options[i].min || number > number_options[i].max)
            usage();
        memcpy((char *)load + number_options[i].offset, &number, sizeof(number));
        return;
    }
    usage();
}

static void read_broker_option(struct load *load, const char *value)
{
    const char *colon = strrchr(value, ':');

    if (!colon || (size_t)(colon - value) >= sizeof(load->host))
        usage();
    memcpy(load->host, value, (size_t)(colon - value));
    load->port = colon + 1;
}

static void read_seconds_option(struct load *load, const char *value)
{
    char *end;

    load->seconds = strtod(value, &end);
    if (*end || !(load->seconds > 0) || load->seconds > 3600)
        usage();
}

void load_read_options(struct load *load, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];

        if (strcmp(name, "--no-presence") == 0)
            load->no_presence = true;
        else if (strcmp(name, "--wait-ready") == 0)
            load->wait_ready = true;
        else if (++i == argc)
            usage();
        else if (strcmp(name, "--broker") == 0)
            read_broker_option(load, argv[i]);
        else if (strcmp(name, "--seconds") == 0)
            read_seconds_option(load, argv[i]);
        else
            read_number_option(load, name, argv[i]);
    }
    if (!load->port || load->wait_ready == (load->requests || load->seconds > 0))
        usage();
}
