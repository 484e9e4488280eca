#include "noise.h"

#include "dice.h"

/* The ack that the noise is for. Each put_... appends to the room. */
struct occasion {
    const struct profile *profile;
    const struct tracker *tracker;
    const struct command *command;
    enum answer answer;
    uint64_t shape;
    struct bytes ack;
    struct buffer *room;
};

/* Families whose message is an MQTT message: 0xC1 is neither text nor MessagePack. */
static void put_random_message(const struct occasion *o)
{
    buffer_put_u8(o->room, 0xC1);
    buffer_put(o->room, bytes_of(&o->shape, sizeof(o->shape)));
}

/* Not more than half: with more, a refusal might read as a success. */
static void put_fragment(const struct occasion *o)
{
    buffer_put(o->room, bytes_of(o->ack.data, 1 + (o->shape >> 1) % (o->ack.len / 2)));
}

/* None of them below 0x80: no frame begins so, and no family's length is so large. */
static void put_random_bytes(const struct occasion *o)
{
    enum { MOST = 16 };
    struct dice dice = dice_new(o->shape, 0);

    for (uint64_t left = 1 + dice_up_to(&dice, MOST - 1); left; left--)
        buffer_put_u8(o->room, (uint8_t)(0x80 | dice_throw(&dice)));
}

static void put_spoilt(const struct occasion *o)
{
    enum answer opposite = o->answer == ANSWER_SUCCESS ? ANSWER_REFUSED : ANSWER_SUCCESS;

    if (o->profile->silent & (1u << opposite) || !o->command->known)
        opposite = o->answer;
    if (o->profile->write(o->tracker, o->command, opposite, o->room) == 0)
        o->profile->spoil(o->room->data, o->room->len);
}

static void put_unrelated(const struct occasion *o)
{
    o->profile->unrelated(o->tracker, o->command, o->shape >> 8, o->room);
}

static struct noisy_ack one_message(const struct occasion *o)
{
    put_unrelated(o);
    buffer_put(o->room, o->ack);
    return (struct noisy_ack){{buffer_bytes(o->room)}, 1};
}

static struct noisy_ack two_pieces(const struct occasion *o)
{
    size_t first = 1 + (o->shape >> 8) % (o->ack.len - 1);

    return (struct noisy_ack){{bytes_of(o->ack.data, first), bytes_of(o->ack.data + first, o->ack.len - first)}, 2};
}

static struct noisy_ack before(const struct occasion *o, void (*put)(const struct occasion *o))
{
    put(o);
    if (o->room->len == 0)
        put_random_bytes(o);
    return (struct noisy_ack){{buffer_bytes(o->room), o->ack}, 2};
}

/* Byte streams, and relays that speak MQTT themselves. */
static struct noisy_ack family_noise(const struct occasion *o)
{
    switch (o->shape % (o->profile->is_stream ? 5 : 2)) {
    case 0:
        return before(o, put_random_bytes);
    case 1:
        return before(o, put_unrelated);
    case 2:
        return before(o, o->profile->spoil ? put_spoilt : put_unrelated);
    case 3:
        return one_message(o);
    default:
        return two_pieces(o);
    }
}

struct noisy_ack noise_around(const struct profile *profile, const struct tracker *tracker,
                              const struct command *command, enum answer answer, uint64_t shape, struct bytes ack,
                              struct buffer *room)
{
    struct occasion o = {profile, tracker, command, answer, shape, ack, room};

    buffer_clear(room);
    if (profile->unrelated)
        return family_noise(&o);
    return before(&o, shape & 1 ? put_fragment : put_random_message);
}
