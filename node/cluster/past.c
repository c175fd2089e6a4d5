/* Rows are receipts of their heights. One more, of a height that no block has, says since which
 * block rows are whole and up to which they go: it is written with every block, so a checkpoint
 * that blocks went by without (an older program, a node without clients) shows by its height. */
#include "cluster/past.h"
#include "clock.h"

#include "cluster/keeper.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MARK_VERSION = 2, /* of rows too: those of another one are not read */
    MARK_SIZE = 17,   /* version u8, since u64, through u64, big-endian */
    WAIT_MS = 1000,
    ROWS_A_LOOK = 32, /* at the clock */
};

#define MS_PER_HOUR UINT64_C(3600000)

struct kept {
    uint64_t oldest, newest; /* of the blocks whose rows there are; newest < oldest: none */
    uint64_t since;          /* as the mark says */
};

struct past {
    enum tn_cpu cpu;
    uint32_t hours;
    struct past_row *row;
    uint64_t since; /* rows of all blocks from here on are in the store or its queue */
    _Atomic uint64_t oldest, lost;
    pthread_mutex_t lock; /* of `store`, for the reader; it is changed by the node's thread alone */
    struct store *store;  /* NULL: there is none now */
    struct kept kept;     /* of the checkpoint that was looked at last */
    uint64_t told_height; /* the durable checkpoint that `oldest` is of */
    _Atomic enum fault { FAULT_NONE, FAULT_MET, FAULT_SAID } fault;
    struct store_trail trail; /* of the fault; the reader's until it is met */
};

struct past *past_make(uint32_t row_bytes_max, uint32_t hours, enum tn_cpu cpu)
{
    struct past *past = calloc(1, sizeof *past);
    if (past == NULL) return NULL;
    past->cpu = cpu;
    past->hours = hours;
    pthread_mutex_init(&past->lock, NULL);
    past->row = past_row_make(row_bytes_max, cpu);
    atomic_store(&past->oldest, UINT64_MAX);
    if (past->row != NULL) return past;
    past_free(past);
    return NULL;
}

void past_free(struct past *past)
{
    if (past == NULL) return;
    past_row_free(past->row);
    pthread_mutex_destroy(&past->lock);
    free(past);
}

/* ---- What a checkpoint has ---------------------------------------------------------------------
 */

static enum store_err time_of(struct store_view *view, uint64_t *time_ms, uint64_t height)
{
    struct store_block block;
    const enum store_err err = store_get_block(view, &block, height);
    if (err == STORE_OK) *time_ms = block.time_ms;
    return err;
}

/* The store prunes what is so many hours older than its newest block, not all of it at once: rows
 * count as gone from then on. Block times do not fall. */
