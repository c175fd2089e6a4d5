/* desk_stream: a desk under a random market with a margin engine: frames, inboxes, turns of both
 * kinds, batches that become final, terms that end. Static, like desk_case.h: one test, one desk.
 */
#ifndef DESK_STREAM_H
#define DESK_STREAM_H

#include "desk_case.h"
#include "risk_stream.h"

enum { ACCOUNTS_MAX = 256, SOFT_MAX = 4096 };

static struct model {
    struct risk_stream stream;
    uint64_t random;
    uint64_t sessions[ACCOUNTS_MAX];
    uint32_t accounts; /* that were asked for */
    uint64_t client;
    struct case_told soft[SOFT_MAX]; /* answers to clients that are not final, in order */
    uint32_t soft_count;
    /* Of a test that follows the desk's terms; may be NULL. */
    void (*ended)(uint64_t final_sequence);
    void (*began)(void);
} model;

static struct seen {
    uint64_t answered, refused, reverted, terms, batches, forced, withdrawn, faults;
    uint64_t sweeps, liqs, blocks, restored;
    uint64_t alone, left, full; /* turns of frames alone; such that left some, that sealed */
} seen;

static inline bool chance(uint32_t percent)
{
    return tn_random_below(&model.random, 100) < percent;
}

/* ---- What the desk told ---- */

static inline void note_session(const struct case_told *told)
{
    struct tn_session session;
    if (told->item != TN_INBOX_SESSION_OPEN || told->reject != TN_REJECT_NONE) return;
    if (!tn_market_session(tn_desk_market(desk_case.desk), &session, told->order_id)) return;
    assert_true(session.account < ACCOUNTS_MAX);
    model.sessions[session.account] = session.id;
}

static inline void note_told(void)
{
    for (uint32_t i = 0; i < desk_case.told_count; i++) {
        const struct case_told *told = &desk_case.told[i];
        assert_int_not_equal(told->what, TOLD_REVERTED);
        seen.refused += told->what == TOLD_REFUSED;
        if (told->what == TOLD_REFUSED) continue;
        note_session(told);
        if (told->client == TN_DESK_NOBODY) continue;
        assert_true(model.soft_count < SOFT_MAX);
        model.soft[model.soft_count++] = *told;
        seen.answered++;
    }
    desk_case.told_count = 0;
}

static inline void note_final(uint64_t sequence)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < model.soft_count; i++) {
        if (model.soft[i].place.sequence > sequence) model.soft[kept++] = model.soft[i];
    }
    model.soft_count = kept;
}

/* ---- What happens ---- */

static inline void finalize(uint32_t count)
{
    for (uint32_t i = 0; i < count && desk_case.executed < desk_case.batches_count; i++) {
        case_finalize();
        note_final(desk_case.batches[desk_case.executed - 1].header.sequence);
        seen.batches++;
    }
    /* Forget the bodies that nobody needs, when the list is long. */
    if (desk_case.executed < CASE_BATCHES / 2) return;
    uint32_t gone = desk_case.executed - 1;
    for (uint32_t i = 0; i < gone; i++)
        free(desk_case.batches[i].body);
    desk_case.batches_count -= gone;
    desk_case.executed -= gone;
    memmove(desk_case.batches, desk_case.batches + gone,
            desk_case.batches_count * sizeof desk_case.batches[0]);
}

static inline void turn(uint64_t later_us)
{
    case_turn(later_us);
    note_told();
    uint32_t open = desk_case.batches_count - desk_case.executed;
    if (open > CASE_BATCHES / 4) finalize(open);
}

/* As a second thread has its turns: whose clock may be a little behind. */
static inline void turn_frames(void)
{
    const uint32_t sealed = desk_case.batches_count;
    const uint64_t blocks = tn_desk_counts(desk_case.desk)->blocks;
    const uint64_t behind_us = tn_random_below(&model.random, 200);
    desk_case.may_seal = chance(30);
    tn_desk_turn_frames(desk_case.desk, desk_case.now_us - behind_us);
    assert_true(desk_case.batches_count == sealed || desk_case.may_seal);
    seen.full += desk_case.batches_count > sealed;
    assert_true(tn_desk_counts(desk_case.desk)->blocks == blocks);
    seen.left += tn_desk_queue_count(desk_case.desk) > 0;
    seen.alone++;
    note_told();
}

static inline uint64_t final_sequence(void)
{
    return desk_case.executed == 0 ? 0 : desk_case.batches[desk_case.executed - 1].header.sequence;
}

