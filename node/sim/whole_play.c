/* whole_play: everybody who is no node: governance, the faucet, feeders, owners, makers, takers.
 *
 * Whatever they want is said again until a block has it. They know of the chain what nodes have
 * told them, and send to whichever node they like. What they sign is kept, for the checks. */
#include "sim/whole.h"

#include "play/bitcoin.h"
#include "sim/signatures.h"
#include "tenor/frame.h"
#include "tenor/margin.h"

#include <stdlib.h>
#include <string.h>

#define DOLLAR INT64_C(1000000)

enum {
    RESEND_US = 150000,
    AGAIN_MS = 400,
    ITEMS_AT_ONCE = 24,
    FRAME_CELLS = 1 << 16,
    BURST_FRAMES = 24,
};

static int64_t unix_ms(const struct sim *sim)
{
    return WHOLE_GENESIS_MS + sim->now_us / 1000;
}

static uint64_t draw(struct sim *sim, uint64_t below)
{
    return tn_random_below(&sim->whole->random, below);
}

static uint32_t leader_of(const struct sim *sim, uint32_t market)
{
    for (uint32_t i = 0; i < sim->machines_count; i++) {
        struct tn_member_desk desk = {0};
        const struct sim_node *node = sim->machines[i].node;
        if (node == NULL || node->member == NULL) continue;
        tn_member_desk(&desk, node->member, market - 1);
        if (desk.leads) return i;
    }
    return 0;
}

/* To some node that is on; what a client sends is seldom lost, but may be. */
static void bring(struct sim *sim, uint8_t kind, uint64_t tag, const uint8_t *bytes, size_t size)
{
    static uint8_t message[TN_ITEM_BYTES_MAX + 16];
    TN_ASSERT(size + 9 <= sizeof message);
    uint32_t to = (uint32_t)draw(sim, sim->machines_count);
    if (sim->whole->to_leader != 0) to = leader_of(sim, sim->whole->to_leader);
    struct sim_machine *machine = &sim->machines[to];
    if (machine->node == NULL || draw(sim, 50) == 0) return;
    message[0] = kind;
    tn_put_be(message + 1, tag, 8);
    memcpy(message + 9, bytes, size);
    machine->kind->trade(machine->node, message, size + 9);
}

/* ---- Items ---- */

static void sign(struct sim *sim, struct tn_signature *signature, const struct tn_block_item *item,
                 const struct tn_secret_key *key)
{
    const struct tn_signatures *signs = &sim->whole->signatures;
    struct tn_hash digest;
    tn_stream_item_digest(&digest, sim->whole->limits.chain.chain_id, item);
    signs->sign(signs->context, signature, &digest, key);
}

static void bring_item(struct sim *sim, const uint8_t *bytes, size_t size)
{
    bring(sim, bytes[0], 0, bytes + 1, size - 1);
}

static void keep_item(struct whole_item **items, uint32_t *count, const struct tn_block_item *item)
{
    *items = realloc(*items, (*count + 1) * sizeof **items);
    TN_ASSERT(*items != NULL);
    struct whole_item *kept = &(*items)[(*count)++];
    kept->size = tn_stream_write_block_item(NULL, 0, item);
    kept->bytes = malloc(kept->size);
    TN_ASSERT(kept->bytes != NULL && kept->size > 1);
    tn_stream_write_block_item(kept->bytes, kept->size, item);
}

static void govern(struct sim *sim, uint32_t market, const struct tn_entry *entry)
{
    struct whole *whole = sim->whole;
    uint8_t bytes[TN_GOVERNANCE_BYTES_MAX];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = whole->governance_count + 1;
    item.as.governance.market = market;
    item.as.governance.bytes = bytes;
    item.as.governance.size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, entry);
    TN_ASSERT(item.as.governance.size > 0);
    sign(sim, &item.as.governance.signature, &item, &whole->governance);
    keep_item(&whole->governance_items, &whole->governance_count, &item);
}

