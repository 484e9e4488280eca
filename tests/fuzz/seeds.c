/* What the vectors of a profile hold, as a corpus for the fuzzer: seeds PROFILE FOLDER. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "outputctl/vector.h"

static void write_seed(const char *folder, size_t number, uint8_t in_flight, struct bytes bytes)
{
    const uint8_t head[2] = {in_flight, (uint8_t)(bytes.len / 2)};
    char path[512];
    FILE *out;

    snprintf(path, sizeof path, "%s/%03zu", folder, number);
    out = fopen(path, "we");
    CHECK(out);
    CHECK(fwrite(head, 1, sizeof head, out) == sizeof head);
    CHECK(fwrite(bytes.data, 1, bytes.len, out) == bytes.len);
    fclose(out);
}

int main(int argc, char **argv)
{
    struct mistakes mistakes = {0};
    struct conf_file *file = argc == 3 ? conf_open(argv[1], &mistakes) : NULL;
    const struct conf_node *vectors = file ? conf_find(file, "vectors") : NULL;

    if (!vectors) {
        fputs("usage: seeds PROFILE FOLDER\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < conf_count(vectors); i++) {
        struct vector v;

        if (vector_read(&v, file, conf_at(vectors, i))) {
            write_seed(argv[2], 2 * i, 0, buffer_bytes(&v.payload));
            write_seed(argv[2], 2 * i + 1, 5, buffer_bytes(&v.payload));
        }
        vector_release(&v);
    }
    conf_close(file);
    return 0;
}
