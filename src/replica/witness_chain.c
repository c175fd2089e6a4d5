/* witness_chain: what a block of a chain needs, noted on the way and written; and a chain of which
 * only that is there.
 *
 * Each market's trees are built of the bytes alone: the leaves that came, and the nodes beside
 * their ways. The same bytes are read into its exchange and its sessions. So the roots of all
 * sections, and with what stands whole (inboxes, heads, past roots, the registry) the state root,
 * follow from nothing but the bytes, and whoever trusts that root knows that every record is the
 * state's own. What is absent is asked for by who would read it (export.h, watch.h). */
#include "tenor/witness_chain.h"
#include "replica/chain.h"

enum { KIND_STEP = 32 }; /* of a chain's kinds */

/* Kinds of which some leaves are there only, in the order of their nodes. */
static const uint8_t part_kinds[] = {TN_RECORD_ACCOUNT, TN_RECORD_MARGIN, TN_RECORD_MEMORY,
                                     TN_RECORD_SESSION};
enum { PART_KINDS = sizeof part_kinds / sizeof part_kinds[0] };

static bool has_bit(const uint64_t *bits, uint32_t index)
{
    return (bits[index / 64] >> index % 64 & 1) != 0;
}

static void set_bit(uint64_t *bits, uint32_t index)
{
    bits[index / 64] |= UINT64_C(1) << index % 64;
}

static size_t words_of(uint32_t bits)
{
    return ((size_t)bits + 63) / 64;
}

static bool is_by_account(uint8_t own)
{
    return own >= TN_RECORD_ACCOUNT && own <= TN_RECORD_MEMORY;
}

/* A kind of a market, and whose; false: of the whole chain, or none. */
static bool split(const struct tn_witness_parts *parts, uint8_t kind, uint32_t *place, uint8_t *own)
{
    *place = kind / KIND_STEP;
    *own = kind % KIND_STEP;
    return kind < TN_CHAIN_RECORD_HEADS && *place < parts->markets_count;
}

/* ---- Who is needed ----------------------------------------------------------------------------
 */

/* What the block itself opens is nobody's to bring. */
static void need(struct tn_witness_part *part, uint64_t *bits, uint32_t count, uint32_t index)
{
    const struct tn_witness_parts *all = part->all;
    if (index >= count || has_bit(bits, index)) return;
    if (all->absent == NULL) {
        set_bit(bits, index);
        return;
    }
    const struct tn_witness_absent absent = {
        .market = part->market, .is_session = bits == part->seats, .index = index};
    all->absent(all->context, &absent);
    TN_ASSERT(false); /* it must not return */
}

static void need_account(void *context, uint32_t account)
{
    struct tn_witness_part *part = context;
    need(part, part->accounts, part->accounts_count, account);
}

static void need_seat(void *context, uint32_t seat)
{
    struct tn_witness_part *part = context;
    need(part, part->seats, part->seats_count, seat);
}

size_t tn_witness_parts_words(const struct tn_chain_limits *limits)
{
    size_t words = 0;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        words += words_of(limits->markets[i].exchange.accounts_max);
        words += words_of(limits->markets[i].sessions_max);
    }
    return words;
}

void tn_witness_parts_open(struct tn_witness_parts *parts, const struct tn_chain *chain,
                           uint64_t *words)
{
    const struct tn_chain_limits *limits = &chain->limits;
    *parts = (struct tn_witness_parts){.markets_count = limits->markets_count};
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        const struct tn_shard *shard = &chain->shards[i];
        struct tn_witness_part *part = &parts->markets[i];
        *part = (struct tn_witness_part){
            .accounts = words,
            .seats = words + words_of(limits->markets[i].exchange.accounts_max),
            .accounts_count = tn_exchange_accounts_count(shard->exchange),
            .seats_count = tn_market_records_count(shard->market, TN_RECORD_SESSION),
            .market = shard->id,
            .all = parts,
            .accounts_watch = {.need = need_account, .context = part},
            .seats_watch = {.need = need_seat, .context = part},
        };
        words = part->seats + words_of(limits->markets[i].sessions_max);
    }
}

static void watch(struct tn_witness_parts *parts, struct tn_chain *chain)
{
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        struct tn_witness_part *part = &parts->markets[i];
        tn_exchange_watch(chain->shards[i].exchange, &part->accounts_watch);
        tn_market_watch(chain->shards[i].market, &part->seats_watch);
    }
}

