/* set_snapshot_bytes: is every byte of a set's snapshot's chunks under its state root?
 *
 *     set_snapshot_bytes FOLDER STEP
 *
 * A liar can write a head that fits his chunks, so the hashes of files must not be what finds him.
 * Each chunk is checked alone with one byte changed, each STEP-th byte in turn, and the head's hash
 * of the file made to fit: every byte of records and proofs must be found. Then each chunk is left
 * out, and each is made of fewer records: the rest must not be taken for the whole. Prints how many
 * were tried. */
#include "cluster/conf.h"
#include "tenord/keyfile.h"
#include "tenord/set_snapshot_check.h"
#include "tenord/tenord.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 128 };

static struct set_snapshot_check check;
static struct set_conf conf;
static struct set_snapshot_head head;

struct file {
    struct snapshot_chunk chunk;
    char name[SNAPSHOT_NAME_SIZE];
    uint8_t *bytes;
    size_t size;
};

static void fail(const struct file *file, const char *what, size_t at)
{
    fprintf(stderr, "%s, byte %zu: %s\n", file->name, at, what);
    exit(1);
}

static bool is_good(struct file *file)
{
    struct snapshot_fault fault = {.at = UINT64_MAX};
    tn_keccak256(&file->chunk.hash, file->bytes, file->size);
    const bool good =
        set_snapshot_check_chunk(&check, &fault, &file->chunk, file->bytes, file->size);
    if (!good && (fault.what == NULL || fault.at > file->size)) fail(file, "no fault", fault.at);
    return good;
}

static void begin(void)
{
    set_snapshot_check_begin(&check, &head, &conf.limits, TN_CPU_BASE);
}

static uint64_t change_bytes(struct file *file, size_t step)
{
    uint64_t tries = 0;
    begin();
    if (!is_good(file)) fail(file, "it is bad as it is", 0);
    for (size_t at = 0; at < file->size; at += step, tries++) {
        const uint8_t change = (uint8_t)(1u << at % 8);
        file->bytes[at] ^= change;
        begin();
        if (is_good(file)) fail(file, "it is not under the root", at);
        file->bytes[at] ^= change;
    }
    return tries;
}

/* All but one of them, each of which is good. */
static void leave_out(struct file *files, uint32_t left_out)
{
    struct snapshot_fault fault;
    begin();
    for (uint32_t i = 0; i < head.chunks_count; i++)
        if (i != left_out && !is_good(&files[i])) fail(&files[i], "it is bad as it is", 0);
    const bool is_whole = set_snapshot_check_whole(&check, &fault);
    if (is_whole != (left_out == head.chunks_count)) {
        fail(&files[left_out % head.chunks_count], "taken for the whole, or not", 0);
    }
}

/* A chunk without its last record, all numbers made to fit. */
static void cut(const struct file *file)
{
    struct set_snapshot_reader reader;
    struct set_snapshot_item item;
    struct snapshot_fault fault;
    size_t last_at = 0;
    if (file->chunk.count == 1) return;
    TN_ASSERT(set_snapshot_open_chunk(&reader, &fault, &file->chunk, file->bytes, file->size));
    for (uint32_t i = 0; i + 1 < file->chunk.count; i++) {
        TN_ASSERT(set_snapshot_next(&reader, &item, &fault) == SNAPSHOT_RECORD);
        last_at = reader.at;
    }
    TN_ASSERT(set_snapshot_next(&reader, &item, &fault) == SNAPSHOT_RECORD);
    struct file shorter = *file;
    shorter.size -= reader.at - last_at;
    shorter.bytes = malloc(shorter.size);
    TN_ASSERT(shorter.bytes != NULL);
    memcpy(shorter.bytes, file->bytes, last_at);
    memcpy(shorter.bytes + last_at, file->bytes + reader.at, file->size - reader.at);
    shorter.chunk.count--;
    shorter.chunk.size = shorter.size;
    set_snapshot_write_chunk_head(shorter.bytes, shorter.chunk.kind, shorter.chunk.first,
                                  shorter.chunk.count);
    begin();
    if (is_good(&shorter)) fail(file, "a record can be left out", last_at);
    free(shorter.bytes);
}

static void read_files(struct file *files, const char *folder)
{
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < head.chunks_count; i++) {
        set_snapshot_head_chunk(&files[i].chunk, &head, i);
        set_snapshot_chunk_name(files[i].name, files[i].chunk.kind, files[i].chunk.first);
        TN_ASSERT(home_path(path, folder, files[i].name));
        files[i].bytes = file_read(&files[i].size, path, (size_t)files[i].chunk.size);
        TN_ASSERT(files[i].bytes != NULL);
    }
}

int main(int arguments_count, char **arguments)
{
    static struct file files[FILES_MAX];
    struct tn_signatures signatures;
    struct snapshot_fault fault;
    char path[PATH_SIZE];
    size_t size, step = arguments_count == 3 ? strtoul(arguments[2], NULL, 10) : 0;
    uint64_t tries = 0;
    if (step == 0) {
        fputs("usage: set_snapshot_bytes FOLDER STEP\n", stderr);
        return 2;
    }
    void *memory = keyfile_signatures(&signatures);
    TN_ASSERT(memory != NULL);
    TN_ASSERT(set_conf_read(&conf, arguments[1], &signatures));
    TN_ASSERT(home_path(path, arguments[1], "head"));
    uint8_t *bytes = file_read(&size, path, SNAPSHOT_HEAD_MAX);
    TN_ASSERT(bytes != NULL && set_snapshot_read_head(&head, &fault, bytes, size));
    TN_ASSERT(head.chunks_count <= FILES_MAX);
    read_files(files, arguments[1]);
    for (uint32_t i = 0; i < head.chunks_count; i++) {
        tries += change_bytes(&files[i], step);
        is_good(&files[i]); /* its hash fits again */
        cut(&files[i]);
    }
    for (uint32_t i = 0; i <= head.chunks_count; i++)
        leave_out(files, i);
    for (uint32_t i = 0; i < head.chunks_count; i++)
        free(files[i].bytes);
    free(bytes);
    free(memory);
    printf("%u chunks, %llu changed bytes: all were found\n", head.chunks_count,
           (unsigned long long)tries);
    return 0;
}
