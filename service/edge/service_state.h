/* The service's inside, shared by its files: service.c (life and signals), service_turn.c (one
 * turn of the loop), service_link.c (the connection),
 * service_files.c (reload), service_registry.c (a registry from a database), service_report.c (what people see),
 * service_http.c (HTTP), service_metrics.c, service_supervised.c (what the supervisor is told). */
#ifndef EDGE_SERVICE_STATE_H
#define EDGE_SERVICE_STATE_H

#include <sys/stat.h>

#include "edge/audit.h"
#include "edge/journal_file.h"
#include "edge/metrics.h"
#include "edge/outbox.h"
#include "edge/registry_postgres.h"
#include "edge/supervisor.h"
#include "edge/world.h"
#include "registry_post.h"

struct supervised {
    struct supervisor supervisor;
    enum supervisor_state told;
    bool was_ready;
    unsigned subject;   /* of the status that it was told */
    uint64_t status_ms; /* when */
    uint64_t reloads;   /* as last looked at */
    uint64_t reloads_failed;
    bool reload_refused; /* the last one */
};

struct service {
    const char *config_path;
    struct config *first;   /* as it was at the start: instance, broker, topics and journal stay so */
    struct config *current; /* limits, timeouts and log, as last read */
    struct engine *engine;
    struct outbox *outbox;
    struct journal_file *journal_file;
    struct journal *journal; /* in it */
    struct audit *audit;     /* NULL: there is no trail */
    struct mqtt *mqtt;
    struct mqtt_handlers handlers;
    int signal_fd;

    /* connection */
    struct buffer filters; /* that the session at the broker has: names with their NULs, one behind the other */
    struct buffer gone;    /* of these: to be unsubscribed */
    bool filters_wanted;   /* to be subscribed to anew */
    bool stop_wanted;      /* requests are to be unsubscribed */
    bool subscribed_requests;
    bool has_backlog; /* paho may hold messages that it has acknowledged already */
    bool link_up;     /* as far as the outbox and the log know */
    uint64_t connect_at_ms;
    uint32_t backoff_ms;
    uint64_t connected_ms; /* since when */
    uint64_t lost_ms;
    unsigned short_lives; /* connections in a row that were lost soon */
    uint64_t acked_ms;    /* the last PUBACK */
    bool presence_known;  /* read back on this connection */
    bool fence_seen;
    unsigned fences_lost;
    int64_t alive_wall_ms; /* when the service was last connected, in this life or the one before */
    uint64_t fence_number;
    uint64_t fence_sent_ms;
    uint64_t last_retained_ms;
    bool connected_once;
    bool has_to_send;  /* more than one turn may take */
    unsigned received; /* messages, in this turn */
    bool is_busy;      /* so many come that it pays to wait for more */
    uint64_t counted;  /* messages */
    uint64_t counted_since_ms;

    /* files */
    struct stat registry_stat;
    uint64_t registry_checked_ms;
    bool reload_wanted;                 /* by a signal */
    struct reload *reload;              /* the one that is under way, or NULL */
    struct registry_postgres *registry; /* NULL: it comes from a file */
    struct registry_status registry_status;

    /* journal */
    bool journal_down; /* what is staged could not be written, and waits */
    bool journal_full;
    uint64_t committed_ms; /* or tried to */

    struct service_shared *shared; /* NULL: state is in memory */
    struct service_heir *heir;     /* NULL: no session is being emptied */
    struct service_http *http;     /* NULL: off */
    struct metrics metrics;
    uint64_t registry_loaded_ms;   /* the last one */
    uint64_t minute_ms;            /* the beginning of this one */
    uint64_t minute_longest_us[2]; /* the longest turn: in this minute, in the one before */

    uint64_t stats_sent_ms;
    uint64_t turn_longest_us; /* since then */
    uint64_t started_ms;
    struct instant now;
    bool handing_over; /* to the next process */
    bool stop;
    uint64_t stop_at_ms; /* at the latest */
    struct supervised supervised;
};

/* service.c */
/* Gives engine and outbox what the journal holds. 0, or a negative errno after saying on stderr what is wrong. */
int life_recover(struct service *s);
uint64_t life_first_id(const struct service *s);
/* SIGTERM: at the second one it stops at once. */
void life_drain(struct service *s);
/* Draining, or handing over. */
bool life_is_stopping(const struct service *s);

/* service_turn.c */
/* Engine and outbox, and what they tell each other. */
void turn_make_engine(struct service *s, uint64_t first_id);
/* One turn; `first` is called in it before anything else, where it is not NULL. True: there is more to do at once. */
bool turn_run(struct service *s, void (*first)(struct service *s));
/* How long the next one may be waited for, unless something comes. */
int turn_wait_ms(const struct service *s);

/* service_link.c */
void link_init(struct service *s);
/* The filters of the last life, from the journal; to be given to journal_each. */
int link_recover_filters(void *ctx, enum journal_kind kind, uint64_t id, struct bytes record);
/* Connects when it is time to; keeps the fence going. */
void link_tick(struct service *s);
/* Milliseconds until link_tick has something to do. */
int64_t link_wait_ms(const struct service *s);
/* Takes what the socket has. False: nothing was there. *more: there may be more at once. */
bool link_receive(struct service *s, bool *more);
void link_lost(struct service *s);
/* A message that waited for an instance that is dead. */
void link_take_inherited(struct service *s, const struct mqtt_message *message);
/* What that instance subscribes to: requests, acks, presence, its own topics. */
void link_put_names_of(const struct service *s, const char *instance, struct buffer *names, size_t *count);
void link_stop_requests(struct service *s);
/* After a reload: topics of profiles may have come or gone. */
void link_update_filters(struct service *s);

