#include "wire/presence.h"

#include <criterion/criterion.h>

static const struct {
    const char *payload;
    enum presence presence;
} cases[] = {
    {"online", PRESENCE_ONLINE},
    {"offline", PRESENCE_OFFLINE},
    {"", PRESENCE_OFFLINE},
    {"{\"online\": true}", PRESENCE_ONLINE},
    {"{\"online\": false}", PRESENCE_OFFLINE},
    {" {\"since\": 17, \"online\": true} ", PRESENCE_ONLINE},
    {"{\"online\": 1}", PRESENCE_UNREADABLE},
    {"{\"online\": \"true\"}", PRESENCE_UNREADABLE},
    {"{\"online\": null}", PRESENCE_UNREADABLE},
    {"{\"Online\": true}", PRESENCE_UNREADABLE},
    {"{\"x\": {\"online\": true}}", PRESENCE_UNREADABLE},
    {"{}", PRESENCE_UNREADABLE},
    {"{online: true}", PRESENCE_UNREADABLE},
    {"{\"online\": true, \"online\": true}", PRESENCE_UNREADABLE},
    {"{\"online\": true", PRESENCE_UNREADABLE},
    {"Online", PRESENCE_UNREADABLE},
    {"online\n", PRESENCE_UNREADABLE},
    {" offline", PRESENCE_UNREADABLE},
    {"onlin", PRESENCE_UNREADABLE},
    {"true", PRESENCE_UNREADABLE},
    {"1", PRESENCE_UNREADABLE},
    {"\"online\"", PRESENCE_UNREADABLE},
};

Test(presence, is_online_or_offline_and_anything_else_changes_nothing)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect_eq(presence_decode(bytes_of_text(cases[i].payload)), cases[i].presence, "%s", cases[i].payload);
}

Test(presence, is_not_read_from_messagepack)
{
    cr_expect_eq(presence_decode(bytes_of("\x81\xA6online\xC3", 9)), PRESENCE_UNREADABLE);
}

Test(presence, does_not_end_at_a_nul)
{
    cr_expect_eq(presence_decode(bytes_of("online\0", 7)), PRESENCE_UNREADABLE);
    cr_expect_eq(presence_decode(bytes_of("\0", 1)), PRESENCE_UNREADABLE);
}