static inline void end_term(void)
{
    tn_desk_end(desk_case.desk);
    uint32_t reverted = 0;
    for (uint32_t i = 0; i < desk_case.told_count; i++) {
        const struct case_told *told = &desk_case.told[i];
        if (told->what == TOLD_REFUSED) continue;
        assert_int_equal(told->what, TOLD_REVERTED);
        assert_true(reverted < model.soft_count);
        const struct case_told *soft = &model.soft[reverted++];
        assert_true(told->client == soft->client && told->session == soft->session);
        assert_true(told->place.sequence == soft->place.sequence &&
                    told->place.index == soft->place.index && told->place.term == soft->place.term);
    }
    assert_int_equal(reverted, model.soft_count);
    seen.reverted += reverted;
    seen.terms++;
    model.soft_count = 0;
    desk_case.told_count = 0;
    case_forget_soft();
    if (model.ended != NULL) model.ended(final_sequence());
    case_begin(desk_case.term + 1);
    if (model.began != NULL) model.began();
    model.stream.exchange = tn_market_exchange_of(tn_desk_market(desk_case.desk));
}

/* The replica is written down as records and goes on in other memory. */
static inline void restore_replica(void)
{
    struct tn_import_fault fault = {.what = ""};
    size_t room = 0;
    for (uint8_t kind = 1; kind < TN_MARKET_KINDS; kind++) {
        size_t size = tn_market_record_size_max(&stream_case.limits, kind);
        if (size > room) room = size;
    }
    uint8_t *record = malloc(room);
    struct tn_market *copy = case_market();
    assert_non_null(record);
    for (uint8_t kind = 1; kind < TN_MARKET_KINDS; kind++) {
        uint32_t count = tn_market_records_count(desk_case.replica, kind);
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_market_record(desk_case.replica, record, room, kind, i);
            assert_true(size <= room);
            if (size == 0) continue;
            if (tn_market_import(copy, &fault, kind, i, record, size)) continue;
            print_error("%s\n", fault.what);
            fail();
        }
    }
    assert_true(tn_market_import_end(copy, &fault));
    assert_true(tn_market_digest(copy) == tn_market_digest(desk_case.replica));
    tn_market_check(copy);
    free(record);
    free(desk_case.replica);
    desk_case.replica = copy;
    seen.restored++;
}

static inline void pass_block(int64_t time_ms)
{
    int64_t later_ms = time_ms > stream_case.time_ms ? time_ms - stream_case.time_ms : 0;
    case_pass_block(later_ms);
    turn(0);
}

static inline void make_room_for(size_t size)
{
    if (stream_case.items_size + size > sizeof stream_case.items / 2) {
        pass_block(stream_case.time_ms);
    }
}

static inline void ask_for_session(uint32_t account, const uint8_t *owner)
{
    if (account >= ACCOUNTS_MAX) return;
    struct tn_inbox_session session = {.nonce = UINT64_MAX >> 60, /* 15 */
                                       .account = account,
                                       .key = stream_case.public_keys[account % TRADERS],
                                       .scope = TN_SCOPE_ALL,
                                       .expires_ms = INT64_MAX};
    memcpy(session.owner, owner, TN_OWNER_SIZE);
    case_session(&session);
}

static inline bool is_owners(const struct tn_entry *entry)
{
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++) {
        if (entry->as.frame.commands[i].kind == TN_COMMAND_WITHDRAW) return true;
    }
    return false;
}

static inline void spoil(struct case_terms *terms)
{
    switch (tn_random_below(&model.random, 6)) {
        case 0: terms->term--; break;
        case 1: terms->session += 1 + tn_random_below(&model.random, 3); break;
        case 2: terms->key = &stream_case.leader_key; break;
        case 3: terms->market++; break;
        case 4: terms->valid_until_block = 0; break;
        default: terms->term = 0; break;
    }
}

static inline bool has_payload(const struct tn_entry *entry)
{
    struct tn_frame frame = {.commands = entry->as.frame.commands,
                             .commands_count = entry->as.frame.commands_count};
    return tn_stream_write_payload(NULL, 0, &frame) > 0;
}

