/* watch: from messages to hops, and from hops to what is shown. */
#ifndef OUTPUTCTL_WATCH_H
#define OUTPUTCTL_WATCH_H

#include "session.h"
#include "stats.h"
#include "trace.h"

/* One message, understood. Borrowed for the call. */
struct hop {
    const char *kind; /* "request", "command", "ack", "reply", "presence", "stats" */
    struct instant at;
    const struct row *row; /* NULL: belongs to no request that was seen */
    uint64_t after_us;     /* since the request; 0 for the request itself */
    int32_t tracker_id;    /* 0: not known */
    struct bytes topic;
    struct bytes payload; /* data NULL: not to be shown, as it holds a hash */
    struct bytes content_type;
    struct bytes reply_topic; /* requests only */
    const char *text;         /* for people */
    bool is_stored;           /* retained at the broker from some time ago */
    bool again;
};

struct watch;

/* A way to show it all. */
struct watch_view {
    void (*start)(struct watch *w);
    void (*hop)(struct watch *w, const struct hop *hop);
    /* After each turn of the loop. */
    void (*turn)(struct watch *w);
    /* About the connection. */
    void (*notice)(struct watch *w, const char *text);
    void (*finish)(struct watch *w);
    int wait_ms; /* how long a turn may take */
};

extern const struct watch_view watch_view_table, watch_view_lines, watch_view_json;

enum { FOLLOWED_MAX = 256, WATCH_FILTERS_MAX = 8 + REPLY_FILTERS_MAX };

/* Reply topics that requests have named, subscribed to as they come; the oldest makes room for a new one. */
struct followed {
    char *topics[FOLLOWED_MAX];
    size_t next;
    size_t fresh; /* how many before `next` are not subscribed to yet */
};

struct watch {
    const struct options *options;
    const struct watch_view *view;
    struct session session;
    struct trace trace;
    struct stats stats;
    struct followed followed;
    struct mqtt_filter filters[WATCH_FILTERS_MAX]; /* the texts are owned */
    size_t filter_count;
    uint64_t replies;
    uint64_t drawn_ms; /* of the table */
    bool is_stale;     /* the table has news */
    char notice[256];
};

/* Fills in the filters that hops are told by, with the prefix, and those of --replies. */
void watch_name_filters(struct watch *w);

/* The session's message handler; ctx is the watch. */
void watch_take(void *ctx, const struct mqtt_message *message);

/* Follows a request's reply topic, where no filter covers it yet. */
void watch_follow(struct watch *w, struct bytes reply_topic);

/* "12:00:01.123", local time. */
enum { WATCH_TIME_SIZE = 16 };
void watch_put_time(int64_t wall_ms, char out[WATCH_TIME_SIZE]);

#endif