static void deposit(struct sim *sim, uint32_t market, uint32_t account, tn_micros amount)
{
    struct whole *whole = sim->whole;
    struct tn_block_item item = {.kind = TN_ITEM_DEPOSIT};
    item.as.deposit.number = whole->deposits_count + 1;
    item.as.deposit.market = market;
    item.as.deposit.account = account;
    item.as.deposit.amount = amount;
    sign(sim, &item.as.deposit.signature, &item, &whole->faucet);
    keep_item(&whole->deposits, &whole->deposits_count, &item);
}

static void operate(struct sim *sim, struct tn_block_item *item, uint32_t owner)
{
    struct whole *whole = sim->whole;
    const struct tn_signatures *signs = &whole->signatures;
    uint8_t bytes[WHOLE_OPERATION_MAX];
    struct tn_hash digest;
    item->kind = TN_ITEM_OPERATION;
    item->as.operation.owner = whole->addresses[owner];
    tn_stream_item_digest(&digest, whole->limits.chain.chain_id, item);
    signs->sign_recoverable(signs->context, &item->as.operation.signature, &digest,
                            &whole->owners[owner]);
    size_t size = tn_stream_write_block_item(bytes, sizeof bytes, item);
    TN_ASSERT(size > 1 && size <= sizeof bytes);
    bring_item(sim, bytes, size);
}

/* ---- The market ---- */

static void open_market(struct sim *sim, struct whole_market *market)
{
    struct whole *whole = sim->whole;
    market->spot = BITCOIN_SPOT;
    market->series[0] = bitcoin_series(TN_PERPETUAL, whole->days[0], 0);
    market->series[1] = bitcoin_series(TN_CALL, whole->days[0], 100000);
    market->series[2] = bitcoin_series(TN_PUT, whole->days[0], 100000);
    market->series[3] = bitcoin_series(TN_CALL, whole->days[1], 102000);
    market->series[4] = bitcoin_series(TN_PUT, whole->days[1], 98000);
    market->series[5] = bitcoin_series(TN_CALL, whole->days[1], 100000);
    govern(sim, market->id,
           &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = bitcoin_terms()});
    for (uint32_t i = 0; i < WHOLE_FEEDERS; i++)
        govern(sim, market->id,
               &(struct tn_entry){.kind = TN_ENTRY_FEEDER,
                                  .as.feeder = {.signer = (uint16_t)(i + 1), .active = 1}});
    for (uint32_t i = 0; i < WHOLE_SERIES; i++)
        govern(sim, market->id,
               &(struct tn_entry){.kind = TN_ENTRY_LIST, .as.list.series_id = market->series[i]});
}

/* Epochs end early, so that what was proved counts within a run. */
static void end_epoch(struct sim *sim)
{
    struct whole *whole = sim->whole;
    uint8_t bytes[TN_REGISTRY_COMMAND_BYTES_MAX];
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    struct tn_registry_command command = {.kind = TN_REGISTRY_EPOCH};
    if (!whole->short_epochs || whole->height < whole->epoch_asked + 160) return;
    whole->epoch_asked = whole->height;
    command.as.epoch_height = whole->height + TN_REGISTRY_NOTICE_BLOCKS + 24;
    item.as.governance.number = whole->governance_count + 1;
    item.as.governance.bytes = bytes;
    item.as.governance.size = (uint32_t)tn_registry_write_command(bytes, &command);
    sign(sim, &item.as.governance.signature, &item, &whole->governance);
    keep_item(&whole->governance_items, &whole->governance_count, &item);
}

void whole_play_init(struct sim *sim)
{
    struct whole *whole = sim->whole;
    const struct tn_signatures *signs = &whole->signatures;
    whole->attack_random = sim->options.seed ^ UINT64_C(0x61747461636b);
    whole->short_epochs = tn_random_below(&sim->random, 2) == 0;
    whole->random = sim->options.seed ^ UINT64_C(0x706c6179);
    whole->remit_random = sim->options.seed ^ UINT64_C(0x72656d6974);
    whole->frame_cells_count = FRAME_CELLS;
    whole->frame_cells = calloc(FRAME_CELLS, sizeof(uint32_t));
    TN_ASSERT(whole->frame_cells != NULL);
    uint16_t today = (uint16_t)((WHOLE_GENESIS_MS - TN_EPOCH_2020_MS) / TN_MS_PER_DAY);
    whole->days[0] = (uint16_t)(today + 2);
    whole->days[1] = (uint16_t)(today + 3);
    for (uint32_t i = 0; i < 2; i++) {
        struct tn_public_key key;
        sim_secret_key(&whole->owners[i], sim->options.seed, 120 + i);
        signs->public_key(signs->context, &key, &whole->owners[i]);
        signs->address(signs->context, &whole->addresses[i], &key);
    }
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++) {
        struct whole_market *market = &whole->markets[i];
        market->id = i + 1;
        market->term = 1;
        for (uint32_t k = 0; k < WHOLE_ACCOUNTS; k++) /* an owner's is the same everywhere */
            sim_secret_key(&market->accounts[k].key, sim->options.seed, 200 + k / 2);
        open_market(sim, market);
    }
}

