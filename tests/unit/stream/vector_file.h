/* The files of tests/vectors/stream: a name and hex on each line. */
#ifndef TENOR_TEST_VECTOR_FILE_H
#define TENOR_TEST_VECTOR_FILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VECTOR_BYTES_MAX = 4096 };

/* The bytes of a name in a file of vectors. */
static inline size_t vector(uint8_t bytes[VECTOR_BYTES_MAX], const char *file_name,
                            const char *name)
{
    char path[512], word[64];
    size_t size = 0;
    unsigned byte;
    snprintf(path, sizeof(path), "%s/%s", TENOR_STREAM_VECTORS, file_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("no vectors at %s", path);
    while (fscanf(file, "%63s", word) == 1) {
        bool found = strcmp(word, name) == 0;
        int letter = fgetc(file);
        for (size = 0;
             letter != '\n' && size < VECTOR_BYTES_MAX && fscanf(file, "%2x", &byte) == 1;) {
            bytes[size++] = (uint8_t)byte;
            letter = fgetc(file);
            if (letter != '\n') ungetc(letter, file);
        }
        if (found) break;
        size = 0;
    }
    fclose(file);
    if (size == 0) fail_msg("no vector %s in %s", name, path);
    return size;
}

static inline void expect_bytes(const char *file_name, const char *name, const void *bytes,
                                size_t size)
{
    uint8_t wanted[VECTOR_BYTES_MAX];
    assert_int_equal(vector(wanted, file_name, name), size);
    if (memcmp(wanted, bytes, size) != 0) print_message("%s of %s differs\n", name, file_name);
    assert_memory_equal(wanted, bytes, size);
}

#endif
