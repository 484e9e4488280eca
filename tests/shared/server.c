#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "shared.h"

/* The server, and a wire to and from each instance. Both directions keep their order. */

enum { WIRE_MAX = 4096, ITEMS_MAX = 256 };

struct question {
    enum shared_script script;
    struct ask *ask;
    struct buffer bytes; /* of bucket and arguments, one behind the other */
    size_t lens[SHARED_ARGS_MAX + 1];
    size_t count;
};

struct answer {
    struct ask *ask;
    struct buffer bytes;
    size_t lens[ITEMS_MAX];
    size_t count;
};

static struct wire {
    struct question questions[WIRE_MAX];
    unsigned question_count;
    struct answer answers[WIRE_MAX];
    unsigned answer_count;
} wires[INSTANCES];

static lua_State *lua;
static bool is_touched[SHARED_BUCKETS];

void server_open(void)
{
    lua = luaL_newstate();
    CHECK(lua);
    luaL_openlibs(lua);
    if (luaL_dofile(lua, SERVER_LUA) != 0)
        broken("the model can be read", "%s", lua_tostring(lua, -1));
}

void server_close(void)
{
    server_reset();
    lua_close(lua);
}

static void call_model(const char *name, int results)
{
    lua_getglobal(lua, name);
    if (lua_pcall(lua, 0, results, 0) != 0)
        broken("the model works", "%s", lua_tostring(lua, -1));
}

static unsigned run_number;

unsigned server_run(void)
{
    return run_number;
}

void server_forget(void)
{
    run_number++;
    call_model("model_forget", 0);
}

unsigned server_left(bool show)
{
    unsigned left;

    lua_pushboolean(lua, show);
    lua_setglobal(lua, "model_shows");
    call_model("model_left", 1);
    left = (unsigned)lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    return left;
}

void server_lose(unsigned instance)
{
    struct wire *w = &wires[instance];

    for (unsigned i = 0; i < w->question_count; i++)
        buffer_release(&w->questions[i].bytes);
    for (unsigned i = 0; i < w->answer_count; i++)
        buffer_release(&w->answers[i].bytes);
    w->question_count = w->answer_count = 0;
}

void server_reset(void)
{
    for (unsigned i = 0; i < INSTANCES; i++)
        server_lose(i);
    server_forget();
    memset(is_touched, 0, sizeof is_touched);
}

unsigned server_waiting(unsigned instance)
{
    return wires[instance].question_count + wires[instance].answer_count;
}

void server_ask(unsigned instance, const struct shared_call *call)
{
    struct wire *w = &wires[instance];
    struct question *q = &w->questions[w->question_count++];

    CHECK(w->question_count < WIRE_MAX);
    *q = (struct question){.script = call->script, .ask = call->ask, .count = call->count};
    buffer_put(&q->bytes, call->bucket);
    q->lens[0] = call->bucket.len;
    for (size_t i = 0; i < call->count; i++) {
        buffer_put(&q->bytes, call->args[i]);
        q->lens[i + 1] = call->args[i].len;
    }
}

static uint64_t first_number(const struct question *q)
{
    char text[24] = "";

    if (q->count && q->lens[1] < sizeof text)
        memcpy(text, q->bytes.data + q->lens[0], q->lens[1]);
    return strtoull(text, NULL, 10);
}

static void take_results(struct answer *a, int first, int last)
{
    for (int i = first; i <= last; i++) {
        size_t len;
        const char *text = lua_tolstring(lua, i, &len);

        CHECK(text && a->count < ITEMS_MAX);
        buffer_put(&a->bytes, bytes_of(text, len));
        a->lens[a->count++] = len;
    }
}

/* Most buckets have nothing, and the real script takes long to say so. */
static bool is_idle(const struct question *q)
{
    char text[32] = "";
    unsigned bucket;

    memcpy(text, q->bytes.data, q->lens[0]);
    bucket = (unsigned)atoi(strchr(text, '{') + 1);
    if (q->script != SHARED_SWEEP)
        is_touched[bucket] = true;
    return !is_touched[bucket];
}

static void answer_idle(struct answer *a)
{
    const char *const items[] = {"S", "-1", "0"};

    for (size_t i = 0; i < 3; i++) {
        buffer_put_text(&a->bytes, items[i]);
        a->lens[a->count++] = strlen(items[i]);
    }
    buffer_printf(&a->bytes, "%llu", (unsigned long long)(now_ms + 1700000000000));
    a->lens[a->count++] = 13;
}

static void run(const struct question *q, struct answer *a)
{
    int before = lua_gettop(lua);
    const uint8_t *at = q->bytes.data;

    *a = (struct answer){.ask = q->ask};
    if (is_idle(q)) {
        answer_idle(a);
        return;
    }
    lua_pushnumber(lua, (double)now_ms + 1.7e12);
    lua_setglobal(lua, "model_now");
    lua_getglobal(lua, "model_run");
    lua_pushstring(lua, shared_scripts[q->script].name);
    lua_pushstring(lua, shared_scripts[q->script].text);
    for (size_t i = 0; i <= q->count; at += q->lens[i++])
        lua_pushlstring(lua, (const char *)at, q->lens[i]);
    if (lua_pcall(lua, (int)q->count + 3, LUA_MULTRET, 0) != 0)
        broken("scripts run", "%s: %s", shared_scripts[q->script].name, lua_tostring(lua, -1));
    take_results(a, before + 1, lua_gettop(lua));
    lua_settop(lua, before);
}

bool server_run_one(unsigned instance)
{
    struct wire *w = &wires[instance];
    struct answer *a = &w->answers[w->answer_count];

    if (w->question_count == 0)
        return false;
    CHECK(w->answer_count < WIRE_MAX - 1);
    run(&w->questions[0], a);
    trace("server: %s %llu of instance %u, bucket %.*s: %.*s%s", shared_scripts[w->questions[0].script].name,
          (unsigned long long)first_number(&w->questions[0]), instance, (int)w->questions[0].lens[0],
          (const char *)w->questions[0].bytes.data, a->count ? (int)a->lens[0] : 0, (const char *)a->bytes.data,
          a->count > 9 ? " …" : "");
    if (w->questions[0].script == SHARED_SUBMIT && (a->bytes.data[0] == 'T' || a->bytes.data[0] == 'Q'))
        world_queued(first_number(&w->questions[0]));
    if (w->questions[0].script == SHARED_FINISH && a->bytes.data[0] == 'E')
        world_ended(first_number(&w->questions[0]));
    w->answer_count++;
    buffer_release(&w->questions[0].bytes);
    memmove(w->questions, w->questions + 1, --w->question_count * sizeof w->questions[0]);
    return true;
}

bool server_answer_one(unsigned instance)
{
    struct wire *w = &wires[instance];
    struct bytes items[ITEMS_MAX];
    struct answer a;
    const uint8_t *at;

    if (w->answer_count == 0)
        return false;
    a = w->answers[0];
    memmove(w->answers, w->answers + 1, --w->answer_count * sizeof a);
    at = a.bytes.data;
    for (size_t i = 0; i < a.count; at += a.lens[i++])
        items[i] = bytes_of(at, a.lens[i]);
    engine_shared_answer(instance_engine(instance), a.ask, items, a.count, instance_now());
    buffer_release(&a.bytes);
    return true;
}