/* ---- Feeds ---- */

/* Now and then a feeder is hostile: values out of the world, or signed with another key. */
static void report(struct sim *sim, struct whole_market *market, uint32_t feeder, enum tn_feed feed,
                   uint32_t expiry)
{
    uint8_t bytes[WHOLE_OPERATION_MAX];
    struct tn_block_item item = {.kind = TN_ITEM_REPORT};
    struct tn_report *report = &item.as.report.report;
    item.as.report.market = market->id;
    *report = bitcoin_report(feeder, feed, sim->whole->days[expiry], market->spot, unix_ms(sim));
    report->sequence = ++sim->whole->report_sequence;
    if (feeder == 0 && draw(sim, 20) == 0) {
        static const int64_t EXTREMES[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(1) << 47};
        report->value = EXTREMES[draw(sim, sizeof EXTREMES / sizeof *EXTREMES)];
        report->time_ms += (int64_t)draw(sim, 20000) - 10000;
    }
    bool is_forged = draw(sim, 200) == 0;
    sign(sim, &item.as.report.signature, &item,
         is_forged ? &sim->whole->faucet : &sim->whole->feeders[feeder]);
    size_t size = tn_stream_write_block_item(bytes, sizeof bytes, &item);
    TN_ASSERT(size > 1 && size <= sizeof bytes);
    bring_item(sim, bytes, size);
}

static void feed(struct sim *sim)
{
    struct whole *whole = sim->whole;
    if (sim->now_us < whole->fed_us) return;
    whole->fed_us = sim->now_us + whole->limits.chain.mark_ms * 1000;
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++) {
        struct whole_market *market = &whole->markets[i];
        market->spot = bitcoin_move(market->spot, (int64_t)draw(sim, 41) - 20);
        for (uint32_t k = 0; k < WHOLE_FEEDERS; k++) {
            report(sim, market, k, TN_FEED_SPOT, 0);
            for (uint32_t expiry = 0; expiry < 2; expiry++) {
                report(sim, market, k, TN_FEED_FORWARD, expiry);
                report(sim, market, k, TN_FEED_VOL, expiry);
            }
        }
    }
}

/* ---- Accounts ---- */

static void tend_account(struct sim *sim, struct whole_market *market, uint32_t which)
{
    struct whole_account *account = &market->accounts[which];
    struct tn_block_item item = {0};
    struct tn_operation *operation = &item.as.operation;
    if ((int64_t)account->wanted_ms > sim->now_us / 1000) return;
    account->wanted_ms = (uint64_t)(sim->now_us / 1000 + AGAIN_MS);
    operation->market = market->id;
    if (!account->opened) {
        operation->kind = TN_OPERATION_OPEN;
        operation->number = 1 + which % 2;
        operation->model = TN_MARGIN_PORTFOLIO;
    } else {
        operation->kind = TN_OPERATION_SESSION;
        operation->number = ++account->nonce;
        operation->account = account->account;
        operation->scope = TN_SCOPE_ALL;
        operation->expires_ms = unix_ms(sim) + TN_MS_PER_DAY;
        const struct tn_signatures *signs = &sim->whole->signatures;
        signs->public_key(signs->context, &operation->key, &account->key);
    }
    operate(sim, &item, which / 2);
}

