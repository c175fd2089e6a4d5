/* trees: the state trees follow the market, record by record.
 *
 * What a block changed is written down first and hashed then, so that the hashing may run beside
 * the next block. Records are written one behind the other into a scratch area that holds at least
 * the largest one, and handed to the state in groups, so that messages of one size are hashed side
 * by side. The market's own kinds but SESSION are under no section: they are only noted. */
#include "replica/shard.h"

static const uint8_t kinds[] = {
    TN_RECORD_MARKET,    TN_RECORD_SERIES, TN_RECORD_FEEDS,  TN_RECORD_ROWS, TN_RECORD_ACCOUNT,
    TN_RECORD_POSITIONS, TN_RECORD_MARGIN, TN_RECORD_MEMORY, TN_RECORD_BOOK, TN_PROOF_SESSION};
enum { KINDS_COUNT = sizeof kinds / sizeof kinds[0] };
_Static_assert((int)TN_PROOF_SESSION == (int)TN_RECORD_SESSION, "one numbering");

static bool has_tree(uint8_t kind)
{
    for (uint32_t i = 0; i < KINDS_COUNT; i++)
        if (kinds[i] == kind) return true;
    return false;
}

size_t tn_shard_scratch_size(const struct tn_shard_limits *limits)
{
    size_t most = 0;
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        size_t size = tn_shard_record_size_max(limits, kinds[i]);
        if (size > most) most = size;
    }
    return most + SCRATCH_SPARE;
}

void tn_shard_state_limits(struct tn_state_limits *out, const struct tn_shard_limits *limits)
{
    const struct tn_exchange_limits *exchange = limits->exchange;
    uint32_t feeds = tn_exchange_records_max(exchange, TN_RECORD_FEEDS);
    *out = (struct tn_state_limits){
        .accounts_max = exchange->accounts_max,
        .series_max = exchange->series_max,
        .market_max = tn_exchange_records_max(exchange, TN_RECORD_MARKET),
        .feeds_max = feeds > 0 ? feeds : 1,
        .sessions_max = limits->market == NULL ? 0 : limits->market->sessions_max,
        .cpu = (enum tn_cpu)exchange->cpu,
        .orders_max = exchange->orders_max,
    };
}

/* Records on their way: those before `count` lie in the scratch area. */
struct carrier {
    struct tn_state *state;
    const struct tn_shard *shard;
    const struct tn_shard_room *room;
    size_t used;
    uint32_t count;
};

static void deliver(struct carrier *carrier)
{
    if (carrier->count > 0) {
        bool is_good = tn_state_set_many(carrier->state, carrier->room->records, carrier->count);
        TN_ASSERT(is_good);
    }
    carrier->count = 0;
    carrier->used = 0;
}

static void take(struct carrier *carrier, uint8_t kind, uint32_t index)
{
    const struct tn_shard_room *to = carrier->room;
    if (carrier->count == NAMES_AT_ONCE) deliver(carrier);
    size_t room = to->scratch_size - carrier->used;
    size_t size = tn_shard_record(carrier->shard, to->scratch + carrier->used, room, kind, index);
    if (size > room) {
        deliver(carrier);
        size = tn_shard_record(carrier->shard, to->scratch, to->scratch_size, kind, index);
        TN_ASSERT(size <= to->scratch_size);
    }
    to->records[carrier->count++] = (struct tn_state_record){
        .name = {.kind = kind, .index = index},
        .bytes = to->scratch + carrier->used,
        .size = size,
    };
    carrier->used += size;
}

static bool has_count(const struct tn_shard *shard, uint8_t kind)
{
    if (kind == TN_RECORD_POSITIONS) return false; /* as many as accounts */
    return kind != TN_PROOF_SESSION || shard->market != NULL;
}

static void set_counts(struct tn_state *state, const struct tn_shard *shard)
{
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        if (!has_count(shard, kinds[i])) continue;
        tn_state_count(state, (enum tn_record_kind)kinds[i],
                       tn_shard_records_count(shard, kinds[i]));
    }
}

static uint32_t touched(struct tn_shard *shard, struct tn_record_name *names)
{
    return shard->market != NULL ? tn_market_touched(shard->market, names, NAMES_AT_ONCE)
                                 : tn_exchange_touched(shard->exchange, names, NAMES_AT_ONCE);
}

