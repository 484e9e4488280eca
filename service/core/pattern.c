#include "core/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "base/check.h"

/* A good pattern over an ack of a few hundred bytes needs far less. */
enum { MATCH_LIMIT = 100000 };

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    int key_group; /* -1: none */
};

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
    p->key_group = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR) "key");
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

bool pattern_has_key(const struct pattern *p)
{
    return p->key_group > 0;
}

bool pattern_match(const struct pattern *p, struct bytes subject, struct bytes *key)
{
    const uint8_t *data = subject.data ? subject.data : (const uint8_t *)"";
    const PCRE2_SIZE *ends;

    *key = (struct bytes){0};
    if (pcre2_match(p->code, data, subject.len, 0, 0, p->data, p->context) < 0)
        return false;
    ends = pcre2_get_ovector_pointer(p->data);
    if (p->key_group > 0 && ends[2 * p->key_group] != PCRE2_UNSET)
        *key = bytes_of(data + ends[2 * p->key_group], ends[2 * p->key_group + 1] - ends[2 * p->key_group]);
    return true;
}