static void send_again(struct sim *sim)
{
    struct whole *whole = sim->whole;
    if (sim->now_us < whole->resent_us) return;
    whole->resent_us = sim->now_us + RESEND_US;
    for (uint32_t i = 0; i < ITEMS_AT_ONCE; i++) {
        uint32_t at = whole->governance_done + i;
        if (at < whole->governance_count)
            bring_item(sim, whole->governance_items[at].bytes, whole->governance_items[at].size);
        at = whole->deposits_done + i;
        if (at < whole->deposits_count)
            bring_item(sim, whole->deposits[at].bytes, whole->deposits[at].size);
    }
    if (whole->governance_done < whole->governance_count) return;
    for (uint32_t i = 0; i < whole->limits.chain.markets_count; i++) {
        for (uint32_t k = 0; k < WHOLE_ACCOUNTS; k++) {
            if (whole->markets[i].accounts[k].session == 0)
                tend_account(sim, &whole->markets[i], k);
        }
    }
}

/* ---- Frames ---- */

uint64_t whole_frame_content(const struct tn_entry *entry)
{
    static uint8_t bytes[TN_ENTRY_BYTES_MAX];
    struct tn_digest digest = {0};
    size_t size = tn_stream_write_entry(bytes, sizeof bytes, entry);
    TN_ASSERT(size <= sizeof bytes);
    for (size_t i = 0; i < size; i++)
        tn_digest_u64(&digest, bytes[i]);
    return digest.value;
}

static uint32_t *frame_cell(struct whole *whole, uint32_t market, uint64_t session, uint64_t nonce)
{
    uint64_t at = (session * UINT64_C(0x9FB21C651E98DF25) ^ nonce << 20 ^ market) *
                      UINT64_C(0xD6E8FEB86659FD93) >>
                  24;
    for (;; at++) {
        uint32_t *cell = &whole->frame_cells[at % whole->frame_cells_count];
        if (*cell == 0) return cell;
        const struct whole_frame *frame = &whole->frames[*cell - 1];
        if (frame->market == market && frame->session == session && frame->nonce == nonce)
            return cell;
    }
}

struct whole_frame *whole_find_frame(struct whole *whole, uint32_t market, uint64_t session,
                                     uint64_t nonce)
{
    uint32_t cell = *frame_cell(whole, market, session, nonce);
    return cell == 0 ? NULL : &whole->frames[cell - 1];
}

static uint32_t keep_frame(struct whole *whole, const struct whole_frame *frame)
{
    if (whole->frames_count == whole->frames_room) {
        whole->frames_room = whole->frames_room == 0 ? 256 : 2 * whole->frames_room;
        whole->frames = realloc(whole->frames, whole->frames_room * sizeof *whole->frames);
        TN_ASSERT(whole->frames != NULL);
    }
    TN_ASSERT(whole->frames_count < FRAME_CELLS / 2);
    uint32_t *cell = frame_cell(whole, frame->market, frame->session, frame->nonce);
    TN_ASSERT(*cell == 0);
    whole->frames[whole->frames_count++] = *frame;
    *cell = whole->frames_count;
    return whole->frames_count - 1;
}

static size_t write_frame(struct sim *sim, uint8_t *bytes, size_t room, struct tn_stream_item *item,
                          const struct tn_secret_key *key)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_signatures *signs = &sim->whole->signatures;
    struct tn_frame *frame = &item->as.frame;
    struct tn_hash digest;
    frame->payload_size = (uint32_t)tn_stream_write_payload(payload, sizeof payload, frame);
    frame->payload = payload;
    TN_ASSERT(frame->payload_size > 0 && frame->payload_size <= sizeof payload);
    tn_frame_digest(&digest, sim->whole->limits.chain.chain_id, payload, frame->payload_size);
    signs->sign(signs->context, &frame->signature, &digest, key);
    size_t size = tn_stream_write_item(bytes, room, item);
    TN_ASSERT(size > 0 && size <= room);
    return size;
}

static void force_frame(struct sim *sim, const struct tn_frame *frame)
{
    uint8_t bytes[4096];
    struct tn_block_item item = {.kind = TN_ITEM_FORCED};
    item.as.forced = *frame;
    size_t size = tn_stream_write_block_item(bytes, sizeof bytes, &item);
    if (size > 1 && size <= sizeof bytes) bring_item(sim, bytes, size);
}

