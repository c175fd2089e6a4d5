/* beside: see the header.
 *
 * It shares nothing with the import but the pages of the map, which are only read, and the flag
 * that ends it. Each value is checked against its CRC here, too: the second processor has the time,
 * and nobody has to wait for the other. */
#include "store/beside.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { GROUP = 512, KINDS = 256 };

struct store_beside {
    struct store_view *view;
    store_group_visitor *visit;
    void *context;
    pthread_t thread;
    atomic_bool is_stopped;
    bool is_good;
    uint8_t kind;
    uint32_t count;
    struct tn_state_record records[GROUP];
};

static bool deliver(struct store_beside *beside)
{
    const uint32_t count = beside->count;
    beside->count = 0;
    if (atomic_load_explicit(&beside->is_stopped, memory_order_relaxed)) return false;
    return count == 0 || beside->visit(beside->context, beside->records, count);
}

static bool take(void *context, uint32_t index, const uint8_t *bytes, size_t size)
{
    struct store_beside *beside = context;
    beside->records[beside->count++] = (struct tn_state_record){
        .name = {.kind = beside->kind, .index = index}, .bytes = bytes, .size = size};
    if (beside->count < GROUP) return true;
    beside->is_good = deliver(beside);
    return beside->is_good;
}

static void *walk(void *context)
{
    struct store_beside *beside = context;
    beside->is_good = true;
    for (uint32_t kind = KINDS - 1; kind > 0 && beside->is_good; kind--) {
        beside->kind = (uint8_t)kind;
        enum store_err err = store_each_record(beside->view, (uint8_t)kind, 0, take, beside);
        beside->is_good = beside->is_good && err == STORE_OK && deliver(beside);
    }
    if (beside->is_good) beside->visit(beside->context, NULL, 0);
    return NULL;
}

struct store_beside *store_beside_begin(struct store_view *view, store_group_visitor *visit,
                                        void *context)
{
    struct store_beside *beside = calloc(1, sizeof *beside);
    if (beside == NULL) return NULL;
    beside->visit = visit;
    beside->context = context;
    if (store_view_twin(view, &beside->view) != STORE_OK) {
        free(beside);
        return NULL;
    }
    if (pthread_create(&beside->thread, NULL, walk, beside) == 0) return beside;
    store_view_end(beside->view);
    free(beside);
    return NULL;
}

void store_beside_stop(struct store_beside *beside)
{
    if (beside != NULL) atomic_store_explicit(&beside->is_stopped, true, memory_order_relaxed);
}

void store_beside_end(struct store_beside *beside)
{
    if (beside == NULL) return;
    pthread_join(beside->thread, NULL);
    store_view_end(beside->view);
    free(beside);
}
