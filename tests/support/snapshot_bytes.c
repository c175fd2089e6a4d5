/* snapshot_bytes: is every byte of a snapshot's chunks under its state root?
 *
 *     snapshot_bytes FOLDER STEP
 *
 * A liar can write a head that fits his chunks, so the hashes of files must not be what finds him.
 * Each chunk is checked with one byte changed, each STEP-th byte in turn, and the head's hash of
 * the file made to fit. All must be found, EQUITY together with the chain. Prints how many were
 * tried. */
#include "snapshot_check.h"

#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_file(size_t *size, const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    TN_ASSERT(file != NULL);
    TN_ASSERT(fseek(file, 0, SEEK_END) == 0);
    long length = ftell(file);
    TN_ASSERT(length > 0);
    rewind(file);
    uint8_t *bytes = malloc((size_t)length);
    TN_ASSERT(bytes != NULL);
    *size = fread(bytes, 1, (size_t)length, file);
    TN_ASSERT(*size == (size_t)length);
    fclose(file);
    return bytes;
}

struct file {
    struct snapshot_chunk chunk;
    uint8_t *bytes;
    size_t size;
};

static bool is_good(const struct snapshot_head *head, struct file *file, struct file *chain)
{
    static struct snapshot_check check;
    struct snapshot_fault fault;
    tn_keccak256(&file->chunk.hash, file->bytes, file->size);
    snapshot_check_begin(&check, head, TN_CPU_BASE);
    if (!snapshot_check_chunk(&check, &fault, &file->chunk, file->bytes, file->size)) return false;
    if (file->chunk.kind != TN_RECORD_EQUITY) return true;
    return snapshot_check_chunk(&check, &fault, &chain->chunk, chain->bytes, chain->size) &&
           snapshot_check_equity(&check, &fault);
}

static uint64_t try_bytes(const struct snapshot_head *head, struct file *file, struct file *chain,
                          size_t step)
{
    uint64_t tries = 0;
    if (!is_good(head, file, chain)) {
        fprintf(stderr, "the chunk %u %u is bad as it is\n", file->chunk.kind, file->chunk.first);
        exit(1);
    }
    for (size_t at = 0; at < file->size; at += step, tries++) {
        uint8_t change = (uint8_t)(1u << at % 8);
        file->bytes[at] ^= change;
        if (is_good(head, file, chain)) {
            fprintf(stderr, "byte %zu of the chunk %u %u is not under the root\n", at,
                    file->chunk.kind, file->chunk.first);
            exit(1);
        }
        file->bytes[at] ^= change;
    }
    tn_keccak256(&file->chunk.hash, file->bytes, file->size);
    return tries;
}

int main(int arguments_count, char **arguments)
{
    struct snapshot_head head;
    struct snapshot_fault fault;
    struct file files[64];
    size_t size, step = arguments_count == 3 ? strtoul(arguments[2], NULL, 10) : 0;
    uint64_t tries = 0;
    if (step == 0) {
        fputs("usage: snapshot_bytes FOLDER STEP\n", stderr);
        return 2;
    }
    uint8_t *bytes = read_file(&size, arguments[1], "head");
    TN_ASSERT(snapshot_read_head(&head, &fault, bytes, size));
    TN_ASSERT(head.chunks_count <= sizeof files / sizeof files[0]);
    struct file *chain = NULL;
    for (uint32_t i = 0; i < head.chunks_count; i++) {
        char name[SNAPSHOT_NAME_SIZE];
        snapshot_head_chunk(&files[i].chunk, &head, i);
        snapshot_chunk_name(name, files[i].chunk.kind, files[i].chunk.first);
        files[i].bytes = read_file(&files[i].size, arguments[1], name);
        if (files[i].chunk.kind == TN_RECORD_CHAIN) chain = &files[i];
    }
    for (uint32_t i = 0; i < head.chunks_count; i++)
        tries += try_bytes(&head, &files[i], chain, step);
    for (uint32_t i = 0; i < head.chunks_count; i++)
        free(files[i].bytes);
    free(bytes);
    printf("%llu changed bytes: all were found\n", (unsigned long long)tries);
    return 0;
}