static void send_frame(struct sim *sim, struct whole_market *market, struct whole_account *account,
                       const struct tn_command *commands, uint32_t count)
{
    static uint8_t bytes[TN_PAYLOAD_BYTES_MAX + 256];
    struct whole *whole = sim->whole;
    bool is_forced = draw(sim, 24) == 0, is_forged = draw(sim, 16) == 0;
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2};
    struct tn_frame *frame = &item.as.frame;
    item.entry.kind = TN_ENTRY_FRAME;
    *frame = (struct tn_frame){.market = market->id,
                               .term = is_forced ? 0 : market->term,
                               .session = account->session,
                               .nonce = ++account->nonce,
                               .valid_until_block = market->height + 2 + draw(sim, 60),
                               .commands = commands,
                               .commands_count = count};
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME,
                             .as.frame = {.commands = commands,
                                          .commands_count = count,
                                          .account = account->account,
                                          .nonce = frame->nonce,
                                          .valid_until_block = frame->valid_until_block}};
    size_t size =
        write_frame(sim, bytes, sizeof bytes, &item, is_forged ? &whole->faucet : &account->key);
    struct whole_frame kept = {.session = frame->session,
                               .nonce = frame->nonce,
                               .content = whole_frame_content(&entry),
                               .valid_until_block = frame->valid_until_block,
                               .market = market->id,
                               .term = frame->term,
                               .bytes = malloc(size),
                               .size = (uint32_t)size,
                               .forced = is_forced,
                               .forged = is_forged};
    TN_ASSERT(kept.bytes != NULL);
    memcpy(kept.bytes, bytes, size);
    uint32_t number = keep_frame(whole, &kept);
    if (is_forced)
        force_frame(sim, frame);
    else
        bring(sim, 0, number, bytes, size);
}

/* What was said before is said again: it must not count twice. */
static void replay(struct sim *sim)
{
    struct whole *whole = sim->whole;
    if (whole->frames_count == 0) return;
    uint32_t back = whole->frames_count < 64 ? whole->frames_count : 64;
    uint32_t number = whole->frames_count - 1 - (uint32_t)draw(sim, back);
    const struct whole_frame *frame = &whole->frames[number];
    bring(sim, 0, number, frame->bytes, frame->size);
}

static tn_ticks fair(const struct sim *sim, const struct whole_market *market, uint32_t series)
{
    return bitcoin_fair(market->series[series], market->spot, unix_ms(sim));
}

static void quote(struct sim *sim, struct whole_market *market, struct whole_account *account)
{
    struct tn_quote quotes[WHOLE_SERIES];
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    for (uint32_t i = 0; i < WHOLE_SERIES; i++) {
        tn_ticks middle = fair(sim, market, i), spread = middle / 50 + 1;
        tn_ticks bid = middle - spread - (tn_ticks)draw(sim, 3);
        quotes[i] = (struct tn_quote){.series_id = market->series[i],
                                      .bid_price = bid < 1 ? 1 : bid,
                                      .ask_price = middle + spread + (tn_ticks)draw(sim, 3),
                                      .bid_quantity = 5,
                                      .ask_quantity = 5};
    }
    command.as.mass_quote.quotes = quotes;
    command.as.mass_quote.quotes_count = WHOLE_SERIES;
    command.as.mass_quote.fee_max_ppm = 1000000;
    command.as.mass_quote.post_only = 1;
    send_frame(sim, market, account, &command, 1);
}

/* Some are far too large: margin must refuse them. */
static void take(struct sim *sim, struct whole_market *market, struct whole_account *account)
{
    struct tn_command commands[3];
    for (uint32_t i = 0; i < 3; i++) {
        bool crosses = draw(sim, 3) == 0, is_large = draw(sim, 24) == 0;
        uint32_t series = is_large ? 0 : (uint32_t)draw(sim, WHOLE_SERIES);
        tn_ticks middle = fair(sim, market, series);
        uint8_t side = (uint8_t)draw(sim, 2);
        tn_ticks away = crosses ? -(middle / 20 + 4) : middle / 50 + 1;
        tn_ticks price = side == TN_BUY ? middle - away : middle + away;
        commands[i] = (struct tn_command){.kind = TN_COMMAND_PLACE};
        commands[i].as.terms[0] =
            (struct tn_order_terms){.series_id = market->series[series],
                                    .price = price < 1 ? 1 : price,
                                    .quantity = is_large ? 10000 : 1, /* of the perpetual */
                                    .fee_max_ppm = 1000000,
                                    .side = side,
                                    .type = TN_LIMIT,
                                    .tif = draw(sim, 4) == 0 ? TN_GTC : TN_IOC};
    }
    send_frame(sim, market, account, commands, 3);
}

