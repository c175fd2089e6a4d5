/* node_home: see the header.
 *
 * The market is made by the desk's exchange and copied into a replica record by record, as a
 * restore does; what the replica says then goes into a store. Two exchanges are in memory for a
 * moment, so this runs in a process that ends afterwards. */
#define _GNU_SOURCE /* nftw */
#include "node_home.h"
#include "tenord/machine.h"
#include "tenord/tenord.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

enum { PART_BYTES = 24 << 20, RECORD_BYTES_MAX = 64 << 20 };

static uint8_t record[RECORD_BYTES_MAX];

static void write_genesis(const char *home, const struct tn_exchange_limits *limits)
{
    char path[PATH_SIZE];
    struct genesis genesis;
    genesis_default(&genesis);
    genesis.exit_blocks = HOME_EXIT_BLOCKS;
    genesis.limits = *limits;
    bool good = home_path(path, home, "genesis.conf");
    TN_ASSERT(good);
    FILE *file = fopen(path, "w");
    TN_ASSERT(file != NULL);
    genesis_print(file, &genesis, false);
    good = fclose(file) == 0;
    TN_ASSERT(good);
}

/* A home whose store was not written by a log's entries says so, as a restored one does. */
static void write_mark(const char *home)
{
    char path[PATH_SIZE];
    bool good = home_path(path, home, "restored") && file_write(path, "", 0);
    TN_ASSERT(good);
}

static void copy_exchange(struct tn_replica *replica, const struct tn_exchange *exchange)
{
    struct tn_import_fault fault = {.what = NULL};
    for (uint8_t kind = 1; kind < TN_RECORD_KINDS; kind++) {
        uint32_t count = tn_exchange_records_count(exchange, (enum tn_record_kind)kind);
        for (uint32_t i = 0; i < count; i++) {
            size_t size =
                tn_exchange_record(exchange, record, sizeof record, (enum tn_record_kind)kind, i);
            TN_ASSERT(size <= sizeof record);
            if (size == 0) continue;
            bool good = tn_replica_import(replica, &fault, kind, i, record, size);
            if (!good) fprintf(stderr, "bench_node: record %u %u: %s\n", kind, i, fault.what);
            TN_ASSERT(good);
        }
    }
}

static void put_records(struct store *store, const struct tn_replica *replica)
{
    size_t bytes = 0;
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        uint32_t count = tn_replica_records_count(replica, kind);
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_replica_record(replica, record, sizeof record, kind, i);
            TN_ASSERT(size <= sizeof record);
            enum store_err err = store_put_record(store, kind, i, record, size);
            TN_ASSERT(err == STORE_OK);
            bytes += size;
            if (bytes < PART_BYTES) continue;
            err = store_load_part(store);
            TN_ASSERT(err == STORE_OK);
            bytes = 0;
        }
    }
}

static void write_store(const char *home, const struct tn_replica_limits *limits,
                        const struct tn_replica *replica)
{
    char path[PATH_SIZE];
    struct store_config config;
    struct store_trail trail;
    struct store *store;
    bool good = home_path(path, home, "store");
    TN_ASSERT(good);
    home_store_config(&config, limits, path);
    config.create = true;
    enum store_err err = store_open(&store, &config, &trail);
    if (err != STORE_OK) fprintf(stderr, "bench_node: %s\n", trail.text);
    TN_ASSERT(err == STORE_OK);
    put_records(store, replica);
    const struct store_point point = {
        .height = 0, .root = tn_replica_heads(replica)->root, .log_position = 1};
    err = store_checkpoint(store, &point);
    TN_ASSERT(err == STORE_OK);
    store_close(store);
}

void home_make(const char *home, const struct desk_extent *extent)
{
    static struct risk_desk desk;
    struct tn_replica_limits limits;
    struct held_replica held;
    struct tn_import_fault fault;
    struct tn_hash root;
    desk_open_wide(&desk, extent, machine_cpu());
    while (desk_is_sweeping(&desk))
        desk_sweep(&desk, 8192);
    write_genesis(home, &desk.limits);
    bool good = home_limits(&limits, home) && replica_hold(&held, &limits);
    TN_ASSERT(good);
    copy_exchange(held.replica, desk.exchange);
    desk_close(&desk);
    good = tn_replica_import_end(held.replica, &root, &fault);
    TN_ASSERT(good);
    write_store(home, &limits, held.replica);
    write_mark(home);
    replica_drop(&held);
}

/* ---- Folders --------------------------------------------------------------------------------- */

static uint64_t bytes_sum;

static int add_file(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)path, (void)where;
    if (kind == FTW_F) bytes_sum += (uint64_t)about->st_blocks * 512;
    return 0;
}

static int remove_file(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

static int forget_file(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)where;
    int fd = kind == FTW_F ? open(path, O_RDONLY) : -1;
    if (fd < 0) return 0;
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return 0;
}

uint64_t home_bytes(const char *folder)
{
    bytes_sum = 0;
    nftw(folder, add_file, 16, FTW_PHYS);
    return bytes_sum;
}

void home_remove(const char *folder)
{
    nftw(folder, remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

void home_forget(const char *folder)
{
    nftw(folder, forget_file, 16, FTW_PHYS);
}