/* ---- What changed: written down, then hashed ---- */

/* One thing on the tape; its bytes follow, rounded up to NOTE_STEP. */
enum tape_what { TAPE_RECORD, TAPE_COUNT, TAPE_BOOK_COUNT, TAPE_BOOK_ORDER };
struct tape_note {
    uint32_t index; /* of the record; of a book: its series */
    uint32_t size;  /* of the bytes; of a count: how many there are */
    uint32_t rank;
    uint8_t what; /* enum tape_what */
    uint8_t kind; /* of a record; of a book: which list */
};
enum { NOTE_STEP = 8 };

static size_t rounded(size_t size)
{
    return (size + NOTE_STEP - 1) / NOTE_STEP * NOTE_STEP;
}

static void set_some(struct tn_shard *shard, const struct tn_shard_room *room, uint32_t *count)
{
    bool is_good = tn_state_set_many(shard->state, room->records, *count);
    TN_ASSERT(is_good);
    *count = 0;
}

static void play_tape(struct tn_shard *shard, struct tn_shard_room *room)
{
    uint32_t count = 0;
    for (size_t at = 0; at < room->tape_used;) {
        const struct tape_note *note = (const void *)(room->scratch + at);
        const uint8_t *bytes = room->scratch + at + sizeof *note;
        at += sizeof *note;
        if (note->what == TAPE_COUNT) {
            set_some(shard, room, &count);
            tn_state_count(shard->state, (enum tn_record_kind)note->kind, note->size);
            continue;
        }
        if (note->what == TAPE_BOOK_COUNT) {
            tn_state_book_count(shard->state, note->index, note->kind, note->size);
            continue;
        }
        at += rounded(note->size);
        if (note->what == TAPE_BOOK_ORDER) {
            tn_state_book_order(shard->state, note->index, note->kind, note->rank, bytes);
            continue;
        }
        if (count == NAMES_AT_ONCE) set_some(shard, room, &count);
        room->records[count++] =
            (struct tn_state_record){{.kind = note->kind, .index = note->index}, bytes, note->size};
    }
    set_some(shard, room, &count);
    room->tape_used = 0;
}

/* The tape is full: what is on it is hashed now, once nothing else is being hashed. */
static void empty_tape(struct tn_shard *shard, struct tn_shard_room *room)
{
    if (room->wait != NULL) room->wait(room->context);
    room->wait = NULL;
    play_tape(shard, room);
}

/* Room for a note with so many bytes, its bytes behind it. */
static struct tape_note *add_note(struct tn_shard *shard, struct tn_shard_room *room, size_t size)
{
    if (room->scratch_size - room->tape_used < sizeof(struct tape_note) + rounded(size)) {
        empty_tape(shard, room);
    }
    struct tape_note *note = (void *)(room->scratch + room->tape_used);
    room->tape_used += sizeof *note + rounded(size);
    TN_ASSERT(room->tape_used <= room->scratch_size);
    return note;
}

static void note_record(struct tn_shard *shard, struct tn_shard_room *room, uint8_t kind,
                        uint32_t index)
{
    for (;;) {
        const size_t left = room->scratch_size - room->tape_used;
        struct tape_note *note = (void *)(room->scratch + room->tape_used);
        const size_t head = sizeof *note + NOTE_STEP;
        uint8_t *bytes = (uint8_t *)(note + 1);
        size_t size = head > left ? left : tn_shard_record(shard, bytes, left - head, kind, index);
        if (head <= left && size <= left - head) {
            *note = (struct tape_note){
                .index = index, .size = (uint32_t)size, .what = TAPE_RECORD, .kind = kind};
            room->tape_used += sizeof *note + rounded(size);
            return;
        }
        TN_ASSERT(room->tape_used > 0); /* the scratch area holds the largest record */
        empty_tape(shard, room);
    }
}

