/* apply: an entry of the stream, and the items of an inbox when the stream comes to its block
 * (market.md §5).
 *
 * Nothing here fails: an entry is refused before anything has changed, or it is executed, and what
 * cannot be done in it is a RESULT that says why. The exchange sees only what it may execute. */
#include "market/internal.h"

struct work {
    struct tn_market *market;
    struct tn_market_scratch *scratch;
    const struct tn_market_out *out;
    struct tn_market_ahead *ahead; /* of the body that is executed; or NULL */
    struct tn_market_step step;
};

static void tell(struct work *work, const struct tn_entry *entry, uint32_t events_count)
{
    work->step.entry = entry;
    work->step.events = work->scratch->events;
    work->step.events_count = events_count;
    if (work->out->step != NULL) work->out->step(work->out->context, &work->step);
}

static void execute(struct work *work, const struct tn_entry *entry)
{
    uint32_t count = tn_exchange_apply(work->market->exchange, work->scratch->events,
                                       work->scratch->events_max, entry);
    tell(work, entry, count);
}

/* One RESULT, which the exchange does not make. */
static void result(struct work *work, const struct tn_entry *entry, uint32_t account,
                   enum tn_reject reject, uint64_t session)
{
    TN_ASSERT(work->scratch->events_max >= 1);
    work->scratch->events[0] = (struct tn_event){.kind = TN_EVENT_RESULT,
                                                 .account = account,
                                                 .reject = (uint16_t)reject,
                                                 .order_id = session};
    tell(work, entry, 1);
}

/* ---- Frames ---- */

/* What the exchange gets of a frame that may act. */
static void execute_good(struct work *work, struct tn_stream_item *item, uint32_t account)
{
    struct tn_entry *entry = &item->entry;
    entry->as.frame.account = account;
    if (!TENOR_HOLDS(FRAME_NONCE)) { /* the exchange would not take it twice either */
        struct tn_account_view view;
        tn_exchange_account(work->market->exchange, &view, account);
        entry->as.frame.nonce = view.nonce_top + 1;
    }
    execute(work, entry);
}

static enum tn_reject judge_signature(struct work *work, struct seat *seat,
                                      const struct tn_frame *frame)
{
    struct tn_hash digest;
    if (work->ahead != NULL) return tn_market_judge_ahead(work->market, work->ahead, seat, frame);
    return tn_market_judge_signature(work->market, &digest, seat, frame);
}

/* forced: it came by inbox, so its term is none and no leader is to blame. */
static void execute_frame(struct work *work, struct tn_stream_item *item, bool forced)
{
    struct tn_market *market = work->market;
    struct seat *seat;
    uint32_t term = forced ? 0 : market->term;
    enum tn_reject reject = tn_market_judge_frame(market, &seat, &item->as.frame, term);
    if (reject == TN_REJECT_NONE) reject = judge_signature(work, seat, &item->as.frame);
    if (reject == TN_REJECT_NONE) {
        reject = tn_market_judge_counterparties(market, seat, &item->as.frame);
    }
    work->step.session = item->as.frame.session;
    if (reject == TN_REJECT_NONE) {
        execute_good(work, item, seat->account);
        return;
    }
    item->entry.as.frame.account = seat == NULL ? TN_NONE : seat->account;
    if (!forced) work->step.fault = (uint16_t)reject;
    result(work, &item->entry, item->entry.as.frame.account, reject, 0);
}

/* ---- Items of an inbox ---- */

static bool comes_by_inbox(uint8_t kind)
{
    return kind != TN_ENTRY_FRAME && kind != TN_ENTRY_BLOCK && kind != TN_ENTRY_SWEEP &&
           kind != TN_ENTRY_LIQ;
}

