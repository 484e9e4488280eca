#include "witness/verdict.h"

/* A request that nobody repeats shows what a repetition would hide: once the service has sent its PUBACK, it alone owes
 * the reply. It has paid when the requester heard it, or when the broker took it: what a broker loses then is not the
 * service's. A request that its requester repeats must have been answered in any case. */
static struct finding find_lost(const struct request *r)
{
    if (!r->once && r->heard == 0)
        return (struct finding){FAULT_LOST, "no reply, although it was repeated", 0};
    if (r->pubacked && r->heard == 0 && !r->reply_taken)
        return (struct finding){FAULT_LOST, "no reply after the service's PUBACK", 0};
    return (struct finding){0};
}

static struct finding find_repeated(const struct request *r)
{
    if (r->commands > 1)
        return (struct finding){FAULT_REPEATED, "commanded more than once", 0};
    if (r->reached > 1)
        return (struct finding){FAULT_REPEATED, "two commands reached the tracker", 0};
    return (struct finding){0};
}

/* Different deliveries without DUP: the service has a right to take the second for a repetition by the requester, which
 * is judged anew where a check refused the first. */
bool verdict_judged_anew(const struct request *r)
{
    return r->refused_first && r->fresh > 1 && (r->commands > 0 || r->verdict_count > 1);
}

static bool heard(const struct request *r, enum answer answer)
{
    for (unsigned i = 0; i < r->verdict_count; i++) {
        if (r->verdicts[i].answer == answer)
            return true;
    }
    return false;
}

static unsigned count_after_sending(const struct request *r)
{
    unsigned count = 0;

    for (unsigned i = 0; i < r->verdict_count; i++)
        count += r->verdicts[i].answer != ANSWER_NOT_SENT;
    return count;
}

static const char *contradiction_between_replies(const struct request *r)
{
    if (count_after_sending(r) > 1)
        return "two different replies";
    if (r->verdict_count > 1 && !verdict_judged_anew(r))
        return "two different replies to one delivery";
    return NULL;
}

bool verdict_is_unheard(const struct request *r)
{
    return r->commands && (r->refused_first || r->refused_after) && !heard(r, ANSWER_NOT_SENT);
}

static const char *contradiction_with_tracker(const struct request *r)
{
    bool told = heard(r, ANSWER_NOT_SENT);

    if (told && r->refused_after)
        return "not_sent after its command was sent";
    if (told && (r->commands || r->reached) && !verdict_judged_anew(r))
        return "commanded, and not_sent";
    if (heard(r, ANSWER_SUCCESS) && r->reached == 0)
        return "success, but no command reached the tracker";
    if (heard(r, ANSWER_SUCCESS) && !(r->answered & 1u << ANSWER_SUCCESS))
        return "success, but the tracker did not say so";
    if (heard(r, ANSWER_REJECTED) && !(r->answered & 1u << ANSWER_REJECTED))
        return "rejected, but the tracker did not say so";
    return NULL;
}

/* A request to a tracker that is never online waits where presence has not been read back, and a drain or a journal
 * that cannot be written ends it there. */
static bool is_refusal(enum wish wish, const struct verdict *v)
{
    if (v->answer != ANSWER_NOT_SENT)
        return false;
    return wish == WISH_OFFLINE ? v->code == 213 || v->code == 8 : v->code == 4;
}

static bool is_as_wished(const struct request *r)
{
    if (r->wish == WISH_WELL)
        return true;
    for (unsigned i = 0; i < r->verdict_count; i++) {
        if (!is_refusal(r->wish, &r->verdicts[i]))
            return false;
    }
    return r->commands == 0 && r->reached == 0;
}

static struct finding find_contradiction(const struct request *r)
{
    const char *why = contradiction_between_replies(r);

    why = why ? why : contradiction_with_tracker(r);
    why = why || is_as_wished(r) ? why : "not the refusal that it must get";
    return (struct finding){why ? FAULT_CONTRADICTION : FAULT_NONE, why, 0};
}

struct finding verdict_of(const struct request *r)
{
    struct finding finding = find_repeated(r);

    if (!finding.class)
        finding = find_contradiction(r);
    if (!finding.class)
        finding = find_lost(r);
    return finding;
}
