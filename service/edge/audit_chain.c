#include "edge/audit_chain.h"

#include <stdio.h>

static const char seq_key[] = "{\"seq\":";
static const char prev_key[] = ",\"prev\":\"";
static const char prev_end[] = "\",";
static const char session_text[] = "outputd audit session ";

static void digits_of(struct bytes data, char out[AUDIT_DIGEST_DIGITS + 1])
{
    struct digest digest = digest_of(data);

    bytes_to_hex(bytes_of(digest.bytes, DIGEST_SIZE), out);
}

void audit_chain_begin(struct audit_chain *chain)
{
    *chain = (struct audit_chain){.seq = 0};
    memset(chain->head, '0', AUDIT_DIGEST_DIGITS);
}

void audit_chain_follow(struct audit_chain *chain, uint64_t seq, struct bytes line)
{
    chain->seq = seq;
    digits_of(line, chain->head);
}

void audit_chain_seal(struct audit_chain *chain, struct bytes body, struct buffer *out)
{
    size_t begin = out->len;

    buffer_put_text(out, seq_key);
    buffer_put_number(out, (int64_t)chain->seq + 1);
    buffer_put_text(out, prev_key);
    buffer_put(out, bytes_of(chain->head, AUDIT_DIGEST_DIGITS));
    buffer_put_text(out, prev_end);
    buffer_put(out, body);
    audit_chain_follow(chain, chain->seq + 1, bytes_of(out->data + begin, out->len - begin));
    buffer_put_u8(out, '\n');
}

/* --- reading --- */

static bool skip(struct bytes *left, const char *text)
{
    size_t len = strlen(text);

    if (left->len < len || memcmp(left->data, text, len) != 0)
        return false;
    *left = bytes_of(left->data + len, left->len - len);
    return true;
}

/* As the service prints it: without a sign or leading zeros. */
static bool read_seq(struct bytes *left, uint64_t *seq)
{
    enum { DIGITS_MAX = 18 };
    size_t len = 0;

    *seq = 0;
    while (len < left->len && len <= DIGITS_MAX && left->data[len] >= '0' && left->data[len] <= '9')
        *seq = *seq * 10 + (uint64_t)(left->data[len++] - '0');
    if (len == 0 || len > DIGITS_MAX || left->data[0] == '0')
        return false;
    *left = bytes_of(left->data + len, left->len - len);
    return true;
}

static bool read_digest(struct bytes *left, char out[AUDIT_DIGEST_DIGITS + 1])
{
    uint8_t raw[DIGEST_SIZE];

    if (left->len < AUDIT_DIGEST_DIGITS || !bytes_from_hex(bytes_of(left->data, AUDIT_DIGEST_DIGITS), raw, DIGEST_SIZE))
        return false;
    memcpy(out, left->data, AUDIT_DIGEST_DIGITS);
    out[AUDIT_DIGEST_DIGITS] = '\0';
    *left = bytes_of(left->data + AUDIT_DIGEST_DIGITS, left->len - AUDIT_DIGEST_DIGITS);
    return true;
}

bool audit_place_read(struct bytes line, struct audit_place *place)
{
    return skip(&line, seq_key) && read_seq(&line, &place->seq) && skip(&line, prev_key) &&
           read_digest(&line, place->prev) && skip(&line, prev_end) && line.len && line.data[line.len - 1] == '}';
}

/* --- sessions --- */

void audit_session_id(const struct digest *hash_sha256, char out[AUDIT_SESSION_DIGITS + 1])
{
    enum { TEXT_LEN = sizeof session_text - 1 };
    char text[TEXT_LEN + AUDIT_DIGEST_DIGITS + 1];
    char digits[AUDIT_DIGEST_DIGITS + 1];

    memcpy(text, session_text, TEXT_LEN);
    bytes_to_hex(bytes_of(hash_sha256->bytes, DIGEST_SIZE), text + TEXT_LEN);
    digits_of(bytes_of(text, TEXT_LEN + AUDIT_DIGEST_DIGITS), digits);
    memcpy(out, digits, AUDIT_SESSION_DIGITS);
    out[AUDIT_SESSION_DIGITS] = '\0';
}
