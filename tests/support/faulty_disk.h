/* faulty_disk: a disk that fails on request, under real code.
 *
 * The calls of the program under test are wrapped at link time (target faulty_disk carries the
 * -Wl,--wrap options; they reach static archives such as liblmdb.a too). Calls on files below the
 * disk's directory go to real files in memory, and what is written but not yet synced is remembered
 * with its old bytes, so that a crash can take it back: whole writes, single 512-byte sectors,
 * changes of size, and names whose directory was not synced. Maps made for reading see the real
 * file. Writes through shared maps are not tracked.
 *
 * Everything follows from the seed. One thread. A life of the program under test goes:
 *
 *     const char *directory = faulty_disk_open(seed);
 *     faulty_disk_fail(FAULTY_CRASH, n);   the n-th call from here on is the last that works
 *     … run the code; every later call answers EIO …
 *     close what is open (maps and descriptors: a forgotten one is reported)
 *     faulty_disk_crash(FAULTY_TORN);      the power was out; the files are what the disk kept
 *     … open again and look …
 *     faulty_disk_close();
 */
#ifndef FAULTY_DISK_H
#define FAULTY_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* What happens at the n-th of the calls that the fault fits. A loss of power fits calls that change
 * something: at others it is the same as at the one before. */
enum faulty_disk_fault {
    FAULTY_NONE = 0,
    FAULTY_EIO,    /* any call; after a failed sync the unsynced bytes look clean but are lost */
    FAULTY_ENOSPC, /* writes, allocations, new names; calls after it work again */
    FAULTY_EINTR,  /* opens, reads, writes, syncs: nothing was done */
    FAULTY_SHORT_READ,  /* a part of the bytes, at least one */
    FAULTY_SHORT_WRITE, /* a part of the bytes, at least one */
    FAULTY_MISDIRECT,   /* a write lands elsewhere in its file, on a sector before its place */
    FAULTY_DROP,        /* a write or a sync answers well but does nothing: a disk that lies */
    FAULTY_FLIP,        /* one bit of a write is stored wrong */
    FAULTY_CRASH,       /* a write, a sync or a name may or may not happen; then all calls fail */
};

/* What the disk keeps of what was not synced. */
enum faulty_disk_loss {
    FAULTY_KEEP, /* everything: the process died, the machine did not */
    FAULTY_LOSE, /* nothing */
    FAULTY_TORN, /* a seeded subset of the sectors, sizes and names */
};

/* faulty_disk_open makes an empty directory (in /dev/shm where there is one) and watches it. The
 * string lives until faulty_disk_close, which removes the directory. */
const char *faulty_disk_open(uint64_t seed);
void faulty_disk_close(void);

/* faulty_disk_fail arms one fault at the n-th call that it fits from now on, n ≥ 1, and counts
 * these from 0 again. FAULTY_NONE counts all calls. */
void faulty_disk_fail(enum faulty_disk_fault fault, uint64_t n);
uint64_t faulty_disk_calls(void);    /* counted since */
bool faulty_disk_fired(void);        /* the fault has happened */
const char *faulty_disk_place(void); /* what call it was, on what, for messages */

/* faulty_disk_limit makes the disk small: growing past this many bytes in all is ENOSPC.
 * UINT64_MAX: no limit. faulty_disk_used is what the files have now. */
void faulty_disk_limit(uint64_t bytes_max);
uint64_t faulty_disk_used(void);

/* faulty_disk_crash ends the life: no descriptor may be open (asserted). The files become what the
 * disk kept, and all of that is durable; after FAULTY_KEEP they are as they were, and what was not
 * synced still is not. Faults are disarmed. */
void faulty_disk_crash(enum faulty_disk_loss loss);

/* faulty_disk_flip_bit turns over a durable bit of a file: what age does. */
void faulty_disk_flip_bit(const char *path, uint64_t offset, unsigned bit);

/* faulty_disk_unsynced counts the changes a crash could take back: 0 right after all was synced. */
uint64_t faulty_disk_unsynced(void);

#endif