static void trade(struct sim *sim, struct whole_market *market)
{
    uint32_t which = (uint32_t)draw(sim, WHOLE_ACCOUNTS);
    struct whole_account *account = &market->accounts[which];
    if (account->session == 0 || draw(sim, 3) == 0) return;
    if (draw(sim, 12) == 0) replay(sim);
    if (which < WHOLE_ACCOUNTS / 2)
        quote(sim, market, account);
    else
        take(sim, market, account);
}

/* More than a batch holds, to the market's leader. */
static void burst(struct sim *sim, struct whole_market *market)
{
    struct whole_account *account = &market->accounts[draw(sim, WHOLE_ACCOUNTS / 2)];
    if (account->session == 0) return;
    sim->whole->to_leader = market->id;
    for (uint32_t i = 0; i < BURST_FRAMES; i++)
        quote(sim, market, account);
    sim->whole->to_leader = 0;
}

/* A command that its owner signs himself. */
static void owner_command(struct sim *sim, struct whole_market *market, uint32_t which,
                          const struct tn_command *command)
{
    struct whole_account *account = &market->accounts[which];
    uint8_t bytes[WHOLE_OPERATION_MAX];
    struct tn_block_item item = {0};
    struct tn_operation *operation = &item.as.operation;
    operation->kind = TN_OPERATION_FRAME;
    operation->market = market->id;
    const struct tn_entry entry = {.kind = TN_ENTRY_FRAME,
                                   .as.frame = {.commands = command,
                                                .commands_count = 1,
                                                .account = account->account,
                                                .nonce = ++account->nonce,
                                                .valid_until_block = market->height + 100}};
    operation->bytes = bytes;
    operation->size = (uint32_t)tn_stream_write_entry(bytes, sizeof bytes, &entry);
    operation->entry = entry; /* its signature is of what it says */
    operate(sim, &item, which / 2);
}

/* Owners take money out now and then. */
static void withdraw(struct sim *sim, struct whole_market *market)
{
    uint32_t which = (uint32_t)draw(sim, WHOLE_ACCOUNTS);
    struct tn_command command = {.kind = TN_COMMAND_WITHDRAW};
    if (market->accounts[which].session == 0) return;
    command.as.money.amount = (tn_micros)draw(sim, 1000) * DOLLAR;
    owner_command(sim, market, which, &command);
}

/* And move it to another market: mostly to an account of theirs there, else it comes back. Draws of
 * its own: what a seed does without transfers stays. */
static void remit(struct sim *sim, struct whole_market *market)
{
    struct whole *whole = sim->whole;
    uint32_t markets = whole->limits.chain.markets_count;
    uint32_t which = (uint32_t)tn_random_below(&whole->remit_random, WHOLE_ACCOUNTS);
    uint32_t to = (uint32_t)tn_random_below(&whole->remit_random, WHOLE_ACCOUNTS + 1);
    struct whole_account *account = &market->accounts[which];
    struct tn_command command = {.kind = TN_COMMAND_REMIT};
    if (markets < 2 || account->session == 0) return;
    const uint32_t away = (uint32_t)tn_random_below(&whole->remit_random, markets - 1);
    const struct whole_market *other = &whole->markets[(market->id + away) % markets];
    command.as.remit.to_market = other->id;
    command.as.remit.to_account = to < WHOLE_ACCOUNTS && other->accounts[to].opened
                                      ? other->accounts[to].account
                                      : WHOLE_ACCOUNTS;
    command.as.remit.amount = (tn_micros)tn_random_below(&whole->remit_random, 1000) * DOLLAR;
    if (tn_random_below(&whole->remit_random, 4) == 0)
        owner_command(sim, market, which, &command);
    else
        send_frame(sim, market, account, &command, 1);
}