void tn_witness_parts_note(struct tn_witness_parts *parts, struct tn_chain *chain)
{
    watch(parts, chain);
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        struct tn_witness_part *part = &parts->markets[i];
        if (part->accounts_count > 0) need_account(part, part->accounts_count - 1);
        if (part->seats_count > 0) need_seat(part, part->seats_count - 1);
        tn_exchange_need_named(chain->shards[i].exchange);
    }
}

/* ---- Out --------------------------------------------------------------------------------------
 */

bool tn_witness_chain_record(const struct tn_witness_parts *parts, const struct tn_chain *chain,
                             uint8_t *out, size_t out_size, size_t *size, uint8_t kind,
                             uint32_t index)
{
    uint64_t first = tn_chain_past_needed(chain);
    uint32_t place;
    uint8_t own;
    if (kind == TN_CHAIN_RECORD_HEADS) {
        *size = tn_chain_write_heads(chain, out, out_size, first);
        return true;
    }
    if (kind == TN_CHAIN_RECORD_RING) {
        *size = tn_chain_write_ring(chain, out, out_size, index, first);
        return *size > 0;
    }
    if (split(parts, kind, &place, &own)) {
        const struct tn_witness_part *part = &parts->markets[place];
        if (own == TN_RECORD_EQUITY) return false;
        if (is_by_account(own) && !has_bit(part->accounts, index)) return false;
        if (own == TN_RECORD_SESSION && !has_bit(part->seats, index)) return false;
    }
    *size = tn_chain_record(chain, out, out_size, kind, index);
    return *size > 0 || own == TN_RECORD_SESSION;
}

static const uint64_t *bits_of(const struct tn_witness_part *part, uint8_t kind)
{
    return kind == TN_RECORD_SESSION ? part->seats : part->accounts;
}

static size_t nodes_of(const struct tn_witness_parts *parts, const struct tn_chain *chain,
                       uint8_t *out, size_t out_size)
{
    size_t used = 0;
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        for (uint32_t n = 0; n < PART_KINDS; n++) {
            size_t room = used < out_size ? out_size - used : 0;
            used += tn_state_write_sides(chain->shards[i].state, room > 0 ? out + used : NULL, room,
                                         (enum tn_record_kind)part_kinds[n],
                                         bits_of(&parts->markets[i], part_kinds[n]));
        }
    }
    return used;
}

size_t tn_witness_chain_nodes(const struct tn_witness_parts *parts, const struct tn_chain *chain,
                              uint8_t *out, size_t out_size)
{
    size_t needed = nodes_of(parts, chain, NULL, 0);
    if (needed <= out_size) nodes_of(parts, chain, out, out_size);
    return needed;
}

/* ---- In: the records' names -------------------------------------------------------------------
 */

struct taking {
    struct tn_witness_parts *parts;
    struct tn_chain *chain;
    struct tn_import_fault *fault;
    const struct tn_state_record *records;
    uint32_t begin[TN_CHAIN_KINDS + 1]; /* of each kind, in records */
};

static bool refuse(const struct taking *taking, struct tn_record_name name, const char *what)
{
    *taking->fault = (struct tn_import_fault){.name = name, .what = what};
    return false;
}

/* What a record's name says of who is there. */
static const char *note_name(struct tn_witness_part *part, uint8_t own,
                             const struct tn_state_record *record)
{
    uint32_t index = record->name.index;
    if (own == TN_RECORD_EQUITY) return "a witness has no EQUITY";
    if (own == TN_RECORD_SESSION) {
        if (index >= part->seats_count) return "there are not so many sessions";
        set_bit(part->seats, index);
        return NULL;
    }
    if (record->size == 0) return "the record is empty";
    if (!is_by_account(own)) return NULL;
    if (index >= part->accounts_count) return "there are not so many accounts";
    if (own == TN_RECORD_ACCOUNT) set_bit(part->accounts, index);
    return has_bit(part->accounts, index) ? NULL : "its account is not in the witness";
}

