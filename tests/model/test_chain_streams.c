/* Random blocks on two markets: trades, deposits, governance, reports, sessions, forced frames,
 * leaders that come and go, batches that stay away for a while.
 *
 * Three chains see them. One builds and executes as soon as blocks are final. One is slow: it has
 * executed less, judges the same blocks over a longer line of ancestors, and must say the same. One
 * is restored from the first one's records in the middle, and must go on alike. After each block
 * the kept root is the root of trees built anew. Altered blocks must be judged alike as well. Every
 * third block is judged and executed on its witness alone, too. */
#include "seed.h"
#include "witness_case.h"

enum { HEIGHTS = 220, TRADING = 2, ROOM = 1 << 20 };
static const uint64_t PERP = UINT64_C(1) << 53;

static struct run {
    uint64_t random;
    struct tn_chain *slow, *restored;
    struct line_block history[HEIGHTS + 1]; /* by height */
    uint32_t fills;
    uint32_t altered_bad, altered_good, waited;
} run;

static uint64_t below(uint64_t bound)
{
    return tn_random_below(&run.random, bound);
}

static void count_fills(void *context, const struct tn_chain_place *place,
                        const struct tn_market_step *step)
{
    (void)context;
    (void)place;
    for (uint32_t i = 0; i < step->events_count; i++)
        run.fills += step->events[i].kind == TN_EVENT_TRADE;
}

static uint64_t height_of(const struct tn_chain *chain)
{
    return tn_chain_heads(chain)->height;
}

/* ---- What happens ---- */

static void give_beginning(uint32_t market)
{
    const struct tn_mark mark = usual_mark(PERP, 100000 * TICK);
    cc_govern(market,
              (struct tn_entry){.kind = TN_ENTRY_UNDERLYING, .as.underlying = usual_underlying()});
    cc_govern(market, index_entry(1, 100000 * DOLLAR));
    cc_govern(market, list_entry(PERP));
    cc_govern(market, marks_entry(&mark, 1));
    cc_govern(market, status_entry(PERP, TN_STATUS_ACTIVE));
    for (uint32_t i = 0; i < TRADING; i++) {
        cc_open_account(market, i);
        cc_open_session(market, i);
    }
}

static void trade(uint32_t place)
{
    static uint8_t payloads[4][TN_PAYLOAD_BYTES_MAX];
    struct tn_stream_item items[4];
    uint32_t count = (uint32_t)below(5);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_command command = cc_limit(below(2) == 0 ? TN_BUY : TN_SELL, PERP,
                                             99900 + (tn_ticks)below(200), 1 + (tn_lots)below(3));
        if (below(6) == 0) command = (struct tn_command){.kind = TN_COMMAND_MASS_CANCEL};
        items[i] = cc_frame(payloads[i], place, (uint32_t)below(TRADING), cc.leaders[place].term,
                            &command, 1);
    }
    if (cc.pool_count + 1 >= POOL_MAX) return;
    cc.is_lying = below(20) == 0;
    cc_make_batch(place, (uint32_t)below(4), items, count);
    cc.is_lying = false;
}

static void force(uint32_t place)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX];
    const struct tn_command command = cc_limit(TN_BUY, PERP, 99000, 1);
    struct tn_stream_item frame = cc_frame(payload, place, 0, 0, &command, 1);
    struct tn_block_item item = {.kind = TN_ITEM_FORCED};
    item.as.forced = frame.as.frame;
    cc_give(&item);
}

static void report(uint32_t place)
{
    static uint64_t sequence;
    struct tn_block_item item = {.kind = TN_ITEM_REPORT};
    item.as.report.market = place + 1;
    item.as.report.report = (struct tn_report){.signer = 1,
                                               .underlying = 1,
                                               .sequence = ++sequence,
                                               .time_ms = cc.time_ms,
                                               .value = 100000 * DOLLAR};
    struct tn_hash digest = cc_digest(&item);
    item.as.report.signature = cc_sign(KEY_FEEDER, &digest);
    cc_give(&item);
}

static void happen(void)
{
    uint32_t place = (uint32_t)below(MARKETS);
    if (cc.items_count + 8 >= ITEMS_MAX) return;
    switch (below(12)) {
        case 0: cc_deposit(place + 1, (uint32_t)below(TRADING), DOLLAR); return;
        case 1: cc_govern(place + 1, index_entry(1, (100000 + (int64_t)below(9)) * DOLLAR)); return;
        case 2: report(place); return;
        case 3: force(place); return;
        case 4:
            if (below(4) == 0) cc_stall(place, 3);
            return;
        case 5:
            if (below(6) == 0) cc_open_session(place + 1, (uint32_t)below(TRADING));
            return;
        default: trade(place); return;
    }
}

/* A term ended: the next leader begins where the chain is final. */
static void follow_leaders(void)
{
    for (uint32_t i = 0; i < MARKETS; i++) {
        if (cc.leaders[i].term != tn_chain_heads(cc.chain)->streams[i].term) cc_take_over(i);
    }
}