static inline void take_frame(const struct tn_entry *entry)
{
    uint32_t account = entry->as.frame.account;
    struct tn_account_view view;
    uint8_t bytes[1 << 16];
    if (is_owners(entry)) {
        bool is_there =
            tn_exchange_account(tn_market_exchange_of(desk_case.replica), &view, account);
        size_t room;
        make_room_for(sizeof bytes);
        uint8_t *at = case_items_end(&room);
        case_took(tn_inbox_write_owner_frame(at, room, is_there ? view.owner : bytes, entry));
        seen.withdrawn++;
        return;
    }
    if (account >= ACCOUNTS_MAX || !has_payload(entry)) return;
    bool is_forced = chance(5);
    struct case_terms terms = {.term = is_forced ? 0 : desk_case.term,
                               .nonce = entry->as.frame.nonce + 16,
                               .session = model.sessions[account],
                               .valid_until_block = entry->as.frame.valid_until_block,
                               .market = stream_case.limits.market,
                               .key = &stream_case.keys[account % TRADERS]};
    if (chance(6)) spoil(&terms);
    case_frame_with(terms, entry->as.frame.commands, entry->as.frame.commands_count);
    if (is_forced) {
        make_room_for(stream_case.frame_size);
        case_item(TN_INBOX_FRAME, stream_case.frame, stream_case.frame_size);
        seen.forced++;
        return;
    }
    enum tn_reject reject = case_send(++model.client);
    seen.refused += reject != TN_REJECT_NONE;
}

static inline void take_entry(const struct tn_entry *entry)
{
    make_room_for(4096);
    switch ((enum tn_entry_kind)entry->kind) {
        case TN_ENTRY_FRAME: take_frame(entry); return;
        case TN_ENTRY_BLOCK: pass_block(entry->as.block.time_ms); return;
        case TN_ENTRY_SWEEP:
        case TN_ENTRY_LIQ: turn(tn_random_below(&model.random, 3000)); return;
        case TN_ENTRY_ACCOUNT:
            case_entry(*entry);
            ask_for_session(model.accounts++, entry->as.account.owner);
            return;
        case TN_ENTRY_MARKS:
        case TN_ENTRY_INDEX:
        case TN_ENTRY_DEPOSIT:
        case TN_ENTRY_UNDERLYING:
        case TN_ENTRY_FEES:
        case TN_ENTRY_LIST:
        case TN_ENTRY_LISTING:
        case TN_ENTRY_STATUS:
        case TN_ENTRY_UNCROSS:
        case TN_ENTRY_FUNDING:
        case TN_ENTRY_SETTLE:
        case TN_ENTRY_ASSET:
        case TN_ENTRY_FEEDER:
        case TN_ENTRY_REPORT:
        case TN_ENTRY_RISK:
        case TN_ENTRY_INSURE: case_entry(*entry); return;
    }
}

static inline void happen(void)
{
    struct tn_entry entry;
    risk_stream_next(&model.stream, &entry);
    take_entry(&entry);
    if (!model.stream.ready) {
        if (chance(30)) pass_block(stream_case.time_ms + 50);
        return;
    }
    if (chance(50)) turn_frames();
    if (chance(25)) turn(tn_random_below(&model.random, 2500));
    if (chance(3)) turn(tn_random_below(&model.random, 700000)); /* late now and then */
    if (chance(10)) finalize(1 + (uint32_t)tn_random_below(&model.random, 20));
    if (tn_random_below(&model.random, 300) == 0) end_term();
    if (tn_random_below(&model.random, 400) == 0) restore_replica();
}

/* ---- The market ---- */

static inline void open_model(uint64_t seed)
{
    memset(&model, 0, sizeof model);
    model.random = seed ^ UINT64_C(0xdecade);
    case_open();
    risk_stream_limits(&stream_case.limits.exchange);
    stream_case.limits.sessions_max = 512;
    stream_case.limits.inboxes_max = 4096;
    stream_case.limits.inbox_bytes_max = 4 << 20;
    struct tn_market_scratch *scratch = &stream_case.scratch;
    free(scratch->events);
    scratch->events_max = tn_exchange_events_max(&stream_case.limits.exchange);
    scratch->events = malloc(scratch->events_max * sizeof *scratch->events);
    assert_non_null(scratch->events);
    case_desk_limits();
    desk_case.limits.slice_units = 32;
    desk_case.limits.slice_weight = 64;
    desk_case.limits.batch_bytes_max = seed % 2 == 0 ? 8192 : 4096;
    if (seed % 2 != 0) desk_case.limits.seal_us = 100000; /* batches are full before they are due */
    desk_case.digest_every = 5;
    case_make_desk();
    desk_case.replica = case_market();
    desk_case.now_us = 1000000;
    case_begin(1);
    risk_stream_start(&model.stream, tn_market_exchange_of(tn_desk_market(desk_case.desk)), seed);
    stream_case.time_ms = model.stream.time_ms;
}

static inline void shut_model(void)
{
    const struct tn_desk_counts *counts = tn_desk_counts(desk_case.desk);
    seen.sweeps += counts->sweeps;
    seen.liqs += counts->liqs;
    seen.blocks += counts->blocks;
    case_shut_desk();
    case_shut();
}

#endif