static bool note_names(struct taking *taking, uint32_t count)
{
    uint32_t kind = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_record_name name = taking->records[i].name;
        const bool is_next = i == 0 || name.kind > taking->records[i - 1].name.kind ||
                             (name.kind == kind && name.index > taking->records[i - 1].name.index);
        if (!is_next) return refuse(taking, name, "records do not ascend");
        while (kind < name.kind)
            taking->begin[++kind] = i;
        uint32_t place;
        uint8_t own;
        const char *what = taking->records[i].size == 0 ? "the record is empty" : NULL;
        if (split(taking->parts, name.kind, &place, &own)) {
            what = note_name(&taking->parts->markets[place], own, &taking->records[i]);
        }
        if (what != NULL) return refuse(taking, name, what);
    }
    while (kind < TN_CHAIN_KINDS)
        taking->begin[++kind] = count;
    return true;
}

/* Before there is a bit for any of them. */
static bool check_counts(const struct taking *taking, uint32_t place)
{
    const struct tn_market_limits *limits = &taking->chain->limits.markets[place];
    const struct tn_witness_part *part = &taking->parts->markets[place];
    struct tn_record_name name = {.kind = (uint8_t)(place * KIND_STEP + TN_RECORD_ACCOUNT)};
    if (part->accounts_count > limits->exchange.accounts_max) {
        return refuse(taking, name, "there are more accounts than the limits let");
    }
    name.kind = (uint8_t)(place * KIND_STEP + TN_RECORD_SESSION);
    return part->seats_count <= limits->sessions_max ||
           refuse(taking, name, "there are more sessions than the limits let");
}

/* The last ones, beside which new ones come. */
static bool has_last(const struct taking *taking, uint32_t place)
{
    const struct tn_witness_part *part = &taking->parts->markets[place];
    struct tn_record_name name = {.kind = (uint8_t)(place * KIND_STEP + TN_RECORD_ACCOUNT)};
    name.index = part->accounts_count - 1;
    if (part->accounts_count > 0 && !has_bit(part->accounts, name.index)) {
        return refuse(taking, name, "the last account is always needed");
    }
    name.kind = (uint8_t)(place * KIND_STEP + TN_RECORD_SESSION);
    name.index = part->seats_count - 1;
    return part->seats_count == 0 || has_bit(part->seats, name.index) ||
           refuse(taking, name, "the last session is always needed");
}

/* ---- In: the trees ----------------------------------------------------------------------------
 */

static bool take_nodes(struct taking *taking, const uint8_t *nodes, size_t size)
{
    const struct tn_record_name none = {0};
    for (uint32_t i = 0; i < taking->parts->markets_count; i++) {
        const struct tn_witness_part *part = &taking->parts->markets[i];
        struct tn_state *state = taking->chain->shards[i].state;
        tn_shard_trees_begin(&taking->chain->shards[i]);
        tn_state_begin_part(state, part->accounts_count, part->seats_count);
        for (uint32_t n = 0; n < PART_KINDS; n++) {
            size_t used;
            if (!tn_state_read_sides(state, &used, (enum tn_record_kind)part_kinds[n],
                                     bits_of(part, part_kinds[n]), nodes, size)) {
                return refuse(taking, none, "nodes beside what is in the witness are missing");
            }
            nodes += used;
            size -= used;
        }
    }
    return size == 0 || refuse(taking, none, "there are more nodes than have a place");
}

/* Records of one market on their way into its trees; names are its own. */
struct group {
    struct tn_chain *chain;
    struct tn_state *state;
    uint32_t count;
    bool is_good;
};

static void deliver(struct group *group)
{
    if (group->count == 0) return;
    group->is_good =
        group->is_good && tn_state_load(group->state, group->chain->records, group->count);
    group->count = 0;
}

static void add(struct group *group, uint8_t own, uint32_t index,
                const struct tn_state_record *record)
{
    struct tn_state_record *to = &group->chain->records[group->count++];
    *to = (struct tn_state_record){.name = {.kind = own, .index = index}};
    if (record == NULL) return; /* empty */
    to->bytes = record->bytes;
    to->size = record->size;
}

/* All four of an account in one go, the empty ones too: its leaf takes in the root of its
 * positions. */
