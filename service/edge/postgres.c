#include "postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* --- what went wrong --- */

/* In one line. */
static bool fail(struct postgres *p, const char *what, const char *why)
{
    size_t len;

    snprintf(p->error, sizeof p->error, "%s%s%s", what, *what ? ": " : "", why);
    len = strlen(p->error);
    while (len && (p->error[len - 1] == '\n' || p->error[len - 1] == ' '))
        p->error[--len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if (p->error[i] == '\n' || p->error[i] == '\t')
            p->error[i] = ' ';
    }
    return false;
}

static bool fail_by_connection(struct postgres *p)
{
    return fail(p, "", pq.errorMessage(p->conn));
}

/* libpq's own words on it may repeat a part of it, and with that a password. */
const char *postgres_check_conninfo(const char *conninfo)
{
    char *error = NULL;
    PQconninfoOption *options = pq.conninfoParse(conninfo, &error);

    if (error)
        pq.freemem(error);
    if (!options)
        return "is no connection string that libpq can read";
    pq.conninfoFree(options);
    return NULL;
}

/* --- waiting --- */

static int wait_ms(uint64_t until_ms)
{
    enum { LONGEST_MS = 60000 };
    uint64_t from_ms = clock_mono_ms();
    uint64_t left_ms = until_ms > from_ms ? until_ms - from_ms : 0;

    return left_ms < LONGEST_MS ? (int)left_ms : LONGEST_MS;
}

/* 1: the socket is ready; 0: the time has come, or somebody woke it; -EINTR: it is interrupted. */
static int wait_for_socket(struct postgres *p, short events, uint64_t until_ms)
{
    struct pollfd fds[] = {{.fd = pq.socket(p->conn), .events = events}, {.fd = p->wake_fd, .events = POLLIN}};
    int r = poll(fds, sizeof fds / sizeof *fds, wait_ms(until_ms));

    if (r > 0 && fds[1].revents && p->is_interrupted(p->ctx)) {
        p->was_interrupted = true;
        return -EINTR;
    }
    return r > 0 && fds[0].revents != 0;
}

void postgres_pause(struct postgres *p, uint64_t until_ms)
{
    struct pollfd fd = {.fd = p->wake_fd, .events = POLLIN};

    if (poll(&fd, 1, wait_ms(until_ms)) > 0)
        p->is_interrupted(p->ctx);
}

/* Until the socket is ready. */
static bool await(struct postgres *p, short events, uint64_t until_ms)
{
    int r;

    while ((r = wait_for_socket(p, events, until_ms)) == 0) {
        if (clock_mono_ms() >= until_ms)
            return fail(p, "", "the server does not answer");
    }
    return r > 0;
}

/* --- a connection --- */

static void ignore_notice(void *ctx, const char *message)
{
    (void)ctx;
    (void)message;
}

/* What stands before the connection string may be given otherwise in it. */
static PGconn *start(const struct postgres *p)
{
    static const char *const names[] = {
        "gssencmode",       "keepalives_idle",  "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "fallback_application_name",
        "dbname",           "client_encoding",  NULL,
    };
    char timeout[16];
    const char *const values[] = {"disable", "30", "10", "3", timeout, "outputd", p->conninfo, "UTF8", NULL};

    snprintf(timeout, sizeof timeout, "%u", p->timeout_ms);
    return pq.connectStartParams(names, values, 1);
}

bool postgres_open(struct postgres *p)
{
    uint64_t until_ms = clock_mono_ms() + p->timeout_ms;
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    p->was_interrupted = false;
    p->error[0] = '\0';
    p->conn = start(p);
    if (!p->conn)
        return fail(p, "", "without memory");
    if (pq.status(p->conn) == CONNECTION_BAD)
        return pq.socket(p->conn) < 0 && postgres_check_conninfo(p->conninfo)
                   ? fail(p, "registry.conninfo", "cannot be read")
                   : fail_by_connection(p);
    pq.setNoticeProcessor(p->conn, ignore_notice, NULL);
    while (next != PGRES_POLLING_OK) {
        if (!await(p, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms))
            return false;
        next = pq.connectPoll(p->conn);
        if (next == PGRES_POLLING_FAILED)
            return fail_by_connection(p);
    }
    return true;
}

void postgres_close(struct postgres *p)
{
    if (p->conn)
        pq.finish(p->conn);
    p->conn = NULL;
}

/* --- queries --- */

static bool await_result(struct postgres *p)
{
    while (pq.isBusy(p->conn)) {
        if (!await(p, POLLIN, clock_mono_ms() + p->timeout_ms))
            return false;
        if (!pq.consumeInput(p->conn))
            return fail_by_connection(p);
    }
    return true;
}

static bool is_good(struct postgres *p, const PGresult *result)
{
    ExecStatusType status = pq.resultStatus(result);
    const char *why = pq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return true;
    return why ? fail(p, "", why) : fail_by_connection(p);
}

/* Statements that end the connection have no result behind the one that says so. */
static bool is_last_result(struct postgres *p)
{
    PGresult *more = await_result(p) ? pq.getResult(p->conn) : NULL;

    if (more)
        pq.clear(more);
    return !more;
}

PGresult *postgres_query(struct postgres *p, const char *sql, const char *parameter)
{
    PGresult *result = NULL;

    if (!pq.sendQueryParams(p->conn, sql, parameter ? 1 : 0, NULL, &parameter, NULL, NULL, 0))
        fail_by_connection(p);
    else if (await_result(p))
        result = pq.getResult(p->conn);
    if (result && is_good(p, result) && is_last_result(p))
        return result;
    if (result)
        pq.clear(result);
    return NULL;
}

bool postgres_execute(struct postgres *p, const char *sql)
{
    PGresult *result = postgres_query(p, sql, NULL);

    if (result)
        pq.clear(result);
    return result != NULL;
}

/* --- notifications --- */

bool postgres_receive(struct postgres *p)
{
    return pq.consumeInput(p->conn) ? true : fail_by_connection(p);
}

bool postgres_wait(struct postgres *p, uint64_t until_ms)
{
    int r = wait_for_socket(p, POLLIN, until_ms);

    return r == 0 || (r > 0 && postgres_receive(p));
}

const char *postgres_notification(struct postgres *p, PGnotify **notify)
{
    *notify = pq.notifies(p->conn);
    return *notify ? (*notify)->extra : NULL;
}
