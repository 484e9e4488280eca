/* A stage for the engine: a small world in memory, a clock that is moved by hand, and a journal, an outbox and a broker
 * that are nothing but lists. The verbs read like the protocol: set, expect a command, ack, expect a reply.
 *
 * There is one stage a process: stage_open() and stage_close() are the init and fini of a suite. A turn of the loop is
 * stage_turn(): the clock is looked at, the journal is written, and what may leave leaves.
 *
 * The stage watches on its own, in every test: a command is staged with a record in the same turn, leaves only with
 * that record in the journal, at most once over all crashes, and never past its deadline; all replies of one request
 * are the same. */
#ifndef SUPPORT_ENGINE_STAGE_H
#define SUPPORT_ENGINE_STAGE_H

#include "core/engine.h"

/* --- the world, as stage_open makes it --- */

enum {
    USER_OWNER = 1,
    USER_BLOCKED = 2,
    USER_OTHER = 3,
    STAGE_USERS = 3,
};

enum {
    TRACKER_JSON = 101, /* 3 outputs */
    TRACKER_JSON_2,     /* 3 outputs */
    TRACKER_MSGPACK,    /* 3 outputs */
    TRACKER_ECHO,       /* lines of text, acks repeat what was commanded; set only, 2 outputs */
    TRACKER_FIFO,       /* text, acks say only yes or no; 2 outputs, quarantine 3 s */
    TRACKER_STATED,     /* text that states all 3 outputs and has no word for "keep"; acks repeat it */
    TRACKER_WIDE,       /* json, 64 outputs */
    TRACKER_BLOCKED,
    TRACKER_CLONE,
    TRACKER_MODELLESS, /* no profile serves its model */
    TRACKER_FOREIGN,   /* of USER_OTHER */
    TRACKER_RESERVED,  /* json, 3 outputs, the first one reserved */
    TRACKER_BATCH,     /* text, acks say only yes; set_all only, 2 outputs */
    TRACKER_OWN,       /* json on topics of its own, dev/IMEI-114/…; 2 outputs, ack timeout 4 s */
    TRACKER_REPORTING, /* lines that report states, asked for or not, and are the acks; 3 outputs */
    TRACKER_PIECES,    /* acks from a + to a $, perhaps in pieces, that repeat the command; quarantine 2 s */
    TRACKER_FRAMED,    /* acks are frames, perhaps in pieces */
    TRACKER_GATE,      /* these two share the ack topic gate/north/ack, and acks repeat who and what. They are gone */
    TRACKER_GATE_2,    /* until they get their ids */
    TRACKER_CHOOSY,    /* text; there is no command to switch output 2 on */
    TRACKER_PLACED,    /* text; there is no topic to switch output 2 on */
    TRACKER_END,
    TRACKER_NONE = 999,
    STAGE_TRACKERS = TRACKER_END - TRACKER_JSON,
};

#define HASH_MASTER "a6aa75587e5c59c32d347da438505fc3"  /* of USER_OWNER, as all but the last two */
#define HASH_SUB "00000000000000000000000000000001"     /* may set outputs of TRACKER_JSON and TRACKER_FOREIGN */
#define HASH_WATCHER "00000000000000000000000000000002" /* sees everything, may set nothing */
#define HASH_SHORT "00000000000000000000000000000003"   /* master, for STAGE_SHORT_MS from the start */
#define HASH_BLOCKED "00000000000000000000000000000004" /* of USER_BLOCKED */
#define HASH_OTHER "00000000000000000000000000000005"   /* of USER_OTHER */
#define HASH_UNKNOWN "ffffffffffffffffffffffffffffffff"

enum { STAGE_SESSIONS = 6, STAGE_SHORT_MS = 5000, STAGE_WALL_MS_S = 1795000000 };

struct stage_session {
    const char *hash; /* NULL: revoked */
    struct registry_session session;
};

struct stage_tracker {
    struct registry_entry tracker; /* id 0: gone */
    const char *model;
    char device_id[16];
};

/* --- what the engine wanted --- */

struct stage_command {
    uint64_t id;
    char *topic;
    char *ack_topic;
    char *content_type; /* NULL: none */
    uint8_t *payload;
    size_t len;
    char *what; /* "1 on", "2 off", "1,0,1", or the payload where it is text */
    uint64_t deadline_ms;
};

struct stage_reply {
    uint64_t id;
    bool waits;
    char *topic;
    char *correlation; /* NULL: none */
    const char *content_type;
    uint8_t *payload;
    size_t len;
    enum code code;
    enum outcome outcome;
    char *request_id; /* as JSON text: "\"a\"" or "7"; NULL: none. Not read from MessagePack, nor is the next */
    char *errors;     /* the bad parameters: "output,enable"; NULL: none */
};

/* Where set, told in place of the lists that expect_… read from. What they are given is theirs for the call. */
struct stage_watch {
    void (*command)(const struct stage_command *command);
    void (*cancel)(uint64_t id);
    void (*reply)(const struct stage_reply *reply);
    void (*left)(uint64_t id, bool is_command);
    void (*event)(const struct engine_event *event);
};

