#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "core/topic.h"
#include "terminal.h"
#include "verbs.h"

static volatile sig_atomic_t is_ending, is_resized;

static void on_signal(int number)
{
    if (number == SIGWINCH)
        is_resized = true;
    else
        is_ending = true;
}

/* Without SA_RESTART, so that a wait ends at once; SIGWINCH too, for a table of the new size. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    const struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

void watch_put_time(int64_t wall_ms, char out[WATCH_TIME_SIZE])
{
    time_t seconds = wall_ms / 1000;
    struct tm local;
    size_t len;

    localtime_r(&seconds, &local);
    len = strftime(out, WATCH_TIME_SIZE, "%H:%M:%S", &local);
    snprintf(out + len, WATCH_TIME_SIZE - len, ".%03u", (unsigned)(wall_ms % 1000));
}

/* --- reply topics that requests name --- */

static bool is_covered(const struct watch *w, struct bytes topic)
{
    for (size_t i = 0; i < w->filter_count; i++) {
        if (topic_matches(bytes_of_text(w->filters[i].filter), topic))
            return true;
    }
    for (size_t i = 0; i < FOLLOWED_MAX; i++) {
        if (w->followed.topics[i] && bytes_equal_text(topic, w->followed.topics[i]))
            return true;
    }
    return false;
}

static struct mqtt_filter followed_filter(const char *topic)
{
    return (struct mqtt_filter){.filter = topic, .qos = 1, .no_retained = true};
}

/* Only later, out of the message handler, is it subscribed to. What is no topic name is left aside: it may be a
 * wildcard, and the service does not reply to it either. */
void watch_follow(struct watch *w, struct bytes topic)
{
    struct followed *followed = &w->followed;
    char **place = &followed->topics[followed->next];

    if (!topic_is_publishable(topic) || is_covered(w, topic))
        return;
    if (*place)
        mqtt_unsubscribe(w->session.m, &(const char *){*place}, 1);
    free(*place);
    *place = bytes_dup(topic);
    CHECK(*place);
    followed->next = (followed->next + 1) % FOLLOWED_MAX;
    if (followed->fresh < FOLLOWED_MAX)
        followed->fresh++;
}

static void subscribe_to_fresh(struct watch *w)
{
    struct mqtt_filter filters[FOLLOWED_MAX];
    size_t count = 0;

    for (size_t i = 0; i < w->followed.fresh; i++) {
        const char *topic = w->followed.topics[(w->followed.next + FOLLOWED_MAX - 1 - i) % FOLLOWED_MAX];

        if (topic)
            filters[count++] = followed_filter(topic);
    }
    w->followed.fresh = 0;
    /* One that the broker refuses is a reply that will not be seen; the rest goes on. */
    if (count)
        mqtt_subscribe(w->session.m, filters, count);
}

/* --- the connection --- */

/* One by one: a filter that this user may not read does not hide the others. 0 where at least one was taken. */
static int subscribe(struct watch *w)
{
    int result = -EACCES;

    for (size_t i = 0; i < w->filter_count; i++) {
        int r = mqtt_subscribe(w->session.m, &w->filters[i], 1);

        if (r == -ENOTCONN)
            return r;
        if (r == 0)
            result = 0;
        else
            fprintf(stderr, "outputctl watch: %s\n", session_error(&w->session));
    }
    w->followed.fresh = FOLLOWED_MAX; /* all of them anew */
    return result;
}

static int connect_first(struct watch *w)
{
    enum { CONNECT_TIMEOUT_S = 10 };
    const struct mqtt_handlers handlers = {.ctx = w, .message = watch_take, .acked = NULL};
    int r = session_open(&w->session, w->options, CONNECT_TIMEOUT_S, &handlers);

    if (r == 0)
        r = subscribe(w);
    if (r < 0)
        fprintf(stderr, "outputctl watch: %s: %s\n", w->options->broker, session_error(&w->session));
    else
        fprintf(stderr, "watching %s\n", w->options->broker);
    return r;
}

/* Until it is there again or a signal says to end. */
static void reconnect(struct watch *w)
{
    enum { PAUSE_MS = 1000 };
    char text[sizeof w->notice];
    int r = -ENOTCONN;

    snprintf(text, sizeof text, "%s; trying again", session_error(&w->session));
    w->view->notice(w, text);
    while (r < 0 && !is_ending) {
        w->view->turn(w);
        nanosleep(&(struct timespec){.tv_sec = PAUSE_MS / 1000}, NULL);
        r = mqtt_connect(w->session.m);
        if (r == 0)
            r = subscribe(w);
    }
    w->view->notice(w, r < 0 ? "" : "connected again");
}

/* --- the loop --- */

static bool has_enough(const struct watch *w)
{
    return w->options->reply_goal && w->replies >= w->options->reply_goal;
}

static void run(struct watch *w)
{
    while (!is_ending && !has_enough(w) && !ferror(stdout)) {
        int r = session_take(&w->session);

        if (r < 0)
            reconnect(w);
        if (w->followed.fresh)
            subscribe_to_fresh(w);
        w->is_stale |= is_resized;
        is_resized = false;
        w->view->turn(w);
        if (r == 0 && !is_ending)
            session_wait(&w->session, w->view->wait_ms);
    }
}

static void release(struct watch *w)
{
    session_close(&w->session);
    trace_release(&w->trace);
    for (size_t i = 0; i < w->filter_count; i++)
        free((char *)(uintptr_t)w->filters[i].filter);
    for (size_t i = 0; i < FOLLOWED_MAX; i++)
        free(w->followed.topics[i]);
}

static const struct watch_view *choose_view(const struct options *options)
{
    if (options->json)
        return &watch_view_json;
    return options->lines || !terminal_is_live(stdout) ? &watch_view_lines : &watch_view_table;
}

static int check(const struct options *options)
{
    for (size_t i = 0; i < options->reply_filter_count; i++) {
        if (!topic_filter_is_valid(bytes_of_text(options->reply_filters[i])))
            return options_wrong(options, "--replies: \"%s\" is not a topic filter", options->reply_filters[i]);
    }
    return options_check_broker(options);
}

int watch_run(const struct options *options)
{
    static struct watch w;
    int r;

    if (check(options) < 0)
        return EXIT_USAGE;
    w = (struct watch){.options = options, .view = choose_view(options)};
    trace_init(&w.trace);
    watch_name_filters(&w);
    catch_signals();
    r = connect_first(&w);
    if (r == 0) {
        w.view->start(&w);
        run(&w);
        w.view->finish(&w);
    }
    release(&w);
    return r < 0 ? EXIT_NO_REPLY : EXIT_SUCCESS;
}
