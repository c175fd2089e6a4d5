/* disk: the log of a machine as a list of records.
 *
 * A record that a sync has confirmed stays as it is. A power cut leaves of the others a prefix that
 * chance chooses: what is torn is cut off by the log's checksums, which have tests of their own
 * (tests/node/log). Damage to what was synced cannot be mended: the log refuses to open, and the
 * machine comes back with nothing. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

void sim_disk_append(struct sim_disk *disk, uint8_t type, const uint8_t *bytes, size_t size)
{
    if (disk->count == disk->room) {
        disk->room = disk->room == 0 ? 256 : 2 * disk->room;
        disk->records = realloc(disk->records, disk->room * sizeof *disk->records);
        TN_ASSERT(disk->records != NULL);
    }
    struct sim_record *record = &disk->records[disk->count++];
    *record = (struct sim_record){.bytes = malloc(size + 1), .size = (uint32_t)size, .type = type};
    TN_ASSERT(record->bytes != NULL);
    memcpy(record->bytes, bytes, size);
    disk->bytes += size;
    if (disk->bytes > disk->bytes_most) disk->bytes_most = disk->bytes;
}

static void drop_from(struct sim_disk *disk, uint32_t count)
{
    while (disk->count > count) {
        struct sim_record *record = &disk->records[--disk->count];
        disk->bytes -= record->size;
        free(record->bytes);
    }
}

void sim_disk_cut(struct sim_disk *disk, uint64_t *random)
{
    TN_ASSERT(disk->synced <= disk->count);
    uint32_t loose = disk->count - disk->synced;
    if (loose > 0)
        drop_from(disk, disk->synced + (uint32_t)tn_random_below(random, (uint64_t)loose + 1));
    disk->synced = disk->count;
}

void sim_disk_wipe(struct sim_disk *disk)
{
    drop_from(disk, 0);
    disk->synced = 0;
    free(disk->records);
    disk->records = NULL;
    disk->room = 0;
}

void sim_disk_forget(struct sim_disk *disk, uint32_t records)
{
    drop_from(disk, disk->count > records ? disk->count - records : 0);
    disk->synced = disk->count;
}

void sim_disk_release(struct sim_disk *disk, uint32_t records)
{
    TN_ASSERT(records <= disk->synced);
    for (uint32_t i = 0; i < records; i++) {
        disk->bytes -= disk->records[i].size;
        free(disk->records[i].bytes);
    }
    disk->count -= records;
    disk->synced -= records;
    memmove(disk->records, disk->records + records, disk->count * sizeof *disk->records);
}
