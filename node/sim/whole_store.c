/* whole_store: a machine's store: records of its chain by name, as of a height, and where the log
 * goes on from there.
 *
 * A checkpoint is taken between turns, as node/cluster/keeper.c takes it: the records that changed,
 * then what the member writes again into its log; when that is synced the checkpoint is durable,
 * and the log before it goes. Power that goes before leaves the store as it was. */
#include "sim/whole.h"

#include <stdlib.h>
#include <string.h>

enum { CHECKPOINT_BLOCKS = 16, NAMES_AT_ONCE = 256 };

static void add_change(struct whole_store *store, uint8_t kind, uint32_t index,
                       const uint8_t *bytes, size_t size)
{
    if (store->changes_count == store->changes_room) {
        store->changes_room = store->changes_room == 0 ? 256 : 2 * store->changes_room;
        store->changes = realloc(store->changes, store->changes_room * sizeof *store->changes);
        TN_ASSERT(store->changes != NULL);
    }
    struct whole_change *change = &store->changes[store->changes_count++];
    *change = (struct whole_change){
        .bytes = malloc(size + 1), .size = (uint32_t)size, .index = index, .kind = kind};
    TN_ASSERT(change->bytes != NULL);
    memcpy(change->bytes, bytes, size);
}

static void take_changes(struct sim_node *node, struct whole_store *store)
{
    struct tn_chain *chain = tn_member_chain(node->member);
    struct tn_record_name names[NAMES_AT_ONCE];
    uint32_t count;
    while ((count = tn_chain_changed(chain, names, NAMES_AT_ONCE)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_chain_record(chain, node->record, node->record_size, names[i].kind,
                                          names[i].index);
            if (size > node->record_size) {
                node->record_size = size;
                node->record = realloc(node->record, size);
                TN_ASSERT(node->record != NULL);
                tn_chain_record(chain, node->record, size, names[i].kind, names[i].index);
            }
            add_change(store, names[i].kind, names[i].index, node->record, size);
        }
    }
}

void whole_store_begin(struct sim_node *node)
{
    struct whole_store *store = &node->sim->whole->stores[node->machine];
    struct sim_machine *machine = &node->sim->machines[node->machine];
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(node->member));
    if (store->is_closing || heads->height < store->height + CHECKPOINT_BLOCKS) return;
    if (node->record == NULL) {
        node->record_size = 1 << 16;
        node->record = malloc(node->record_size);
        TN_ASSERT(node->record != NULL);
    }
    take_changes(node, store);
    store->is_closing = true;
    store->next_height = heads->height;
    store->next_root = heads->root;
    store->log_from = machine->disk.count;
    tn_member_record_all(node->member);
}

static void put(struct whole_store *store, const struct whole_change *change)
{
    uint8_t kind = change->kind;
    if (change->index >= store->rooms[kind]) {
        uint32_t room = 2 * change->index + 16;
        store->records[kind] = realloc(store->records[kind], room * sizeof(struct whole_record));
        TN_ASSERT(store->records[kind] != NULL);
        memset(store->records[kind] + store->rooms[kind], 0,
               (room - store->rooms[kind]) * sizeof(struct whole_record));
        store->rooms[kind] = room;
    }
    struct whole_record *record = &store->records[kind][change->index];
    free(record->bytes);
    *record = (struct whole_record){.bytes = change->bytes, .size = change->size};
}

void whole_store_synced(struct sim_node *node)
{
    struct whole_store *store = &node->sim->whole->stores[node->machine];
    struct sim_machine *machine = &node->sim->machines[node->machine];
    if (!store->is_closing) return;
    for (uint32_t i = 0; i < store->changes_count; i++)
        put(store, &store->changes[i]);
    store->changes_count = 0;
    store->is_closing = false;
    store->height = store->next_height;
    store->root = store->next_root;
    machine->store_height = store->height;
    sim_disk_release(&machine->disk, store->log_from);
}

void whole_store_lost(struct whole_store *store)
{
    for (uint32_t i = 0; i < store->changes_count; i++)
        free(store->changes[i].bytes);
    store->changes_count = 0;
    store->is_closing = false;
}

void whole_store_load(struct sim_node *node)
{
    struct whole_store *store = &node->sim->whole->stores[node->machine];
    struct tn_chain *chain = tn_member_chain(node->member);
    struct tn_import_fault fault = {0};
    struct tn_hash root;
    if (store->height == 0) return;
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        for (uint32_t i = 0; i < store->rooms[kind]; i++) {
            const struct whole_record *record = &store->records[kind][i];
            if (record->size == 0) continue;
            if (tn_chain_import(chain, &fault, (uint8_t)kind, i, record->bytes, record->size))
                continue;
            sim_fail(node->sim, node->machine, "record %u %u of its store does not read: %s", kind,
                     i, fault.what == NULL ? "?" : fault.what);
            return;
        }
    }
    if (!tn_chain_import_end(chain, &root, &fault))
        sim_fail(node->sim, node->machine, "the records of its store do not fit: %s",
                 fault.what == NULL ? "?" : fault.what);
    else if (!tn_hash_equal(&root, &store->root))
        sim_fail(node->sim, node->machine,
                 "the records of its store have another root, height %llu",
                 (unsigned long long)store->height);
}

void whole_store_free(struct whole_store *store)
{
    whole_store_lost(store);
    free(store->changes);
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        for (uint32_t i = 0; i < store->rooms[kind]; i++)
            free(store->records[kind][i].bytes);
        free(store->records[kind]);
    }
}
