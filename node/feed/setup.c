/* setup: the markets of an empty testnet: their underlying, their feed signers, a perpetual.
 *
 * Each is an item of governance, whose numbers run on without a gap. What is not there after a
 * while is sent again from the number that the set has come to; an item whose number was used by
 * somebody else is known to be void. Options and futures are listed by the exchange itself, by the
 * rules of the underlying, as soon as prices come. */
#include "feed/feed.h"

enum { ATTEMPTS = 5, ATTEMPT_MS = 5000, ASK_MS = 100 };

static void complain(const char *what)
{
    fprintf(stderr, "tenor-feed: %s\n", what);
}

static void govern(struct feed *feed, uint32_t market, const struct tn_entry *entry)
{
    struct tn_block_item item = {.kind = TN_ITEM_GOVERNANCE};
    item.as.governance.number = ++feed->governance_number;
    item.as.governance.market = market;
    item.as.governance.entry = *entry;
    struct feed_market *at = &feed->markets[0];
    if (tn_client_item(at->client, FEED_TAG_ITEM, &item, &feed->governance) == TN_CLIENT_OK) {
        at->pending++;
        feed_count(&feed->counts, FEED_COUNT_GOVERNANCE);
    }
    /* Nothing is lost by waiting: a connection takes so many unanswered items only. */
    for (uint32_t i = 0; i < 200 && at->pending >= FEED_PENDING_MAX; i++)
        feed_turn(feed, 10, -1);
}

static void define(struct feed *feed, const struct feed_market *market)
{
    govern(
        feed, market->number,
        &(struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = market->scene.underlying});
    for (uint32_t i = 0; i < feed->net.feeders_count; i++) {
        govern(feed, market->number,
               &(struct tn_entry){.kind = TN_ENTRY_FEEDER,
                                  .as.feeder = {.signer = (uint16_t)(i + 1), .active = 1}});
    }
    const struct tn_series_terms perpetual = {.underlying = 1, .kind = TN_PERPETUAL};
    struct tn_entry list = {.kind = TN_ENTRY_LIST};
    bool is_series = tn_series_pack(&list.as.list.series_id, &perpetual);
    TN_ASSERT(is_series);
    govern(feed, market->number, &list);
}

static bool ask_cluster(struct feed *feed)
{
    const struct tn_question question = {.kind = TN_ASK_CLUSTER};
    bool is_known = false;
    feed->governance_known = 0;
    if (tn_client_ask(feed->markets[0].client, FEED_TAG_CLUSTER, &question) != TN_CLIENT_OK)
        return false;
    for (uint32_t i = 0; i < 100 && !is_known && !feed_is_stopped(); i++) {
        feed_turn(feed, 50, -1);
        is_known = feed->governance_known != 0;
    }
    return is_known;
}

/* Not each time that an answer comes: a connection's allowance of questions is that of its items.
 */
static void ask_again(struct feed_market *market)
{
    int64_t now_ms = feed_clock_ms();
    if (now_ms - market->asked_ms < ASK_MS) return;
    market->asked_ms = now_ms;
    feed_ask_series(market);
}

/* Looks until all markets have series; false after wait_ms. */
static bool have_series(struct feed *feed, int64_t wait_ms)
{
    int64_t until_ms = feed_clock_ms() + wait_ms;
    for (;;) {
        bool have_all = true;
        for (uint32_t i = 0; i < feed->markets_count; i++) {
            struct feed_market *market = &feed->markets[i];
            if (market->has_series) continue;
            have_all = false;
            ask_again(market);
        }
        if (have_all) return true;
        if (feed_clock_ms() >= until_ms || feed_is_stopped()) return false;
        feed_turn(feed, 100, -1);
    }
}

bool feed_setup(struct feed *feed)
{
    /* A node that has just come up may not have its mirror of markets yet: look for a moment. */
    if (have_series(feed, 500)) return true;
    if (feed->options.setup == 2) {
        complain("a market has no series, and --setup never forbids to define any");
        return false;
    }
    if (!feed->can_govern) {
        complain("a market has no series, and client.conf names no governance key to define any");
        return false;
    }
    for (uint32_t i = 0; i < ATTEMPTS && !feed_is_stopped(); i++) {
        if (!ask_cluster(feed)) continue;
        for (uint32_t k = 0; k < feed->markets_count; k++)
            if (!feed->markets[k].has_series) define(feed, &feed->markets[k]);
        if (have_series(feed, ATTEMPT_MS)) return true;
    }
    if (!feed_is_stopped()) complain("the markets were not defined in time; is the set running?");
    return false;
}