static void execute_entry(struct work *work, const uint8_t *bytes, size_t size)
{
    struct tn_stream_fault fault;
    struct tn_entry entry;
    size_t used;
    if (!tn_stream_read_entry(&entry, &used, &fault, work->scratch->stream, bytes, size) ||
        used != size) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
    } else if (!comes_by_inbox(entry.kind)) {
        result(work, &entry, TN_NONE, TN_REJECT_ITEM_PLACE, 0);
    } else {
        execute(work, &entry);
    }
}

static void execute_forced(struct work *work, const uint8_t *bytes, size_t size)
{
    struct tn_stream_fault fault;
    struct tn_stream_item item;
    size_t used;
    if (!tn_stream_read_item(&item, &used, &fault, work->scratch->stream, bytes, size) ||
        used != size || item.entry.kind != TN_ENTRY_FRAME || item.version != TN_ENTRY_VERSION_2) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
        return;
    }
    execute_frame(work, &item, true);
}

static enum tn_reject check_owner_frame(const struct tn_market *market, const uint8_t *owner,
                                        const struct tn_entry *entry)
{
    struct tn_account_view view;
    if (!tn_exchange_account(market->exchange, &view, entry->as.frame.account)) {
        return TN_REJECT_ACCOUNT_UNKNOWN;
    }
    if (memcmp(view.owner, owner, TN_OWNER_SIZE) != 0) return TN_REJECT_OWNER_MISMATCH;
    for (uint32_t i = 0; i < entry->as.frame.commands_count; i++) {
        if (entry->as.frame.commands[i].kind == TN_COMMAND_BLOCK_TRADE) {
            return TN_REJECT_COUNTERPARTY_UNSIGNED;
        }
    }
    return TN_REJECT_NONE;
}

static void execute_owner_frame(struct work *work, const uint8_t *bytes, size_t size)
{
    struct tn_stream_fault fault;
    struct tn_entry entry;
    size_t used;
    if (size < TN_OWNER_SIZE ||
        !tn_stream_read_entry(&entry, &used, &fault, work->scratch->stream, bytes + TN_OWNER_SIZE,
                              size - TN_OWNER_SIZE) ||
        used != size - TN_OWNER_SIZE || entry.kind != TN_ENTRY_FRAME) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
        return;
    }
    enum tn_reject reject = check_owner_frame(work->market, bytes, &entry);
    if (reject == TN_REJECT_NONE) {
        execute(work, &entry);
    } else {
        result(work, &entry, entry.as.frame.account, reject, 0);
    }
}

static void execute_session_open(struct work *work, const uint8_t *bytes, size_t size)
{
    struct tn_inbox_session asked;
    uint64_t id = 0;
    if (size != MARKET_SESSION_OPEN_SIZE) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
        return;
    }
    memcpy(asked.owner, bytes, TN_OWNER_SIZE);
    asked.nonce = tn_get_be(bytes + 20, 8);
    asked.account = (uint32_t)tn_get_be(bytes + 28, 4);
    memcpy(asked.key.bytes, bytes + 32, TN_PUBLIC_KEY_SIZE);
    asked.scope = (uint32_t)tn_get_be(bytes + 65, 4);
    asked.expires_ms = (int64_t)tn_get_be(bytes + 69, 8);
    enum tn_reject reject = tn_market_open_session(work->market, &id, &asked);
    work->step.session = id;
    result(work, NULL, asked.account, reject, id);
}

static void execute_session_close(struct work *work, const uint8_t *bytes, size_t size)
{
    if (size != MARKET_SESSION_CLOSE_SIZE) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
        return;
    }
    struct tn_session session = {.account = TN_NONE};
    uint64_t id = tn_get_be(bytes + TN_OWNER_SIZE, 8);
    tn_market_session(work->market, &session, id);
    enum tn_reject reject = tn_market_close_session(work->market, bytes, id);
    work->step.session = id;
    result(work, NULL, session.account, reject, id);
}