/* service_files.c */
/* Reloads what a signal has asked for, or the registry when its file has changed, on a thread of its own; takes what
 * that has read. */
void files_watch(struct service *s);
void files_reload(struct service *s); /* SIGHUP */
void files_remember(struct service *s);
/* Readable when there is something to be taken, or -1. */
int files_fd(const struct service *s);
/* True from SIGHUP until what it asked for runs, or was refused. */
bool files_are_reloading(const struct service *s);
/* Gives up what is under way. */
void files_close(struct service *s);
/* Takes rules of the profiles that run; of others, which a reload has asked for, with all that it brings. In *rules
 * stays what was there before, without the profiles. */
void files_take_rules(struct service *s, struct rules *rules);
void files_take_reload(struct service *s, struct rules *rules);
void print_mistakes(const struct mistakes *m);

/* service_registry.c; all do nothing where the registry comes from a file */
/* Starts to read it, and waits for it unless the database is away. False after saying on stderr what is wrong. */
bool registry_open(struct service *s);
void registry_close(struct service *s);
/* Takes what was read. */
void registry_turn(struct service *s);
/* Readable when there is something to be taken, or -1. */
int registry_fd(const struct service *s);
/* Rules of these profiles will come to files_take_reload. */
void registry_ask(struct service *s, struct profiles *profiles);
/* Since it was last read, or known to be what the database has. */
uint64_t registry_age_ms(const struct service *s);
/* Why there is none. */
const char *registry_is_missing(const struct service *s);
/* Appends what else is to be known where requests are served. */
void registry_put_readiness(const struct service *s, struct buffer *out);

/* service_http.c; all but the start take a service without */
/* 0, or a negative errno after saying on stderr what is wrong. */
int http_start(struct service *s);
void http_stop(struct service *s);
/* Takes what was asked for. */
void http_turn(struct service *s);
/* A reply to a request that came over HTTP, perhaps in an earlier life: for those who wait for it. */
void http_reply(struct service *s, uint64_t id, enum code code, struct bytes payload);
/* Another instance has made the reply to a request that came here; its id is the correlation. */
void http_take_reply(struct service *s, struct bytes correlation, struct bytes payload);
/* Shows it to the console's pages, where there are any. */
void console_event(struct service *s, const struct engine_event *event);
/* What was shown in this turn may be told. */
void console_turn(struct service *s);
/* Readable when there is something to be taken, or -1. */
int http_fd(const struct service *s);
void http_metrics_write(const struct service *s, struct buffer *out);

/* Records of JOURNAL_SESSION. */
enum { SESSION_FILTERS = 0, SESSION_RUN = 1 };

/* service_shared.c; all of them take a service without */
/* Once there is an engine, before it recovers anything. 0, or a negative number after logging what is wrong. */
int shared_open(struct service *s);
void shared_close(struct service *s);
/* Which start of the server this instance saw last. */
int shared_recover_run(struct service *s, struct bytes record);
struct shared_call;
/* The engine's effect. */
void shared_ask_server(void *ctx, const struct shared_call *call);
/* Takes answers. False: what is held may not leave yet. */
bool shared_turn(struct service *s);
/* Sends what was asked. True: what was received in this turn may not be acknowledged before that is answered. */
bool shared_hold(struct service *s);
bool shared_is_held(const struct service *s);
/* Nothing is to be received yet. */
bool shared_is_awaited(const struct service *s);
void shared_flush(struct service *s);
/* There are other instances, as far as is known. */
bool shared_has_peers(const struct service *s);
bool shared_is_up(const struct service *s);
void shared_metrics_write(const struct service *s, struct buffer *out);
int shared_fd(const struct service *s);
short shared_events(const struct service *s);
/* What poll has said of it. */
void shared_polled(struct service *s, short revents);
int64_t shared_wait_for_ms(const struct service *s);
/* The session of this dead instance is empty, and ended. */
void shared_bury(struct service *s, struct bytes dead);
/* This instance has left nothing at the broker. */
void shared_leave(struct service *s);

/* service_heir.c */
/* The session of this dead instance is to be taken over, unless one is being emptied already. */
void heir_begin(struct service *s, struct bytes dead);
/* The dead one lives. */
void heir_stop(struct service *s);
bool heir_receive(struct service *s);
void heir_hold(struct service *s, bool hold);
/* Begins, and ends what is over: before anything is received in the turn, with no answer outstanding. */
void heir_turn(struct service *s);
bool heir_is_busy(const struct service *s);
const char *heir_of(const struct service *s); /* NULL: nobody's */
int heir_fd(const struct service *s);
int64_t heir_wait_ms(const struct service *s);
void heir_free(struct service *s);

/* service_metrics.c */
void metrics_note_turn(struct service *s, uint64_t took_us);
void metrics_write(const struct service *s, struct buffer *out);
/* Why it does not serve requests; NULL: it does. */
const char *service_is_not_ready(const struct service *s);

/* service_report.c */
void report_event(void *ctx, const struct engine_event *event);
void report_counters(struct service *s); /* SIGUSR1 */
void report_stats(struct service *s);

/* service_supervised.c */
void supervised_open(struct service *s); /* once the files and the journal are read */
void supervised_tick(struct service *s);
/* turn_wait_ms, or less where the watchdog wants to hear of it before. */
int supervised_wait_ms(const struct service *s);

#endif
