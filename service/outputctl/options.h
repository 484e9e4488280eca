/* The command line: what every verb of outputctl can be told, read by tables of options. */
#ifndef OUTPUTCTL_OPTIONS_H
#define OUTPUTCTL_OPTIONS_H

#include "base/buffer.h"
#include "wire/request.h"

/* Exit statuses beside 0. */
enum { EXIT_ERROR = 1, EXIT_USAGE = 2, EXIT_NO_REPLY = 3 };

enum { REPLY_FILTERS_MAX = 32 };

enum wish { WISH_NONE, WISH_ON, WISH_OFF };

/* "1,0,-": bit n is output n + 1. */
struct switches {
    uint64_t known;
    uint64_t on;
    uint8_t count; /* 0: not given */
};

/* Texts are borrowed from the command line or the environment, and NULL where they are not given. */
struct options {
    const struct verb *verb;
    bool help;
    char *const *operands; /* what stands there without an option */
    int operand_count;

    const char *broker;
    const char *username;
    char *password; /* owned */
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
    bool insecure;
    int protocol; /* 5, or 4 for MQTT 3.1.1 */
    const char *prefix;

    int32_t tracker; /* 0: not given */
    int32_t output;  /* 0: not given */
    enum wish on;
    enum wish off;
    struct switches outputs;

    char *hash; /* owned */
    const char *request_id;
    bool msgpack;
    uint32_t timeout_ms;
    bool json;

    const char *reply_filters[REPLY_FILTERS_MAX];
    size_t reply_filter_count;
    bool lines;
    uint32_t reply_goal; /* 0: without end */

    const char *profile;
    const char *profiles; /* folder */
    enum action action;   /* ACTION_UNKNOWN: not given */
    const char *device_id;
    uint64_t command_id;
    struct buffer vars; /* name NUL value NUL … */
    struct switches states;
    uint32_t output_count; /* 0: not given */

    const char *topic;
    const char *hex;
    bool show;

    const char *url;
    uint32_t health_timeout_ms;
    const char *head; /* of an audit trail */
};

/* One option; `take` reads its value into the member at `offset` of the options. */
struct option_line {
    const char *name;
    const char *value; /* how the help calls it; NULL: a switch */
    int (*take)(struct options *options, const struct option_line *line, const char *value);
    size_t offset;
    const char *help;
};

struct option_group {
    const char *heading;
    const struct option_line *lines; /* the last one has no name */
};

extern const struct option_group option_group_broker, option_group_request, option_group_set, option_group_set_all,
    option_group_watch, option_group_profile, option_group_action, option_group_ack, option_group_health,
    option_group_audit;

/* One command of the program. */
struct verb {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* for the list of all */
    const char *text;      /* what it does, with an example */
    const struct option_group *const *groups;
    int operands_max;
    int (*run)(const struct options *options); /* an exit status */
};

/* Reads the arguments behind the verb. 0, or -EINVAL with the mistake printed. Call options_release in any case. */
int options_read(struct options *options, const struct verb *verb, int argc, char **argv);
void options_release(struct options *options);

void options_print_help(const struct verb *verb);

/* Prints a mistake in the usage with a hint to --help; -EINVAL. */
int options_wrong(const struct options *options, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What belongs together is there. Both 0, or -EINVAL with the mistake printed. */
int options_check_broker(const struct options *options);
int options_check_enable(const struct options *options);

#endif