static void execute_account(struct work *work, const uint8_t *bytes, size_t size)
{
    struct tn_entry entry = {.kind = TN_ENTRY_ACCOUNT};
    if (size != MARKET_ACCOUNT_SIZE) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
        return;
    }
    memcpy(entry.as.account.owner, bytes, TN_OWNER_SIZE);
    uint64_t number = tn_get_be(bytes + TN_OWNER_SIZE, 8);
    entry.as.account.model = bytes[TN_OWNER_SIZE + 8];
    uint64_t held = tn_exchange_owner_accounts(work->market->exchange, bytes);
    if (number == held + 1) {
        execute(work, &entry);
    } else {
        result(work, &entry, TN_NONE, TN_REJECT_ACCOUNT_NUMBER, 0);
    }
}

/* Markets that are not there, or nothing under way, no chain ever says; then nobody gets anything.
 */
static void execute_remit(struct work *work, enum tn_inbox_item_kind kind, const uint8_t *bytes,
                          size_t size)
{
    struct tn_exchange *exchange = work->market->exchange;
    struct tn_remit remit;
    TN_ASSERT(work->scratch->events_max >= 2);
    if (!tn_market_read_remit(work->market, &remit, kind, bytes, size)) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
    } else if (kind == TN_INBOX_REMIT) {
        tn_exchange_remit_in(exchange, work->scratch->events, &remit);
        tell(work, NULL, 1);
    } else if (!tn_exchange_remits_ended(exchange, remit.to_market, 1)) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
    } else {
        tell(work, NULL, tn_exchange_remit_back(exchange, work->scratch->events, &remit));
    }
}

static void execute_remits_ended(struct work *work, const uint8_t *bytes, size_t size)
{
    if (size != MARKET_REMITS_ENDED_SIZE ||
        !tn_exchange_remits_ended(work->market->exchange, (uint32_t)tn_get_be(bytes, 4),
                                  (uint32_t)tn_get_be(bytes + 4, 4))) {
        result(work, NULL, TN_NONE, TN_REJECT_ITEM_MALFORMED, 0);
        return;
    }
    tell(work, NULL, 0);
}

static void execute_inbox_item(struct work *work, enum tn_inbox_item_kind kind,
                               const uint8_t *bytes, size_t size)
{
    switch (kind) {
        case TN_INBOX_ENTRY: execute_entry(work, bytes, size); return;
        case TN_INBOX_FRAME: execute_forced(work, bytes, size); return;
        case TN_INBOX_OWNER_FRAME: execute_owner_frame(work, bytes, size); return;
        case TN_INBOX_SESSION_OPEN: execute_session_open(work, bytes, size); return;
        case TN_INBOX_SESSION_CLOSE: execute_session_close(work, bytes, size); return;
        case TN_INBOX_ACCOUNT: execute_account(work, bytes, size); return;
        case TN_INBOX_REMIT:
        case TN_INBOX_REMIT_BACK: execute_remit(work, kind, bytes, size); return;
        case TN_INBOX_REMITS_ENDED: execute_remits_ended(work, bytes, size); return;
    }
    TN_ASSERT(false); /* asked when the inbox was handed over */
}

/* The items of the first inbox that waits, then its BLOCK. */
static void execute_block(struct work *work, const struct tn_inbox *inbox)
{
    struct tn_market *market = work->market;
    const uint8_t *at = inbox->items;
    const struct tn_entry entry = {
        .kind = TN_ENTRY_BLOCK, .as.block = {.height = inbox->height, .time_ms = inbox->time_ms}};
    for (uint32_t i = 0; i < inbox->items_count; i++) {
        size_t size = (size_t)tn_get_be(at, 4);
        work->step.number = i;
        work->step.item = at[4];
        work->step.session = 0;
        execute_inbox_item(work, (enum tn_inbox_item_kind)at[4], at + TN_INBOX_ITEM_HEADER, size);
        at += TN_INBOX_ITEM_HEADER + size;
    }
    TN_ASSERT(at == inbox->items + inbox->items_size || inbox->items_count == 0);
    work->step = (struct tn_market_step){.index = work->step.index};
    tn_market_drop_letter(market);
    market->cursor = inbox->height;
    market->touched_stream = true;
    execute(work, &entry);
}