/* ---- Three chains ---- */

static uint32_t line_of(struct tn_chain_block *blocks, const struct tn_chain *chain,
                        uint64_t parent)
{
    uint32_t count = 0;
    for (uint64_t height = height_of(chain) + 1; height <= parent; height++)
        blocks[count++] = run.history[height].block;
    return count;
}

static enum tn_chain_verdict judge_by(struct tn_chain *chain, const struct tn_chain_block *block,
                                      bool local)
{
    static struct tn_chain_block blocks[HEIGHTS];
    uint32_t count = line_of(blocks, chain, block->header->height - 1);
    return tn_chain_validate(chain, &cc.fault, block, blocks, count, cc.time_ms, local);
}

static void catch_up(struct tn_chain *chain, uint64_t height)
{
    while (height_of(chain) < height) {
        const struct line_block *next = &run.history[height_of(chain) + 1];
        assert_int_equal(tn_chain_execute(chain, &next->block), TN_CHAIN_OK);
    }
}

/* Both judge; who has not executed enough executes on and is asked again. */
static void expect_same_verdict(const struct tn_chain_block *block, enum tn_chain_verdict wanted,
                                const char *what)
{
    enum tn_chain_verdict verdict = judge_by(run.slow, block, false);
    while (verdict == TN_CHAIN_WAIT && height_of(run.slow) < height_of(cc.chain)) {
        run.waited++;
        catch_up(run.slow, height_of(run.slow) + 1);
        verdict = judge_by(run.slow, block, false);
    }
    /* Only the key of a session may be known to one and not to the other, who then waits. */
    if (wanted == TN_CHAIN_BAD && verdict == TN_CHAIN_OK &&
        judge_by(run.slow, block, true) == TN_CHAIN_WAIT) {
        assert_string_equal(what, "a forced frame is not signed by its session");
        return;
    }
    if (verdict != wanted)
        print_message("height %u: %s, not %s\n", (unsigned)block->header->height, cc.fault.what,
                      what);
    assert_int_equal(verdict, wanted);
}

static void alter_header(struct tn_block_header *header)
{
    switch (below(8)) {
        case 0: header->exec_height++; return;
        case 1: header->exec_root.bytes[below(32)] ^= 1; return;
        case 2: header->time_ms -= below(3000); return;
        case 3: header->l1_cursor++; return;
        case 4: header->body_root.bytes[below(32)] ^= 1; return;
        case 5: header->flags ^= TN_BLOCK_EMPTY; return;
        case 6: header->batches_count++; return;
        default: header->exec_height -= header->exec_height > 0 ? 1 : 0; return;
    }
}

/* The body with one byte changed, or a batch moved, under a header that fits it. */
static void alter_body(struct line_block *made)
{
    struct tn_body_reader reader;
    struct tn_stream_fault fault;
    struct tn_body_builder builder;
    uint8_t *body = malloc(BODY_ROOM);
    assert_non_null(body);
    tn_stream_body_begin(&builder, body, BODY_ROOM);
    uint32_t count = made->header.batches_count, first = (uint32_t)below(count + 1);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_hash digest;
        memcpy(digest.bytes, made->body + 32 * (size_t)((i + first) % count), 32);
        if (below(8) != 0) (void)tn_stream_body_add_batch(&builder, &digest);
    }
    bool is_open =
        tn_stream_body_open(&reader, &fault, &made->header, made->body, made->header.body_size);
    assert_true(is_open);
    while (tn_stream_body_next(&reader, NULL, &fault, NULL) == TN_STREAM_ENTRY) {
        uint8_t *bytes = malloc(reader.item_size);
        assert_non_null(bytes);
        memcpy(bytes, reader.item_bytes, reader.item_size);
        if (below(3) == 0) bytes[1 + below(reader.item_size - 1)] ^= 1;
        if (below(4) != 0) {
            (void)tn_stream_body_add_item(&builder, bytes, reader.item_size, 1);
        }
        free(bytes);
    }
    tn_stream_body_end(&made->header, &builder);
    free(made->body);
    made->body = body;
    made->header.flags = made->header.body_size == 0 ? TN_BLOCK_EMPTY : 0;
}

static void try_altered(const struct line_block *made)
{
    struct line_block other = *made;
    other.body = malloc(BODY_ROOM);
    assert_non_null(other.body);
    memcpy(other.body, made->body, made->header.body_size);
    if (below(2) == 0)
        alter_header(&other.header);
    else
        alter_body(&other);
    cc_hash(&other);
    enum tn_chain_verdict verdict = judge_by(cc.chain, &other.block, false);
    if (verdict == TN_CHAIN_BAD) run.altered_bad++;
    if (verdict == TN_CHAIN_OK) run.altered_good++;
    if (verdict != TN_CHAIN_WAIT) expect_same_verdict(&other.block, verdict, cc.fault.what);
    free(other.body);
}

/* ---- The run ---- */