void whole_play_turn(struct sim *sim)
{
    struct whole *whole = sim->whole;
    feed(sim);
    send_again(sim);
    end_epoch(sim);
    for (uint32_t i = 0; i < whole->limits.chain.markets_count && !sim->idle; i++) {
        trade(sim, &whole->markets[i]);
        if (whole->bursts && draw(sim, 30) == 0) burst(sim, &whole->markets[i]);
        if (draw(sim, 100) == 0) withdraw(sim, &whole->markets[i]);
        if (tn_random_below(&whole->remit_random, 12) == 0) remit(sim, &whole->markets[i]);
        if (draw(sim, 200) == 0 && whole->markets[i].accounts[0].opened)
            deposit(sim, whole->markets[i].id, whole->markets[i].accounts[0].account, DOLLAR);
    }
}

/* ---- News ---- */

void whole_play_answer(struct sim *sim, uint64_t client, const struct tn_member_answer *answer)
{
    struct whole *whole = sim->whole;
    if (client >= whole->frames_count) return;
    struct whole_frame *frame = &whole->frames[client];
    whole->soft_count += answer->kind == TN_MEMBER_SOFT;
    whole->refused_count += answer->kind == TN_MEMBER_REFUSED;
    whole->reverted_count += answer->kind == TN_MEMBER_REVERTED;
    if (answer->kind == TN_MEMBER_SOFT &&
        (answer->session != frame->session || answer->nonce != frame->nonce)) {
        if (whole->byzantine == 0)
            sim_fail(sim, TN_NONE, "an answer to frame %llu is of another",
                     (unsigned long long)client);
        return;
    }
    if (answer->kind == TN_MEMBER_REVERTED && frame->where == WHOLE_SOFT &&
        answer->session == frame->session && answer->nonce == frame->nonce)
        frame->where = WHOLE_GONE;
    if (answer->kind != TN_MEMBER_SOFT || frame->where != WHOLE_OPEN) return;
    struct tn_digest digest = {0};
    for (uint32_t i = 0; i < answer->events_count; i++) {
        struct tn_event event;
        uint64_t words[sizeof event / 8];
        memset(&event, 0, sizeof event);
        if (!tn_stream_read_event(&event, answer->events + (size_t)i * TN_EVENT_BYTES)) return;
        memcpy(words, &event, sizeof words);
        for (uint32_t k = 0; k < sizeof words / sizeof words[0]; k++)
            tn_digest_u64(&digest, words[k]);
    }
    /* An answer may come after the news that its term has ended. */
    bool is_late = answer->place.term < whole->markets[frame->market - 1].term;
    frame->where = is_late ? WHOLE_GONE : WHOLE_SOFT;
    frame->was_soft = true;
    frame->place = answer->place;
    frame->events = digest.value;
}

static void hear_opened(struct sim *sim, struct whole_market *market, const struct whole_step *step)
{
    if (step->account == TN_NONE || step->reject != TN_REJECT_NONE) return;
    for (uint32_t i = 0; i < WHOLE_ACCOUNTS; i++) {
        struct whole_account *account = &market->accounts[i];
        if (account->opened ||
            memcmp(sim->whole->addresses[i / 2].bytes, step->owner, TN_OWNER_SIZE) != 0)
            continue;
        account->opened = true;
        account->account = step->account;
        account->wanted_ms = 0;
        deposit(sim, market->id, step->account, INT64_C(200000) * DOLLAR);
        return;
    }
}

static void hear_session(struct whole_market *market, const struct whole_step *step)
{
    for (uint32_t i = 0; i < WHOLE_ACCOUNTS; i++) {
        struct whole_account *account = &market->accounts[i];
        if (account->opened && account->account == step->account && step->reject == TN_REJECT_NONE)
            account->session = step->order_id;
    }
}

void whole_play_hear(struct sim *sim, const struct whole_block *block)
{
    for (uint32_t i = 0; i < block->steps_count; i++) {
        const struct whole_step *step = &block->steps[i];
        struct whole_market *market = &sim->whole->markets[step->place.market - 1];
        if (step->item == TN_INBOX_ACCOUNT) hear_opened(sim, market, step);
        if (step->item == TN_INBOX_SESSION_OPEN) hear_session(market, step);
    }
}