static enum store_err pass_old(struct store_view *view, struct kept *kept, uint32_t hours)
{
    uint64_t newest_ms, time_ms, low = kept->oldest, high = kept->newest;
    if (hours == 0 || low >= high) return STORE_OK;
    enum store_err err = time_of(view, &newest_ms, kept->newest);
    while (err == STORE_OK && low < high) {
        const uint64_t middle = low + (high - low) / 2;
        err = time_of(view, &time_ms, middle);
        if (err != STORE_OK) break;
        if (time_ms + hours * MS_PER_HOUR < newest_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    kept->oldest = low;
    return err;
}

enum store_err past_rows_since(uint64_t *since, struct store_view *view, uint64_t height)
{
    struct store_bytes mark;
    enum store_err err = store_get_receipts(view, &mark, keeper_kept_height(KEPT_PAST, 0));
    if (err != STORE_OK) return err;
    if (mark.size != MARK_SIZE || mark.bytes[0] != MARK_VERSION ||
        tn_get_be(mark.bytes + 9, 8) != height) {
        return STORE_ABSENT;
    }
    *since = tn_get_be(mark.bytes + 1, 8);
    return STORE_OK;
}

/* STORE_ABSENT: there is no checkpoint. */
static enum store_err find_kept(struct store_view *view, struct kept *kept, uint32_t hours)
{
    struct store_point point;
    uint64_t first;
    enum store_err err = store_get_point(view, &point);
    if (err != STORE_OK) return err;
    if (kept->newest == point.height && kept->since > 0) return STORE_OK;
    *kept = (struct kept){
        .oldest = point.height + 1, .newest = point.height, .since = point.height + 1};
    err = past_rows_since(&kept->since, view, point.height);
    if (err == STORE_ABSENT) return STORE_OK;
    if (err != STORE_OK) return err;
    err = store_get_first_block(view, &first);
    if (err != STORE_OK || first == STORE_HEIGHT_NONE) return err;
    kept->oldest = first < kept->since ? kept->since : first;
    return pass_old(view, kept, hours);
}

/* ---- The node's thread -------------------------------------------------------------------------
 */

/* Once for each checkpoint. */
static enum store_err look(struct past *past, struct store *store, struct store_trail *trail)
{
    struct store_view *view;
    struct kept kept = {.oldest = past->since};
    enum store_err err = store_view_begin(store, &view, trail);
    if (err != STORE_OK) return err;
    err = find_kept(view, &kept, past->hours);
    if (err != STORE_OK && err != STORE_ABSENT) *trail = *store_view_trail(view);
    store_view_end(view);
    if (err == STORE_OK) past->told_height = kept.newest;
    if (err == STORE_OK && past->since == 0) past->since = kept.since;
    if (err == STORE_ABSENT && past->since == 0) past->since = kept.oldest = 1;
    /* What was lost since is not in the checkpoint yet. */
    atomic_store(&past->oldest, kept.oldest < past->since ? past->since : kept.oldest);
    return err == STORE_ABSENT ? STORE_OK : err;
}

bool past_begin(struct past *past, struct store *store, struct store_trail *trail)
{
    past->since = past->told_height = 0;
    past->kept = (struct kept){.since = 0};
    if (look(past, store, trail) != STORE_OK) return false;
    pthread_mutex_lock(&past->lock);
    past->store = store;
    pthread_mutex_unlock(&past->lock);
    return true;
}

void past_end(struct past *past)
{
    const uint8_t *bytes;
    size_t size;
    pthread_mutex_lock(&past->lock);
    past->store = NULL;
    pthread_mutex_unlock(&past->lock);
    (void)past_row_finish(past->row, &bytes, &size, 0, 0);
}

void past_step(struct past *past, const struct port_step *step, const struct tn_event *events)
{
    past_row_add(past->row, step, events);
}

void past_orders(struct past *past, uint32_t market, uint64_t last_order_id)
{
    past_row_orders(past->row, market, last_order_id);
}

/* A group must also have room for what the checkpoint adds to it. */
static bool put(struct past *past, uint64_t height, const uint8_t *bytes, size_t size)
{
    enum store_err err = store_put_receipts(past->store, height, bytes, size);
    if (err != STORE_BUSY) return err == STORE_OK;
    if (store_drain(past->store, WAIT_MS) == STORE_FAILED) return false;
    return store_put_receipts(past->store, height, bytes, size) == STORE_OK;
}

void past_block(struct past *past, uint64_t height, int64_t time_ms)
{
    const uint8_t *bytes;
    size_t size;
    uint8_t mark[MARK_SIZE] = {MARK_VERSION};
    struct store_status status;
    struct store_trail trail;
    bool is_put = past_row_finish(past->row, &bytes, &size, height, time_ms);
    if (past->store == NULL) return;
    if (is_put && size > 0)
        is_put = store_has_room(past->store, size) && put(past, height, bytes, size);
    if (!is_put) {
        past->since = height + 1;
        atomic_fetch_add(&past->lost, 1);
    }
    tn_put_be(mark + 1, past->since, 8);
    tn_put_be(mark + 9, height, 8);
    if (!put(past, keeper_kept_height(KEPT_PAST, 0), mark, sizeof mark)) past->since = height + 1;
    store_status(past->store, &status);
    if (!is_put) atomic_store(&past->oldest, past->since);
    if (status.durable.height != STORE_HEIGHT_NONE && status.durable.height != past->told_height)
        (void)look(past, past->store, &trail);
}

bool past_take_fault(struct past *past, struct store_trail *trail)
{
    if (atomic_load(&past->fault) != FAULT_MET) return false;
    *trail = past->trail;
    atomic_store(&past->fault, FAULT_SAID);
    return true;
}

/* ---- The reader --------------------------------------------------------------------------------
 */

struct scan {
    struct past *past;
    struct store_view *view;
    struct gateway_past_piece *piece;
    uint32_t market, account;
    uint64_t newest, until_us;
    uint32_t rows;
    bool is_whole; /* all rows up to newest were looked at */
    enum store_err err;
};

/* What the row has behind the place, as far as the piece has room. */
static bool take_messages(struct scan *scan, struct past_row_messages *messages)
{
    struct gateway_past_piece *piece = scan->piece;
    for (;;) {
        struct gateway_record *record = &piece->records[piece->count];
        if (piece->count == GATEWAY_PAST_RECORDS) return true;
        const enum past_row_answer answer = past_row_next(messages, record);
        if (answer == PAST_ROW_DAMAGED) return false;
        if (answer == PAST_ROW_END) break;
        if (gateway_place_compare(record->at, piece->through) <= 0) continue;
        piece->through = record->at;
        piece->count++;
    }
    piece->through.index = UINT32_MAX;
    return true;
}

/* The account is in this row: now all of it is checked. */
static bool take_row(struct scan *scan, uint64_t height)
{
    struct store_bytes row;
    struct past_row_head head;
    struct past_row_messages messages;
    scan->err = store_get_receipts(scan->view, &row, height);
    if (scan->err != STORE_OK) return false;
    if (past_row_open(&head, scan->past->cpu, row.bytes, row.size) && head.height == height &&
        past_row_find(&messages, &head, scan->market, scan->account) &&
        take_messages(scan, &messages))
        return scan->piece->count < GATEWAY_PAST_RECORDS;
    scan->err = STORE_CORRUPT;
    return false;
}

static bool see_row(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                    size_t value_size)
{
    struct scan *scan = context;
    struct past_row_head head;
    struct past_row_messages messages;
    if (key_size != 8) return false;
    const uint64_t height = tn_get_be(key, 8);
    scan->is_whole = height > scan->newest; /* or what is kept under heights of no block */
    if (scan->is_whole) return false;
    if (!past_row_open(&head, scan->past->cpu, value, value_size) || head.height != height) {
        scan->err = STORE_CORRUPT;
        return false;
    }
    const struct gateway_place before = {height - 1, UINT32_MAX};
    if (gateway_place_compare(scan->piece->through, before) < 0) scan->piece->through = before;
    if (past_row_find(&messages, &head, scan->market, scan->account)) {
        if (!take_row(scan, height)) return false;
    } else {
        scan->piece->through = (struct gateway_place){height, UINT32_MAX};
    }
    return ++scan->rows % ROWS_A_LOOK != 0 || (uint64_t)monotonic_us() < scan->until_us;
}

static void read_rows(struct scan *scan, const struct kept *kept)
{
    struct gateway_past_piece *piece = scan->piece;
    const uint64_t need = gateway_past_need(piece->through);
    uint8_t from[8];
    if (need > kept->newest) return;
    if (need < kept->oldest) {
        piece->answer = GATEWAY_PAST_GONE;
        return;
    }
    tn_put_be(from, need, 8);
    scan->newest = kept->newest;
    scan->is_whole = true; /* unless it is stopped */
    const enum store_err err =
        store_scan(scan->view, STORE_RECEIPTS, from, sizeof from, see_row, scan);
    if (err != STORE_OK || scan->err != STORE_OK) {
        piece->answer = GATEWAY_PAST_FAILED;
    } else if (scan->is_whole) {
        piece->through = (struct gateway_place){kept->newest, UINT32_MAX};
    } else {
        piece->answer = GATEWAY_PAST_MORE;
    }
}

static void note_fault(struct past *past, const struct scan *scan)
{
    if (atomic_load(&past->fault) != FAULT_NONE) return;
    past->trail = *store_view_trail(scan->view);
    if (past->trail.text[0] == '\0') {
        snprintf(past->trail.text, sizeof past->trail.text,
                 "the row of accounts' messages of the block behind %llu does not read",
                 (unsigned long long)scan->piece->through.block);
    }
    atomic_store(&past->fault, FAULT_MET);
}

static void read_view(struct past *past, struct scan *scan)
{
    const enum store_err err = find_kept(scan->view, &past->kept, past->hours);
    if (err == STORE_OK) {
        scan->piece->oldest = past->kept.oldest;
        read_rows(scan, &past->kept);
    } else if (err != STORE_ABSENT) {
        scan->piece->answer = GATEWAY_PAST_FAILED;
    }
    if (err != STORE_OK) past->kept = (struct kept){.since = 0};
    if (scan->piece->answer == GATEWAY_PAST_FAILED) note_fault(past, scan);
}

static void read_past(void *context, struct gateway_past_piece *piece, uint32_t market,
                      uint32_t account, struct gateway_place after)
{
    struct past *past = context;
    struct store_view *view;
    struct store_trail trail;
    struct scan scan = {.past = past,
                        .piece = piece,
                        .market = market,
                        .account = account,
                        .until_us = (uint64_t)monotonic_us() + GATEWAY_PAST_US};
    piece->answer = GATEWAY_PAST_WAIT;
    piece->through = after;
    piece->count = 0;
    piece->oldest = atomic_load(&past->oldest);
    pthread_mutex_lock(&past->lock);
    if (past->store != NULL && store_view_begin(past->store, &view, &trail) == STORE_OK) {
        scan.view = view;
        read_view(past, &scan);
        store_view_end(view);
    }
    pthread_mutex_unlock(&past->lock);
}

static uint64_t read_oldest(void *context)
{
    return atomic_load(&((struct past *)context)->oldest);
}

static uint64_t read_lost(void *context)
{
    return atomic_load(&((struct past *)context)->lost);
}

void past_fill_source(struct gateway_past_source *source, struct past *past)
{
    *source = (struct gateway_past_source){
        .context = past, .read = read_past, .oldest = read_oldest, .lost = read_lost};
}
