#include "wire/presence.h"

#include "wire/object.h"

static void read_member(void *ctx, const struct member *member)
{
    enum presence *presence = ctx;

    if (bytes_equal_text(member->key, "online") && member->kind == MEMBER_BOOL)
        *presence = member->truth ? PRESENCE_ONLINE : PRESENCE_OFFLINE;
}

enum presence presence_decode(struct bytes payload)
{
    enum presence presence = PRESENCE_UNREADABLE;

    if (payload.len == 0 || bytes_equal_text(payload, "offline"))
        return PRESENCE_OFFLINE;
    if (bytes_equal_text(payload, "online"))
        return PRESENCE_ONLINE;
    object_decode(ENCODING_JSON, payload, read_member, &presence);
    return presence;
}