static void restore(void)
{
    struct tn_import_fault fault = {.what = "none"};
    struct tn_hash root;
    uint8_t *record = cc_room(ROOM);
    run.restored = cc_new_chain();
    for (uint32_t kind = 0; kind < TN_CHAIN_KINDS; kind++) {
        uint32_t count = tn_chain_records_count(cc.chain, (uint8_t)kind);
        for (uint32_t i = 0; i < count; i++) {
            size_t size = tn_chain_record(cc.chain, record, ROOM, (uint8_t)kind, i);
            if (size == 0) continue;
            assert_true(tn_chain_import(run.restored, &fault, (uint8_t)kind, i, record, size));
        }
    }
    assert_true(tn_chain_import_end(run.restored, &root, &fault));
    assert_true(tn_hash_equal(&root, &tn_chain_heads(cc.chain)->root));
    free(record);
}

static void keep(const struct line_block *made)
{
    struct line_block *kept = &run.history[made->header.height];
    *kept = *made;
    kept->body = malloc(made->header.body_size + 1);
    assert_non_null(kept->body);
    memcpy(kept->body, made->body, made->header.body_size);
    cc_hash(kept);
}

static void hide_some(bool is_hidden)
{
    for (uint32_t i = cc.pool_count > 4 ? cc.pool_count - 4 : 0; i < cc.pool_count; i++) {
        if (!is_hidden) cc.pool[i].is_hidden = false;
        if (is_hidden && below(6) == 0) cc.pool[i].is_hidden = true;
    }
}

static void step(void)
{
    for (uint64_t n = below(5); n > 0; n--)
        happen();
    hide_some(true);
    struct line_block *made = cc_propose((int64_t)below(60));
    hide_some(false);
    keep(made);
    try_altered(made);
    expect_same_verdict(&run.history[made->header.height].block, TN_CHAIN_OK, "good");
    while (cc.line_count > below(6)) {
        if (height_of(cc.chain) % 3 == 0) wc_check();
        cc_finalize();
        follow_leaders();
    }
    if (height_of(cc.chain) > height_of(run.slow) + 20 || below(8) == 0) {
        catch_up(run.slow, height_of(cc.chain) - below(3) % (height_of(cc.chain) + 1));
    }
    assert_true(height_of(run.slow) <= height_of(cc.chain));
}

static void test_chain_random_blocks_are_judged_and_executed_alike(void **state)
{
    (void)state;
    wc_open();
    run.slow = cc_new_chain();
    const struct tn_chain_listener listener = {.receipt = count_fills};
    tn_chain_tell(run.slow, &listener);
    for (uint32_t i = 0; i < MARKETS; i++)
        give_beginning(i + 1);
    for (uint64_t height = 1; height <= HEIGHTS; height++) {
        if (height == 2 || height == 12) { /* the second time for markets that were behind */
            for (uint32_t i = 0; i < MARKETS * TRADING; i++)
                cc_deposit(i / TRADING + 1, i % TRADING, START_CASH);
        }
        step();
        if (height == HEIGHTS / 2) restore();
    }
    while (cc.line_count > 0)
        cc_finalize();
    catch_up(run.slow, HEIGHTS);
    catch_up(run.restored, HEIGHTS);
    const struct tn_hash *root = &tn_chain_heads(cc.chain)->root;
    assert_true(tn_hash_equal(root, &tn_chain_heads(run.slow)->root));
    assert_true(tn_hash_equal(root, &tn_chain_heads(run.restored)->root));
    cc_expect_exact_root(run.restored);
    for (uint32_t i = 0; i < MARKETS; i++) {
        struct tn_market *market = tn_chain_market(cc.chain, i);
        tn_market_check(market);
        assert_true(tn_market_digest(market) == tn_market_digest(tn_chain_market(run.restored, i)));
        assert_true(tn_state_cash(tn_chain_state(cc.chain, i)) > 0);
    }
    const struct tn_chain_counters *counters = tn_chain_counters(cc.chain);
    print_message("%u batches, %u items, %u terms, %u wrong results; altered: %u bad, %u good\n",
                  (unsigned)counters->batches, (unsigned)counters->items, cc.terms_count,
                  (unsigned)counters->results_wrong, run.altered_bad, run.altered_good);
    assert_true(counters->batches > HEIGHTS / 2 && counters->items > HEIGHTS / 4);
    assert_true(run.altered_bad > HEIGHTS / 4 && run.altered_good > 0 && cc.terms_count > 0);
    assert_true(run.fills > 0 && wc.checked > HEIGHTS / 4 && wc.partial > 0);
}

static int close_run(void **state)
{
    for (uint64_t i = 0; i <= HEIGHTS; i++)
        free(run.history[i].body);
    free(run.slow);
    free(run.restored);
    wc_close();
    return cc_close(state);
}

int main(int argc, char **argv)
{
    (void)argc;
    run.random = test_seed(argv[0]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chain_random_blocks_are_judged_and_executed_alike,
                                        cc_open, close_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