/* ---- Entries ---- */

static bool find_inbox(struct tn_market *market, struct tn_inbox *inbox,
                       struct tn_stream_fault *fault, const struct tn_stream_item *item)
{
    if (!tn_market_inbox_next(market, inbox)) {
        return market_refuse(fault, "no inbox waits for this BLOCK");
    }
    if (item->entry.as.block.height != inbox->height) {
        return market_refuse(fault, "this is not the next BLOCK");
    }
    bool is_named = item->entry.as.block.time_ms == inbox->time_ms &&
                    tn_hash_equal(&item->as.block_hash, &inbox->block_hash);
    if (TENOR_HOLDS(BLOCK_NAME) && !is_named) {
        return market_refuse(fault, "this BLOCK names another block");
    }
    return true;
}

bool tn_market_apply_item(struct tn_market *market, struct tn_stream_fault *fault,
                          struct tn_market_scratch *scratch, const struct tn_market_out *out,
                          struct tn_stream_item *item, struct tn_market_ahead *ahead)
{
    struct work work = {.market = market, .scratch = scratch, .out = out, .ahead = ahead};
    struct tn_inbox inbox;
    if (!tn_stream_item_is_led(item)) {
        return market_refuse(fault, "an entry of this kind has no place in a stream");
    }
    bool is_block = item->entry.kind == TN_ENTRY_BLOCK;
    if (is_block && !find_inbox(market, &inbox, fault, item)) return false;
    work.step.index = market->index++;
    if (is_block) {
        execute_block(&work, &inbox);
    } else if (item->entry.kind == TN_ENTRY_FRAME) {
        execute_frame(&work, item, false);
    } else {
        execute(&work, &item->entry);
    }
    return true;
}

void tn_market_begin(struct tn_market *market, uint32_t term)
{
    TN_ASSERT(term > 0);
    market->term = term;
    market->index = 0;
}

bool tn_market_apply(struct tn_market *market, struct tn_stream_fault *fault,
                     struct tn_market_scratch *scratch, const struct tn_market_out *out,
                     const uint8_t *bytes, size_t size)
{
    struct tn_stream_item item;
    size_t used;
    if (!tn_stream_read_item(&item, &used, fault, scratch->stream, bytes, size)) return false;
    if (used != size) return market_refuse(fault, "more bytes than one entry has");
    return tn_market_apply_item(market, fault, scratch, out, &item, NULL);
}

bool tn_market_offer_frame(struct tn_market *market, enum tn_reject *reject,
                           struct tn_market_scratch *scratch, const struct tn_market_out *out,
                           const uint8_t *bytes, size_t size)
{
    struct work work = {.market = market, .scratch = scratch, .out = out};
    struct tn_stream_item item;
    struct tn_stream_fault fault;
    struct seat *seat;
    size_t used;
    bool is_read = tn_stream_read_item(&item, &used, &fault, scratch->stream, bytes, size);
    TN_ASSERT(is_read && used == size && item.entry.kind == TN_ENTRY_FRAME &&
              item.version == TN_ENTRY_VERSION_2);
    *reject = tn_market_judge_frame(market, &seat, &item.as.frame, market->term);
    if (*reject == TN_REJECT_NONE) {
        *reject = tn_market_judge_counterparties(market, seat, &item.as.frame);
    }
    if (*reject != TN_REJECT_NONE) return false;
    work.step.index = market->index++;
    work.step.session = item.as.frame.session;
    execute_good(&work, &item, seat->account);
    return true;
}

bool tn_market_consume(struct tn_market *market, struct tn_market_scratch *scratch,
                       const struct tn_market_out *out)
{
    struct work work = {.market = market, .scratch = scratch, .out = out};
    struct tn_inbox inbox;
    if (!tn_market_inbox_next(market, &inbox)) return false;
    execute_block(&work, &inbox);
    return true;
}