struct stage {
    struct engine *engine;
    struct engine_config config; /* limits of the store take effect at stage_reload */
    struct instant now;
    struct registry_user users[STAGE_USERS]; /* edit these and call stage_reload; user id 0: gone */
    struct stage_session sessions[STAGE_SESSIONS];
    struct stage_tracker trackers[STAGE_TRACKERS];
    bool no_registry;
    const char *without_profile; /* this one is left out at the next reload */
    struct stage_watch watch;
    const char *ignored_why; /* of the last ack that was ignored */
};

extern struct stage *stage;

/* --- life --- */

void stage_open(void);      /* presence is read, every tracker is online */
void stage_open_cold(void); /* just started: presence is not read yet */
void stage_close(void);

void stage_reload(void);
struct registry *stage_registry(void); /* as the world stands now; NULL with no_registry */
struct profiles *stage_profiles(void);
void stage_fill_world(struct stage *s); /* the world above */

struct stage_tracker *stage_tracker(int32_t id);
struct stage_session *stage_session(const char *hash);
struct registry_user *stage_user(int32_t id);

/* --- messages --- */

struct stage_request {
    const char *action; /* NULL: set */
    const char *hash;   /* NULL: HASH_MASTER */
    int32_t tracker;
    int32_t output;
    bool enable;
    const char *outputs;    /* "1,0,1": set_all */
    const char *request_id; /* JSON text: "\"a\"" or "7" */
    const char *response_topic_parameter;
    const char *payload; /* in place of all of that */
    size_t payload_len;  /* 0: up to its NUL */
    const char *response_topic;
    size_t response_topic_len; /* 0: up to its NUL */
    const char *correlation;
    const char *content_type;
    uint32_t expiry_s;
    bool has_expiry;
    bool retain;
    bool dup;
    bool local;              /* by engine_local_request */
    const char *hash_beside; /* local: that did not come in the payload */
};

/* Of a local one: the id under which it will be answered. */
uint64_t stage_request(const struct stage_request *request);

/* stage_set(TRACKER_JSON, 1, true, .request_id = "7") */
#define stage_set(tracker_, output_, enable_, ...) \
    stage_request(&(struct stage_request){.tracker = (tracker_), .output = (output_), .enable = (enable_), __VA_ARGS__})
#define stage_set_all(tracker_, outputs_, ...) \
    stage_request(                             \
        &(struct stage_request){.action = "set_all", .tracker = (tracker_), .outputs = (outputs_), __VA_ARGS__})

struct stage_publish {
    const char *topic;
    const char *payload;
    size_t len; /* 0: up to its NUL */
    uint64_t correlation_id;
    bool retain;
};

void stage_publish(const struct stage_publish *publish);

void stage_ack(const struct stage_command *command);    /* success */
void stage_refuse(const struct stage_command *command); /* both: json and msgpack */
void stage_tell(int32_t tracker, const char *text);     /* any text on its ack topic */
void stage_online(int32_t tracker);
void stage_offline(int32_t tracker);

/* --- time, journal, outbox --- */

void stage_advance(uint64_t ms); /* moves the clock and ticks */
void stage_commit(void);         /* the journal is written, or fails where stage_journal_breaks was called */
void stage_send(void);           /* everything that may leave does */
void stage_deliver(void);        /* the broker acknowledges every reply that has left */
void stage_turn(void);           /* tick, commit, send */

void stage_journal_breaks(void); /* from the next commit on */
void stage_journal_works(void);  /* from the next commit on */
bool stage_journal_is_down(void);
void stage_journal_forge(uint64_t id, int32_t tracker); /* the record of a request is of this tracker now */
size_t stage_journal_count(enum journal_kind kind);     /* committed records */
bool stage_journal_has(enum journal_kind kind, uint64_t id);

/* The process ends and starts again: what was not committed is gone, and so is what had not left. Presence is to be
 * read back: stage_reconnect. */
void stage_crash_and_recover(void);
void stage_reconnect(void); /* reads back who is online */
void stage_presence_read(void);

bool stage_was_sent(uint64_t id);

/* --- expectations: what the engine wanted, in the order in which it did --- */

/* Both give memory that lives as long as the stage. */
const struct stage_command *expect_command(int32_t tracker, const char *what);
const struct stage_reply *expect_reply(enum code code, enum outcome outcome);
void expect_cancel(uint64_t id);
void expect_nothing(void);

/* A request that is commanded: stage_set, a turn, and its command. */
const struct stage_command *stage_set_and_send(int32_t tracker, int32_t output, bool enable);

/* The state that is published next, or that none is. */
void expect_state(const char *topic, const char *outputs);
void expect_no_state(void);

#define EXPECT_COUNTED(counter_, n_)                                                                        \
    cr_assert_eq(engine_counters(stage->engine)->counter_, (uint64_t)(n_), #counter_ ": %llu, expected %d", \
                 (unsigned long long)engine_counters(stage->engine)->counter_, (int)(n_))

#endif