/* Of a book only what changed: the rest of it may be thousands of orders. */
static void note_book(struct tn_shard *shard, struct tn_shard_room *room, uint32_t series)
{
    struct tn_book_changes changes;
    uint8_t order[TN_RECORD_ORDER_SIZE];
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        if (!tn_exchange_book_changes(shard->exchange, &changes, series, list)) continue;
        *add_note(shard, room, 0) = (struct tape_note){
            .index = series, .size = changes.count, .what = TAPE_BOOK_COUNT, .kind = (uint8_t)list};
        while (tn_exchange_book_change(shard->exchange, &changes, order)) {
            struct tape_note *note = add_note(shard, room, sizeof order);
            *note = (struct tape_note){.index = series,
                                       .size = sizeof order,
                                       .rank = changes.rank,
                                       .what = TAPE_BOOK_ORDER,
                                       .kind = (uint8_t)list};
            memcpy(note + 1, order, sizeof order);
        }
    }
}

static void note_counts(struct tn_shard *shard, struct tn_shard_room *room)
{
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        if (!has_count(shard, kinds[i])) continue;
        *add_note(shard, room, 0) = (struct tape_note){
            .size = tn_shard_records_count(shard, kinds[i]), .what = TAPE_COUNT, .kind = kinds[i]};
    }
}

void tn_shard_gather(struct tn_shard *shard, struct tn_shard_room *room)
{
    uint32_t count;
    note_counts(shard, room);
    while ((count = touched(shard, room->names)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            struct tn_record_name name = room->names[i];
            if (i % TN_RECORDS_AHEAD == 0)
                tn_exchange_changes_ahead(shard->exchange, room->names + i, count - i);
            shard_note_changed(shard, name.kind, name.index);
            tn_shard_exit_due(shard, &name);
            if (name.kind >= TN_PROOF_RECORD_KINDS) continue;
            if (name.index >= tn_shard_records_count(shard, name.kind)) continue;
            if (name.kind == TN_RECORD_BOOK) {
                note_book(shard, room, name.index);
                continue;
            }
            note_record(shard, room, name.kind, name.index);
            if (name.kind == TN_RECORD_POSITIONS)
                note_record(shard, room, TN_RECORD_ACCOUNT, name.index);
        }
    }
}

void tn_shard_hash(struct tn_shard *shard, struct tn_shard_room *room)
{
    play_tape(shard, room);
    bool is_good = tn_state_update(shard->state);
    TN_ASSERT(is_good);
}

void tn_shard_follow(struct tn_shard *shard, struct tn_shard_room *room)
{
    tn_shard_gather(shard, room);
    tn_shard_hash(shard, room);
}

void tn_shard_fill(struct tn_state *state, const struct tn_shard *shard,
                   const struct tn_shard_room *room)
{
    struct carrier carrier = {.state = state, .shard = shard, .room = room};
    set_counts(state, shard);
    for (uint32_t i = 0; i < KINDS_COUNT; i++) {
        uint32_t count = tn_shard_records_count(shard, kinds[i]);
        if (kinds[i] == TN_RECORD_ACCOUNT) continue; /* after its positions */
        for (uint32_t index = 0; index < count; index++) {
            take(&carrier, kinds[i], index);
            if (kinds[i] == TN_RECORD_POSITIONS) take(&carrier, TN_RECORD_ACCOUNT, index);
        }
    }
    deliver(&carrier);
    bool is_good = tn_state_update(state);
    TN_ASSERT(is_good);
}

/* ---- From the bytes of records, beside an import ---- */

void tn_shard_trees_begin(struct tn_shard *shard)
{
    tn_state_clear(shard->state); /* the genesis has filled them */
    shard->has_trees = false;
}

bool tn_shard_trees_add(struct tn_shard *shard, const struct tn_state_record *records,
                        uint32_t count)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i <= count; i++) {
        if (i < count && has_tree(records[i].name.kind)) continue;
        if (i > first && !tn_state_load(shard->state, records + first, i - first)) return false;
        first = i + 1;
    }
    return true;
}

bool tn_shard_trees_end(struct tn_shard *shard)
{
    shard->has_trees = tn_state_is_whole(shard->state) && tn_state_update(shard->state);
    return shard->has_trees;
}

void tn_shard_trees_settle(struct tn_shard *shard, const struct tn_shard_room *room)
{
    if (!shard->has_trees) {
        tn_shard_fill(shard->state, shard, room);
        return;
    }
    set_counts(shard->state, shard);
    bool is_good = tn_state_update(shard->state);
    TN_ASSERT(is_good);
    shard->has_trees = false;
}
