/* whole_rot: a bit of a disk turns over while its machine is off.
 *
 * In the log it is one that was durable, below what the last group says was: nothing else can be
 * told from what a power cut tore. In the store it is one of a value: LMDB trusts its own pages,
 * and a node that reads a damaged one may crash, which is said in docs/specs/store.md. Whoever
 * notices refuses to start; then an operator takes the log away, or the whole home. As often the
 * whole disk is gone, and a new one is empty. */
#include "sim/files.h"
#include "sim/whole.h"

#include "log/layout.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

struct segment {
    uint32_t file;
    struct log_segment_head head;
    char name[SIM_FILE_NAME_SIZE];
};

enum { SEGMENTS_MAX = 64 };

static uint32_t find_segments(const struct sim_files *files, struct segment *segments)
{
    uint32_t file, count = 0, version;
    const uint32_t folder = sim_files_find(files, SIM_FILE_ROOT, "log");
    const char *name;
    if (folder == SIM_FILE_NONE) return 0;
    for (uint32_t i = 0; (name = sim_files_name(files, &file, folder, i)) != NULL; i++) {
        struct segment *segment = &segments[count];
        size_t length = strlen(name);
        if (length < 4 || strcmp(name + length - 4, ".log") != 0 || count == SEGMENTS_MAX) continue;
        if (sim_files_size(files, file) < LOG_PAGE_BYTES ||
            log_segment_decode(&segment->head, &version, TN_CPU_BASE,
                               sim_files_bytes(files, file)) != LOG_HEAD_GOOD)
            continue;
        segment->file = file;
        count++;
    }
    return count;
}

/* Bytes of the segment from its beginning that were durable, as what stands behind them says. */
static uint64_t durable_bytes(const struct sim_files *files, const struct segment *segments,
                              uint32_t count, uint32_t which)
{
    const struct log_segment_head *head = &segments[which].head;
    uint64_t until = head->base;
    for (uint32_t i = 0; i < count; i++) {
        if (segments[i].head.previous_end > until) until = segments[i].head.previous_end;
    }
    const uint8_t *bytes = sim_files_bytes(files, segments[which].file);
    for (uint64_t at = LOG_PAGE_BYTES; at + LOG_PAGE_BYTES <= head->segment_bytes &&
                                       at < sim_files_size(files, segments[which].file);
         at += LOG_PAGE_BYTES) {
        struct log_group_head group;
        if (log_group_decode(&group, TN_CPU_BASE, bytes + at) && group.log_id == head->log_id &&
            group.durable_before > until)
            until = group.durable_before;
    }
    if (until > head->base + head->segment_bytes) until = head->base + head->segment_bytes;
    return until - head->base;
}

static bool rot_log(struct sim *sim, struct sim_machine *self)
{
    struct segment segments[SEGMENTS_MAX];
    uint32_t count = find_segments(self->files, segments);
    if (count == 0) return false;
    uint32_t which = (uint32_t)tn_random_below(&self->random, count);
    uint64_t bytes = durable_bytes(self->files, segments, count, which);
    if (bytes == 0) return false;
    sim_files_flip(self->files, segments[which].file, tn_random_below(&self->random, bytes),
                   (unsigned)tn_random_below(&self->random, 8));
    sim->figures.counts[SIM_COUNT_LOG_ROT]++;
    return true;
}

struct choice {
    const uint8_t *bytes;
    size_t size;
    uint64_t seen, *random;
};

static bool choose(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                   size_t value_size)
{
    struct choice *choice = context;
    (void)key;
    (void)key_size;
    if (value_size == 0 || tn_random_below(choice->random, ++choice->seen) != 0) return true;
    choice->bytes = value;
    choice->size = value_size;
    return true;
}

static bool rot_store(struct sim *sim, uint32_t machine)
{
    static const enum store_database DATABASES[] = {STORE_RECORDS, STORE_RECORDS, STORE_BLOCKS,
                                                    STORE_BATCHES, STORE_META};
    struct sim_machine *self = &sim->machines[machine];
    char path[32];
    struct store *store;
    struct store_trail trail;
    struct store_view *view;
    struct choice choice = {.random = &self->random};
    snprintf(path, sizeof path, "/%u/store", machine);
    const struct store_config config = {.path = path, .cpu = TN_CPU_BASE};
    uint32_t folder = sim_files_find(self->files, SIM_FILE_ROOT, "store");
    if (folder == SIM_FILE_NONE || store_open_reader(&store, &config, false, &trail) != STORE_OK)
        return false;
    if (store_view_begin(store, &view, &trail) == STORE_OK) {
        enum store_database database = DATABASES[tn_random_below(&self->random, 5)];
        if (store_each(view, database, NULL, 0, choose, &choice) != STORE_OK) choice.bytes = NULL;
        store_view_end(view);
    }
    store_close(store);
    uint32_t file = sim_files_find(self->files, folder, "data.mdb");
    if (choice.bytes == NULL || file == SIM_FILE_NONE) return false;
    sim_files_flip(self->files, file,
                   (uint64_t)(choice.bytes - sim_files_bytes(self->files, file)) +
                       tn_random_below(&self->random, choice.size),
                   (unsigned)tn_random_below(&self->random, 8));
    sim->figures.counts[SIM_COUNT_STORE_ROT]++;
    return true;
}

void whole_empty_home(struct sim *sim, uint32_t machine)
{
    static const char *const FOLDERS[] = {"log", "store", "store.sync", "store.old"};
    struct sim_machine *self = &sim->machines[machine];
    for (uint32_t i = 0; i < sizeof FOLDERS / sizeof *FOLDERS; i++)
        sim_files_wipe(self->files, FOLDERS[i]);
    self->aged = false;
    self->lost_log = true;
    self->store_height = 0;
    sim->figures.counts[SIM_COUNT_EMPTIED]++;
}

void whole_rot(struct sim *sim, uint32_t machine)
{
    struct sim_machine *self = &sim->machines[machine];
    if (!self->rotten) return;
    self->rotten = false;
    const uint32_t behind_max = sim->whole->limits.sequencer.behind_max;
    const bool syncs = behind_max == TN_SEQUENCER_RANGE_MAX;
    switch (tn_random_below(&self->random, syncs ? 6 : 3)) {
        case 0: self->aged |= rot_log(sim, self); return;
        case 1: self->aged |= rot_store(sim, machine); return;
        default: break;
    }
    whole_empty_home(sim, machine);
    if (syncs) /* it comes when it must take the state from others */
        sim->whole->comes_at[machine] = 70 + tn_random_below(&self->random, 60);
}
