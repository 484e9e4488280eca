#include "core/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/check.h"

/* For each place at which a match may begin. A good pattern over an ack of a few hundred bytes needs far less. */
enum { MATCH_LIMIT = 10000 };

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int groups[GROUP_COUNT]; /* negative: there is none of this name */
    enum checksum checksum;
};

static void find_groups(struct pattern *p)
{
    static const char *const names[GROUP_CHECKSUM] = {"key", "output", "on", "off"};
    int *checksum = &p->groups[GROUP_CHECKSUM];

    for (int i = 0; i < GROUP_CHECKSUM; i++)
        p->groups[i] = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR)names[i]);
    *checksum = -1;
    for (p->checksum = 0; p->checksum < CHECKSUM_COUNT; p->checksum++) {
        *checksum = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR)checksum_name(p->checksum));
        if (*checksum > 0)
            break;
    }
}

struct pattern *pattern_compile(const char *text, const char **error)
{
    static char message[160];
    struct pattern *p = calloc(1, sizeof *p);
    PCRE2_SIZE offset;
    int code;

    CHECK(p);
    p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_UTF, &code, &offset, NULL);
    if (!p->code) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message);
        *error = message;
        pattern_free(p);
        return NULL;
    }
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* without a JIT the interpreter serves */
    p->data = pcre2_match_data_create_from_pattern(p->code, NULL);
    p->context = pcre2_match_context_create(NULL);
    CHECK(p->data && p->context);
    pcre2_set_match_limit(p->context, MATCH_LIMIT);
    find_groups(p);
    return p;
}

void pattern_free(struct pattern *p)
{
    if (!p)
        return;
    pcre2_match_context_free(p->context);
    pcre2_match_data_free(p->data);
    pcre2_code_free(p->code);
    free(p);
}

bool pattern_has(const struct pattern *p, enum pattern_group group)
{
    return p->groups[group] > 0;
}

enum checksum pattern_checksum(const struct pattern *p)
{
    return p->checksum;
}

bool pattern_match(const struct pattern *p, struct bytes subject, size_t from, struct pattern_match *match)
{
    const uint8_t *data = subject.data ? subject.data : (const uint8_t *)"";
    const PCRE2_SIZE *ends;

    *match = (struct pattern_match){0};
    if (from > subject.len || pcre2_match(p->code, data, subject.len, from, 0, p->data, p->context) < 0)
        return false;
    ends = pcre2_get_ovector_pointer(p->data);
    for (int i = 0; i < GROUP_COUNT; i++) {
        size_t at = 2 * (size_t)(p->groups[i] > 0 ? p->groups[i] : 0);

        if (at && ends[at] != PCRE2_UNSET)
            match->groups[i] = bytes_of(data + ends[at], ends[at + 1] - ends[at]);
    }
    match->next = ends[1] > from ? ends[1] : from + 1;
    return true;
}