static void add_accounts(struct group *group, const struct taking *taking, uint8_t market)
{
    const uint32_t *begin = &taking->begin[market];
    uint32_t at[TN_RECORD_MEMORY + 1];
    memcpy(at, begin, sizeof at);
    while (at[TN_RECORD_ACCOUNT] < begin[TN_RECORD_ACCOUNT + 1]) {
        const uint32_t index = taking->records[at[TN_RECORD_ACCOUNT]].name.index;
        if (group->count + 4 > NAMES_AT_ONCE) deliver(group);
        for (uint8_t own = TN_RECORD_ACCOUNT; is_by_account(own); own++) {
            const struct tn_state_record *record = &taking->records[at[own]];
            const bool has_one = at[own] < begin[own + 1] && record->name.index == index;
            add(group, own, index, has_one ? record : NULL);
            at[own] += has_one;
        }
    }
    deliver(group);
}

static bool fill_trees(const struct taking *taking, uint32_t place)
{
    static const uint8_t lists[] = {TN_RECORD_MARKET, TN_RECORD_SERIES, TN_RECORD_FEEDS,
                                    TN_RECORD_ROWS,   TN_RECORD_BOOK,   TN_RECORD_SESSION};
    const uint8_t market = (uint8_t)(place * KIND_STEP);
    struct tn_shard *shard = &taking->chain->shards[place];
    struct group group = {.chain = taking->chain, .state = shard->state, .is_good = true};
    for (uint32_t i = 0; i < sizeof lists; i++) {
        const uint8_t kind = (uint8_t)(market + lists[i]);
        for (uint32_t at = taking->begin[kind]; at < taking->begin[kind + 1]; at++) {
            const struct tn_state_record *record = &taking->records[at];
            if (group.count == NAMES_AT_ONCE) deliver(&group);
            add(&group, lists[i], record->name.index, record);
        }
        deliver(&group);
    }
    add_accounts(&group, taking, market);
    const struct tn_record_name name = {.kind = (uint8_t)(market + TN_RECORD_ACCOUNT)};
    if (!group.is_good) return refuse(taking, name, "a record of this market is none of its kind");
    return tn_shard_trees_end(shard) || refuse(taking, name, "the sum of cash does not fit");
}

/* ---- In: the markets ---------------------------------------------------------------------------
 */

static bool import(const struct taking *taking, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tn_state_record *record = &taking->records[i];
        if (record->size == 0) continue; /* a free seat */
        if (!tn_chain_import(taking->chain, taking->fault, record->name.kind, record->name.index,
                             record->bytes, record->size)) {
            return false;
        }
    }
    return true;
}

/* What the counts say is what the records say, before the trees are taken for whole. */
static bool check_market(const struct taking *taking, uint32_t place)
{
    const struct tn_shard *shard = &taking->chain->shards[place];
    const struct tn_witness_part *part = &taking->parts->markets[place];
    struct tn_record_name name = {.kind = (uint8_t)(place * KIND_STEP + TN_RECORD_MARKET)};
    if (tn_exchange_accounts_count(shard->exchange) != part->accounts_count) {
        return refuse(taking, name, "there are not so many accounts");
    }
    name.kind = (uint8_t)(place * KIND_STEP + TN_RECORD_STREAM);
    return tn_market_records_count(shard->market, TN_RECORD_SESSION) == part->seats_count ||
           refuse(taking, name, "there are not so many sessions");
}

bool tn_witness_take_chain(struct tn_witness_parts *parts, struct tn_chain *chain,
                           struct tn_hash *root, struct tn_import_fault *fault,
                           const struct tn_state_record *records, uint32_t records_count,
                           const uint8_t *nodes, size_t nodes_size)
{
    struct taking taking = {.parts = parts, .chain = chain, .fault = fault, .records = records};
    TN_ASSERT(parts->absent != NULL && chain->heads.height == 0);
    *root = (struct tn_hash){{0}};
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        parts->markets[i].accounts_watch.present = parts->markets[i].accounts;
        chain->shards[i].is_part = true;
    }
    watch(parts, chain);
    chain->is_part = true;
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        if (!check_counts(&taking, i)) return false;
    }
    if (!note_names(&taking, records_count)) return false;
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        if (!has_last(&taking, i)) return false;
    }
    /* Read before the trees: books that are more than the limits let are refused there. */
    if (!take_nodes(&taking, nodes, nodes_size) || !import(&taking, records_count)) return false;
    for (uint32_t i = 0; i < parts->markets_count; i++) {
        if (!check_market(&taking, i) || !fill_trees(&taking, i)) return false;
    }
    return tn_chain_import_end(chain, root, fault);
}
