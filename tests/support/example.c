#include "support/example.h"

#include <criterion/criterion.h>
#include <glob.h>

const char *example_file;

const char *example_text(const json_t *example, const char *key)
{
    return json_string_value(json_object_get(example, key));
}

static void put_hex(struct buffer *out, const char *hex)
{
    size_t len = strlen(hex) / 2;

    cr_assert(bytes_from_hex(bytes_of_text(hex), buffer_room(out, len + 1), len), "%s", example_file);
    out->len += len;
}

static void put_generated(struct buffer *out, const json_t *generated)
{
    for (json_int_t i = 0; i < json_integer_value(json_object_get(generated, "times")); i++)
        buffer_put_text(out, example_text(generated, "repeat"));
}

static void put_payload(struct buffer *out, const json_t *example)
{
    buffer_room(out, 1); /* never NULL */
    if (example_text(example, "payload_hex"))
        put_hex(out, example_text(example, "payload_hex"));
    else if (example_text(example, "payload_text"))
        buffer_put_text(out, example_text(example, "payload_text"));
    else if (json_object_get(example, "payload_generated"))
        put_generated(out, json_object_get(example, "payload_generated"));
    else
        value_encode(json_object_get(example, "payload"), false, out);
}

struct example_publish example_read(const json_t *example)
{
    const json_t *properties = json_object_get(example, "properties");
    const json_t *qos = json_object_get(example, "qos");
    const char *correlation = example_text(properties, "correlation_data_hex");
    struct example_publish s = {0};

    put_payload(&s.payload, example);
    s.publish = (struct mqtt_publish){
        .topic = bytes_of_text(example_text(example, "topic")),
        .payload = buffer_bytes(&s.payload),
        .response_topic = bytes_of_text(example_text(properties, "response_topic")),
        .content_type = bytes_of_text(example_text(properties, "content_type")),
        .expiry_s = (uint32_t)json_integer_value(json_object_get(properties, "message_expiry_s")),
        .qos = (uint8_t)(qos ? json_integer_value(qos) : 1),
        .retain = json_is_true(json_object_get(example, "retain")),
    };
    if (correlation) {
        put_hex(&s.correlation, correlation);
        s.publish.correlation = buffer_bytes(&s.correlation);
    }
    return s;
}

void example_release(struct example_publish *s)
{
    buffer_release(&s->payload);
    buffer_release(&s->correlation);
}

bool example_claims_msgpack(const struct mqtt_publish *request)
{
    if (request->content_type.data && strstr((const char *)request->content_type.data, "msgpack"))
        return true;
    if (request->content_type.data && strstr((const char *)request->content_type.data, "json"))
        return false;
    return request->payload.len > 0 && request->payload.data[0] >= 0x80;
}

int example_each(const char *direction, void (*play)(const json_t *example))
{
    glob_t found;
    int count = 0;

    cr_assert_eq(glob("topics/examples/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        json_t *example = json_load_file(found.gl_pathv[i], 0, NULL);

        example_file = found.gl_pathv[i];
        cr_assert(example, "%s", example_file);
        if (strcmp(example_text(example, "direction"), direction) == 0) {
            play(example);
            count++;
        }
        json_decref(example);
    }
    globfree(&found);
    return count;
}
