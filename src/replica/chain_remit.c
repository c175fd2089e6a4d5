/* chain_remit: cash between markets: what a market's execution sends, refuses or takes in, into the
 * inboxes that the same block makes (chain.md §1.1).
 *
 * A block executes its batches, and what is consumed for want of room, before it makes any inbox:
 * so whatever that brought about for other markets has a place at once, and nothing is kept between
 * two blocks but in inboxes. How much that can be is settled where it is sent: a market counts what
 * is under way from it to each other market, and each one that is counted stands in one inbox as
 * one item. All of them together fit beside the items of blocks (limits below). */
#include "replica/chain.h"
#include "replica/controls.h"

uint32_t tn_chain_remits_max(const struct tn_chain_limits *limits)
{
    uint64_t others = limits->markets_count - 1;
    /* Half of what inboxes must hold by the limits (chain.c) is for items of blocks. */
    uint64_t room = ((uint64_t)limits->inbox_lag_max + 1) * limits->item_bytes_max;
    if (others == 0) return 0;
    uint64_t most = room / (others * TN_INBOX_REMIT_BYTES);
    return most < TN_REMIT_OUT_MAX ? (uint32_t)most : TN_REMIT_OUT_MAX;
}

uint32_t tn_chain_remits_room(const struct tn_chain_limits *limits)
{
    return limits->markets_count * (limits->markets_count - 1) * tn_chain_remits_max(limits);
}

size_t tn_chain_remits_bytes(const struct tn_chain_limits *limits)
{
    return (size_t)(limits->markets_count - 1) * tn_chain_remits_max(limits) * TN_INBOX_REMIT_BYTES;
}

void tn_chain_know_markets(struct tn_chain *chain, uint32_t place)
{
    uint32_t others[TN_CHAIN_MARKETS_MAX], count = 0;
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        if (i != place) others[count++] = chain->limits.markets[i].market;
    }
    tn_exchange_know_markets(chain->shards[place].exchange, others, count,
                             tn_chain_remits_max(&chain->limits));
}

/* ---- From execution ---------------------------------------------------------------------------
 */

static uint32_t place_of(const struct tn_chain *chain, uint32_t market)
{
    uint32_t place = tn_chain_place_of(chain, market);
    TN_ASSERT(place != TN_NONE); /* a market knows only those of this chain */
    return place;
}

/* What the control does: another market's state is written while this one's stream executes. */
static void write_across(struct tn_chain *chain, const struct tn_remit *remit)
{
    uint32_t place = place_of(chain, remit->to_market);
    struct tn_event event;
    tn_exchange_remit_in(chain->shards[place].exchange, &event, remit);
}

/* Nothing comes to another market but by its inbox. */
static void add(struct tn_chain *chain, uint32_t market, const struct tn_remit *remit)
{
    if (!TENOR_HOLDS(ISOLATION)) {
        write_across(chain, remit);
        return;
    }
    /* Each is one that its sender's market still counts. */
    TN_ASSERT(chain->remits_count < tn_chain_remits_room(&chain->limits));
    chain->remits[chain->remits_count++] =
        (struct chain_remit){.place = place_of(chain, market), .remit = *remit};
}

void tn_chain_note_remit(struct tn_chain *chain, const struct tn_market_step *step,
                         const struct tn_event *event)
{
    uint32_t own = chain->limits.markets[chain->at].market;
    struct tn_remit remit;
    if (event->kind != TN_EVENT_REMITTED) return;
    if (event->money < 0) {
        struct tn_account_view view;
        bool is_there =
            tn_exchange_account(chain->shards[chain->at].exchange, &view, event->account);
        TN_ASSERT(is_there);
        remit = (struct tn_remit){.from_market = own,
                                  .from_account = event->account,
                                  .to_market = event->index,
                                  .to_account = event->other_account,
                                  .amount = -event->money};
        memcpy(remit.owner, view.owner, TN_OWNER_SIZE);
        add(chain, event->index, &remit);
    } else if (step->item == TN_INBOX_REMIT && event->account == TN_NONE) {
        remit = (struct tn_remit){.from_market = event->index,
                                  .from_account = event->other_account,
                                  .to_market = own,
                                  .to_account = event->other_index,
                                  .reject = event->reject,
                                  .amount = event->money};
        add(chain, event->index, &remit);
        chain->counters.remits_back++;
    } else if (step->item == TN_INBOX_REMIT) {
        chain->arrived[place_of(chain, event->index)][chain->at]++;
        chain->counters.remits++;
    }
}

/* ---- Into inboxes -----------------------------------------------------------------------------
 */

