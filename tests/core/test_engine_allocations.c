/* Once it is warm the engine allocates nothing, whatever it is asked for; jansson does, for itself. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "support/alloc_watch.h"
#include "support/engine_load.h"
#include "support/sanitizer.h"

enum { MEASURED = 3200 };

static void expect_none(enum load_device device)
{
    struct engine_load *l;
    unsigned long before;

    if (SANITIZED) {
        puts("skipped: a sanitizer's build has no pools");
        return;
    }
    alloc_watch_without_jansson();
    l = engine_load_new(&(struct load_options){.device = device});
    engine_load_run(l, LOAD_WARM_UP);
    before = alloc_watch_count();
    engine_load_run(l, MEASURED);
    cr_expect_eq(alloc_watch_count(), before, "%lu for %d requests", alloc_watch_count() - before, MEASURED);
    cr_expect(engine_load_is_sound(l));
    engine_load_free(l);
}

Test(engine_allocations, none_for_a_request_in_json)
{
    expect_none(LOAD_JSON);
}

Test(engine_allocations, none_for_a_request_in_msgpack)
{
    expect_none(LOAD_MSGPACK);
}

Test(engine_allocations, none_for_a_device_that_speaks_text)
{
    expect_none(LOAD_TEXT);
}
