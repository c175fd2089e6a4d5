/* shard: memory of a market with its trees, and its records: those of the exchange, of the market
 * around it if there is one, and EQUITY. Which of them changed is a bit each: what the trees follow
 * is told to the store by the same name. */
#include "replica/shard.h"

/* ---- Memory ------------------------------------------------------------------------------------
 */

static uint32_t kind_max(const struct tn_shard_limits *limits, uint8_t kind)
{
    uint32_t accounts = limits->exchange->accounts_max;
    switch (kind) {
        case 0: return 0;
        case TN_RECORD_CHAIN: return limits->market == NULL ? 1 : 0;
        case TN_RECORD_EQUITY: return (accounts - 1) / TN_RECORD_EQUITY_CHUNK + 1;
        default: break;
    }
    if (limits->market != NULL && kind < TN_MARKET_KINDS) {
        return tn_market_records_max(limits->market, kind);
    }
    if (kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_records_max(limits->exchange, (enum tn_record_kind)kind);
}

static void lay_out_exit(struct shard_exit *exit, unsigned char *memory, size_t *used,
                         size_t accounts_max)
{
    const size_t bits_size = (accounts_max + 63) / 64 * sizeof(uint64_t);
    exit->due = shard_region(memory, used, bits_size);
    exit->unhashed = shard_region(memory, used, bits_size);
    exit->has_coming = shard_region(memory, used, bits_size);
    exit->coming = shard_region(memory, used, accounts_max * sizeof(tn_micros));
    exit->vaults = shard_region(memory, used,
                                (accounts_max / TN_EQUITY_PIECE + 1) * sizeof(struct shard_vault));
}

void tn_shard_lay_out(struct tn_shard *shard, unsigned char *memory, size_t *used,
                      const struct tn_shard_limits *limits)
{
    struct tn_state_limits state;
    size_t accounts_max = limits->exchange->accounts_max;
    tn_shard_state_limits(&state, limits);
    if (limits->market != NULL) {
        shard->market = shard_region(memory, used, tn_market_size(limits->market));
    } else {
        shard->exchange = shard_region(memory, used, tn_exchange_size(limits->exchange));
    }
    shard->state = shard_region(memory, used, tn_state_size(&state));
    shard->equity = shard_region(memory, used, tn_equity_size((uint32_t)accounts_max));
    shard->equities = shard_region(memory, used, accounts_max * sizeof(tn_micros));
    lay_out_exit(&shard->exit, memory, used, accounts_max);
    for (uint8_t kind = 0; kind < TN_REPLICA_KINDS; kind++) {
        shard->changed_max[kind] = kind_max(limits, kind);
        size_t words = ((size_t)shard->changed_max[kind] + 63) / 64;
        shard->changed[kind] = shard_region(memory, used, words * sizeof(uint64_t));
    }
}

void tn_shard_init(struct tn_shard *shard, const struct tn_shard_limits *limits)
{
    struct tn_state_limits state;
    enum tn_cpu cpu = (enum tn_cpu)limits->exchange->cpu;
    tn_shard_state_limits(&state, limits);
    shard->id = limits->id;
    shard->accounts_max = limits->exchange->accounts_max;
    if (limits->market != NULL) {
        shard->market = tn_market_init(shard->market, limits->market);
        shard->exchange = tn_market_exchange(shard->market);
    } else {
        shard->exchange = tn_exchange_init(shard->exchange, limits->exchange);
    }
    tn_state_init(shard->state, &state, limits->id);
    tn_equity_init(shard->equity, limits->exchange->accounts_max, cpu);
}

/* ---- Records -----------------------------------------------------------------------------------
 */

static bool is_of_market(const struct tn_shard *shard, uint8_t kind)
{
    return shard->market != NULL && kind >= 1 && kind < TN_MARKET_KINDS;
}

uint32_t tn_shard_records_count(const struct tn_shard *shard, uint8_t kind)
{
    if (kind == TN_RECORD_EQUITY) {
        return (shard->equities_count + TN_RECORD_EQUITY_CHUNK - 1) / TN_RECORD_EQUITY_CHUNK;
    }
    if (is_of_market(shard, kind)) return tn_market_records_count(shard->market, kind);
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_records_count(shard->exchange, (enum tn_record_kind)kind);
}

size_t tn_shard_record_size_max(const struct tn_shard_limits *limits, uint8_t kind)
{
    if (kind == TN_RECORD_EQUITY) return (size_t)TN_RECORD_EQUITY_CHUNK * TN_PROOF_EQUITY_SIZE;
    if (limits->market != NULL && kind >= 1 && kind < TN_MARKET_KINDS) {
        return tn_market_record_size_max(limits->market, kind);
    }
    if (kind < 1 || kind >= TN_RECORD_KINDS) return 0;
    return tn_exchange_record_size_max(limits->exchange, (enum tn_record_kind)kind);
}

size_t tn_shard_record(const struct tn_shard *shard, uint8_t *out, size_t out_size, uint8_t kind,
                       uint32_t index)
{
    if (index >= tn_shard_records_count(shard, kind)) return 0;
    if (kind == TN_RECORD_EQUITY) return tn_shard_write_equity(shard, out, out_size, index);
    if (is_of_market(shard, kind)) {
        return tn_market_record(shard->market, out, out_size, kind, index);
    }
    return tn_exchange_record(shard->exchange, out, out_size, (enum tn_record_kind)kind, index);
}

void tn_shard_records_ahead(const struct tn_shard *shard, const struct tn_record_name *names,
                            uint32_t count)
{
    tn_exchange_records_ahead(shard->exchange, names, count);
}

bool tn_shard_import(struct tn_shard *shard, struct tn_import_fault *fault, uint8_t kind,
                     uint32_t index, const uint8_t *record, size_t size)
{
    if (kind == TN_RECORD_EQUITY) {
        return tn_shard_import_equity(shard, fault, index, record, size);
    }
    if (is_of_market(shard, kind)) {
        return tn_market_import(shard->market, fault, kind, index, record, size);
    }
    if (kind >= 1 && kind < TN_RECORD_KINDS) {
        return tn_exchange_import(shard->exchange, fault, (enum tn_record_kind)kind, index, record,
                                  size);
    }
    fault->what = "there is no record of this kind";
    return false;
}

bool tn_shard_import_end(struct tn_shard *shard, struct tn_import_fault *fault,
                         const struct tn_shard_room *room, const uint8_t exit[TN_PROOF_EXIT_SIZE],
                         bool has_exit)
{
    bool is_good = shard->market != NULL ? tn_market_import_end(shard->market, fault)
                                         : tn_exchange_import_end(shard->exchange, fault);
    if (!is_good) return false;
    if (shard->is_part) tn_shard_exit_due_all(shard);
    if (!shard->is_part && !tn_shard_take_exit(shard, fault, exit, has_exit)) return false;
    tn_shard_trees_settle(shard, room);
    tn_shard_forget_changed(shard);
    return true;
}

/* ---- What changed ------------------------------------------------------------------------------
 */

void tn_shard_note_all(struct tn_shard *shard)
{
    for (uint8_t kind = 1; kind < TN_REPLICA_KINDS; kind++) {
        uint32_t count = tn_shard_records_count(shard, kind);
        for (uint32_t i = 0; i < count; i++)
            shard_note_changed(shard, kind, i);
    }
}

void tn_shard_forget_changed(struct tn_shard *shard)
{
    for (uint32_t kind = 0; kind < TN_REPLICA_KINDS; kind++) {
        size_t words = ((size_t)shard->changed_max[kind] + 63) / 64;
        memset(shard->changed[kind], 0, words * sizeof(uint64_t));
    }
}

/* The next name from `from` on, of its kind; false when the kind has no more. */
static bool next_changed(struct tn_shard *shard, struct tn_record_name *from)
{
    uint64_t *bits = shard->changed[from->kind];
    uint32_t words = (shard->changed_max[from->kind] + 63) / 64;
    for (uint32_t word = from->index / 64; word < words; word++) {
        if (bits[word] == 0) continue;
        from->index = word * 64 + (uint32_t)__builtin_ctzll(bits[word]);
        bits[word] &= bits[word] - 1;
        return true;
    }
    return false;
}

uint32_t tn_shard_changed(struct tn_shard *shard, struct tn_record_name *names, uint32_t names_max)
{
    struct tn_record_name *next = &shard->changed_next;
    uint32_t count = 0;
    while (count < names_max) {
        if (next->kind >= TN_REPLICA_KINDS) break;
        if (next_changed(shard, next)) {
            names[count++] = *next;
        } else {
            *next = (struct tn_record_name){.kind = (uint8_t)(next->kind + 1)};
        }
    }
    if (count == 0) *next = (struct tn_record_name){0};
    return count;
}