static void write(struct tn_inbox *inbox, uint8_t *items, size_t items_max, size_t size)
{
    TN_ASSERT(size <= items_max - inbox->items_size && inbox->items == items);
    inbox->items_size += (uint32_t)size;
    inbox->items_count++;
}

void tn_chain_write_remits(struct tn_chain *chain, struct tn_inbox *inbox, uint8_t *items,
                           size_t items_max)
{
    for (uint32_t i = 0; i < chain->remits_count; i++) {
        if (chain->remits[i].place != chain->at) continue;
        uint8_t *at = items + inbox->items_size;
        size_t size =
            tn_inbox_write_remit(at, items_max - inbox->items_size, &chain->remits[i].remit);
        write(inbox, items, items_max, size);
    }
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        uint32_t *count = &chain->arrived[chain->at][i];
        if (*count == 0) continue;
        uint8_t *at = items + inbox->items_size;
        size_t size = tn_inbox_write_remits_ended(at, items_max - inbox->items_size,
                                                  chain->limits.markets[i].market, *count);
        write(inbox, items, items_max, size);
        *count = 0;
    }
}

/* ---- What is under way ------------------------------------------------------------------------
 */

struct sum {
    tn_i128 micros;
    uint32_t count;
};

static void add_one(void *context, const struct tn_remit *remit)
{
    struct sum *sum = context;
    sum->micros += remit->amount;
    sum->count++;
}

tn_i128 tn_chain_under_way(const struct tn_chain *chain, uint32_t *count)
{
    struct sum sum = {0};
    const struct tn_market_remits take = {.one = add_one, .context = &sum};
    for (uint32_t i = 0; i < chain->limits.markets_count; i++)
        tn_market_remits(chain->shards[i].market, &take);
    *count = sum.count;
    return sum.micros;
}

/* ---- Of exit checkpoints ---- */

struct coming {
    struct tn_chain *chain;
    uint32_t place; /* of the market whose inboxes are looked at */
};

/* It belongs to the account that it is for, or, where that is not the owner's, to its sender. */
static void add_coming(void *context, const struct tn_remit *remit)
{
    const struct coming *coming = context;
    struct tn_chain *chain = coming->chain;
    struct tn_shard *shard = &chain->shards[coming->place];
    struct tn_account_view view;
    bool is_back = remit->reject != TN_REJECT_NONE;
    bool is_taken = !is_back && tn_exchange_account(shard->exchange, &view, remit->to_account) &&
                    memcmp(view.owner, remit->owner, TN_OWNER_SIZE) == 0;
    if (is_taken) {
        tn_shard_exit_coming(shard, remit->to_account, remit->amount);
        return;
    }
    if (!is_back) shard = &chain->shards[place_of(chain, remit->from_market)];
    tn_shard_exit_coming(shard, remit->from_account, remit->amount);
}

void tn_chain_exit_coming(struct tn_chain *chain)
{
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        struct coming coming = {.chain = chain, .place = i};
        const struct tn_market_remits take = {.one = add_coming, .context = &coming};
        tn_market_remits(chain->shards[i].market, &take);
    }
}

/* ---- Of an import ---- */

struct counted {
    const struct tn_chain *chain;
    uint32_t place;
    uint64_t (*under_way)[TN_CHAIN_MARKETS_MAX]; /* from, to */
};

static void count_one(void *context, const struct tn_remit *remit)
{
    const struct counted *counted = context;
    uint32_t from = place_of(counted->chain, remit->from_market);
    counted->under_way[from][place_of(counted->chain, remit->to_market)]++;
}

static void count_ended(void *context, uint32_t market, uint32_t count)
{
    const struct counted *counted = context;
    uint32_t to = tn_chain_place_of(counted->chain, market);
    if (to != TN_NONE) counted->under_way[counted->place][to] += count;
}

bool tn_chain_check_remits(const struct tn_chain *chain, uint32_t *place)
{
    uint64_t under_way[TN_CHAIN_MARKETS_MAX][TN_CHAIN_MARKETS_MAX] = {{0}};
    for (uint32_t i = 0; i < chain->limits.markets_count; i++) {
        struct counted counted = {.chain = chain, .place = i, .under_way = under_way};
        const struct tn_market_remits take = {
            .one = count_one, .ended = count_ended, .context = &counted};
        tn_market_remits(chain->shards[i].market, &take);
    }
    for (*place = 0; *place < chain->limits.markets_count; (*place)++) {
        uint32_t market, out;
        for (uint32_t i = 0;
             tn_exchange_remits_out(chain->shards[*place].exchange, &market, &out, i); i++) {
            if (under_way[*place][place_of(chain, market)] != out) return false;
        }
    }
    return true;
}
