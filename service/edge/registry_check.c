#include "edge/registry_check.h"

#include "core/template.h"

/* A device's own settings may say how many outputs it has; `outputs` of the tracker comes first. */
static uint8_t outputs_in(const char *vars)
{
    struct bytes text = template_var(vars, "outputs", strlen("outputs"));
    uint64_t outputs = 0;

    for (size_t i = 0; i < text.len && i < 3; i++)
        outputs = text.data[i] >= '0' && text.data[i] <= '9' ? outputs * 10 + text.data[i] - '0' : 1000;
    return outputs <= REGISTRY_OUTPUTS_MAX ? (uint8_t)outputs : 0;
}

bool registry_check(const struct profiles *profiles, struct registry_entry *tracker, const char *model,
                    struct buffer *why)
{
    const struct profile *profile = profiles_by_model(profiles, model);
    struct template_input input = {
        .tracker_id = tracker->id,
        .device_id = bytes_of_text(tracker->device_id),
        .vars = tracker->vars,
    };

    if (tracker->outputs == 0)
        tracker->outputs = outputs_in(tracker->vars);
    if (!profile)
        return true;
    input.outputs = tracker->outputs ? tracker->outputs : (uint8_t)profile_outputs(profile, &input);
    if (!profile_check(profile, &input, why))
        return false;
    if (input.outputs == 0)
        buffer_printf(why, "outputs is missing: model %s has no number of its own", model);
    return input.outputs != 0;
}
