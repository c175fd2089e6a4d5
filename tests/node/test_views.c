/* Answers to clients' questions, each read back by the strict reader and compared with what the
 * exchange, the market and the chain say themselves. */
#include "views_case.h" /* before limits.h, which has a LINE_MAX of its own */

#include "cluster/proofs.h"
#include "cluster/views.h"
#include "tenor/proof.h"

static struct {
    struct views *views;
    struct views_world world;
    struct wire_arena arena;
    struct tn_public_key key;
    struct views_proof proof;
    enum views_outcome outcome;
} test;

static const char *clients_of(void *context, const struct tn_public_key *key)
{
    (void)context;
    return tn_public_key_equal(key, &test.key) ? "127.0.0.1:7500" : NULL;
}

static int open_views(void **state)
{
    cc_open(state);
    story_open();
    story_trade();
    memset(&test, 0, sizeof test);
    test.views = views_make();
    assert_non_null(test.views);
    wire_arena_init(&test.arena, cc_room(WIRE_FROM_NODE_ARENA_BYTES), WIRE_FROM_NODE_ARENA_BYTES);
    test.key = cc_key(1);
    test.world = (struct views_world){
        .chain = cc.chain, .own_key = &test.key, .final_height = 77, .clients_of = clients_of};
    return 0;
}

static int close_views(void **state)
{
    views_free(test.views);
    free(test.arena.memory);
    return cc_close(state);
}

/* ---- Asking ------------------------------------------------------------------------------------
 */

static const Tenor__V1__FromNode *read_answer(const uint8_t *bytes, size_t size)
{
    Tenor__V1__FromNode *answer;
    struct wire_fault fault;
    bool is_read = wire_read_from_node(&test.arena, &answer, &fault, bytes, size);
    if (!is_read) print_error("%s\n", fault.text);
    assert_true(is_read);
    return answer;
}

static const Tenor__V1__FromNode *ask(Tenor__V1__ToNode *question)
{
    static uint8_t bytes[WIRE_LENGTH_BYTES + WIRE_TO_NODE_BYTES_MAX];
    const uint8_t *answer;
    size_t answer_size;
    question->request = 4242;
    const size_t size = wire_write_to_node(bytes, sizeof bytes, question);
    assert_true(size > WIRE_LENGTH_BYTES && size <= sizeof bytes);
    const uint64_t digest = tn_market_digest(tn_chain_market(cc.chain, PLACE));
    test.outcome = views_answer(test.views, &answer, &answer_size, &test.proof, &test.world,
                                bytes + WIRE_LENGTH_BYTES, size - WIRE_LENGTH_BYTES);
    assert_true(tn_market_digest(tn_chain_market(cc.chain, PLACE)) == digest);
    if (test.outcome == VIEWS_PROOF) return NULL;
    const Tenor__V1__FromNode *read = read_answer(answer, answer_size);
    assert_true(read->request == 4242);
    return read;
}

/* All bodies are pointers in one union. */
static const Tenor__V1__FromNode *ask_body(Tenor__V1__ToNode__BodyCase body, void *question)
{
    Tenor__V1__ToNode to = TENOR__V1__TO_NODE__INIT;
    to.body_case = body;
    to.get_cluster = question;
    return ask(&to);
}

#define BODY(name) TENOR__V1__TO_NODE__BODY_GET_##name

static void expect_error(const Tenor__V1__FromNode *answer, enum wire_error code)
{
    assert_int_equal(answer->body_case, TENOR__V1__FROM_NODE__BODY_ERROR);
    assert_int_equal(answer->error->code, code);
    assert_true(strlen(answer->error->text) > 0);
}

static Tenor__V1__Account *ask_account(uint32_t account)
{
    Tenor__V1__GetAccount question = TENOR__V1__GET_ACCOUNT__INIT;
    question.market = MARKET;
    question.account = account;
    const Tenor__V1__FromNode *answer = ask_body(BODY(ACCOUNT), &question);
    assert_int_equal(answer->body_case, TENOR__V1__FROM_NODE__BODY_ACCOUNT);
    return answer->account;
}

/* ---- Tests -------------------------------------------------------------------------------------
 */

static void test_an_account_is_told_as_the_exchange_has_it(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < 2; number++) {
        const Tenor__V1__Account *account = ask_account(number);
        struct tn_account_view view;
        assert_true(tn_exchange_account(story_exchange(), &view, number));
        assert_true(account->exists);
        assert_int_equal(account->cash_micros, view.cash);
        assert_int_equal(account->free_micros, view.free_equity);
        assert_int_equal(account->initial_micros, view.reserved);
        assert_int_equal(account->equity_micros, view.free_equity + view.reserved);
        assert_int_equal(account->maintenance_micros, 0);
        assert_int_equal(account->orders_count, view.orders_count);
        assert_true(account->nonce_top == view.nonce_top);
        assert_true(account->block == tn_chain_heads(cc.chain)->height);
        assert_memory_equal(account->owner.data, view.owner, TN_OWNER_SIZE);
        assert_int_equal(account->n_positions, 2);
        tn_micros sum = view.cash;
        for (size_t i = 0; i < account->n_positions; i++) {
            const Tenor__V1__Position *position = account->positions[i];
            const struct tn_position held =
                tn_exchange_position(story_exchange(), number, position->series_id);
            assert_int_equal(position->quantity, held.quantity);
            assert_int_equal(position->cost_micros, held.cost);
            assert_true(held.quantity != 0);
            /* Nobody is deleveraged where there is no margin engine. */
            assert_true(position->adl_rank == 0 && position->adl_place == 0);
            if (!tn_series_is_option(position->series_id)) sum += position->value_micros;
        }
        assert_true(account->positions[0]->series_id < account->positions[1]->series_id);
        assert_int_equal(sum, account->equity_micros);
        assert_int_equal(account->n_sessions, 1);
        struct tn_session session;
        assert_true(tn_market_session(tn_chain_market(cc.chain, PLACE), &session,
                                      account->sessions[0]->session));
        assert_int_equal(session.account, number);
        assert_memory_equal(account->sessions[0]->key.data, session.key.bytes, 33);
        assert_int_equal(account->sessions[0]->scope, TN_SCOPE_ALL);
    }
    assert_false(ask_account(2)->exists);
}

static void test_an_unknown_market_is_an_error_that_names_it(void **state)
{
    (void)state;
    Tenor__V1__GetAccount account = TENOR__V1__GET_ACCOUNT__INIT;
    Tenor__V1__GetOrders orders = TENOR__V1__GET_ORDERS__INIT;
    Tenor__V1__GetChain chain = TENOR__V1__GET_CHAIN__INIT;
    Tenor__V1__GetSession session = TENOR__V1__GET_SESSION__INIT;
    Tenor__V1__GetLiquidations liquidations = TENOR__V1__GET_LIQUIDATIONS__INIT;
    Tenor__V1__GetMargin margin = TENOR__V1__GET_MARGIN__INIT;
    Tenor__V1__GetProof proof = TENOR__V1__GET_PROOF__INIT;
    account.market = orders.market = chain.market = session.market = 99;
    liquidations.market = margin.market = proof.market = 99;
    expect_error(ask_body(BODY(ACCOUNT), &account), WIRE_ERROR_MARKET_UNKNOWN);
    expect_error(ask_body(BODY(ORDERS), &orders), WIRE_ERROR_MARKET_UNKNOWN);
    expect_error(ask_body(BODY(CHAIN), &chain), WIRE_ERROR_MARKET_UNKNOWN);
    expect_error(ask_body(BODY(SESSION), &session), WIRE_ERROR_MARKET_UNKNOWN);
    expect_error(ask_body(BODY(LIQUIDATIONS), &liquidations), WIRE_ERROR_MARKET_UNKNOWN);
    expect_error(ask_body(BODY(MARGIN), &margin), WIRE_ERROR_MARKET_UNKNOWN);
    expect_error(ask_body(BODY(PROOF), &proof), WIRE_ERROR_MARKET_UNKNOWN);
    orders.market = 1;
    orders.account = margin.account = 2;
    margin.market = 1;
    expect_error(ask_body(BODY(ORDERS), &orders), WIRE_ERROR_ACCOUNT_UNKNOWN);
    expect_error(ask_body(BODY(MARGIN), &margin), WIRE_ERROR_ACCOUNT_UNKNOWN);
}

static void test_orders_come_as_they_stand_with_stops_and_what_is_hidden(void **state)
{
    (void)state;
    Tenor__V1__GetOrders question = TENOR__V1__GET_ORDERS__INIT;
    question.market = MARKET;
    const Tenor__V1__Orders *orders = ask_body(BODY(ORDERS), &question)->orders;
    struct tn_order_view views[16];
    uint32_t count = tn_exchange_orders_of(story_exchange(), views, 16, 0, 0);
    assert_int_equal(orders->n_orders, count);
    assert_int_equal(count, 5);
    assert_false(orders->more);
    uint32_t stops = 0, icebergs = 0;
    for (uint32_t i = 0; i < count; i++) {
        const Tenor__V1__Order *order = orders->orders[i];
        assert_true(order->order_id == views[i].order_id);
        assert_true(order->series_id == views[i].series_id);
        assert_int_equal(order->price, views[i].price);
        assert_int_equal(order->quantity, views[i].open);
        assert_int_equal(order->side == TENOR__V1__SIDE__BUY, views[i].side == TN_BUY);
        assert_int_equal(order->label, views[i].label);
        stops += order->is_stop != 0;
        icebergs += order->client_id == 11 && order->quantity == 9;
    }
    assert_int_equal(stops, 1);
    assert_int_equal(icebergs, 1);
    question.after_order_id = views[2].order_id;
    orders = ask_body(BODY(ORDERS), &question)->orders;
    assert_int_equal(orders->n_orders, count - 3);
    assert_true(orders->orders[0]->order_id == views[3].order_id);
}

static void test_a_chain_has_each_option_with_best_prices_and_greeks(void **state)
{
    (void)state;
    Tenor__V1__GetChain question = TENOR__V1__GET_CHAIN__INIT;
    question.market = MARKET;
    question.underlying = 1;
    const Tenor__V1__Chain *chain = ask_body(BODY(CHAIN), &question)->chain;
    assert_int_equal(chain->n_expiry_days, 1);
    assert_int_equal(chain->expiry_day, chain->expiry_days[0]);
    const int64_t expiry_ms = tn_series_expiry_ms(story_call);
    assert_int_equal(chain->expiry_day, expiry_ms / TN_MS_PER_DAY); /* days since 1970 */
    assert_int_equal(chain->n_rows, 2);
    assert_int_equal(chain->forward_micros, 100000 * DOLLAR);
    const Tenor__V1__Ticker *call = chain->rows[0], *put = chain->rows[1];
    assert_true(call->series_id == story_call && put->series_id == story_put);
    assert_string_equal(call->name, "BTC-25DEC26-100000-C");
    assert_int_equal(call->bid_price, 900);
    assert_int_equal(call->bid_quantity, 7);
    assert_int_equal(call->ask_quantity, 0);
    assert_int_equal(call->open_interest, 3);
    assert_int_equal(call->mark_micros, OPTION_MARK);
    assert_int_equal(put->ask_price, 1100);
    assert_int_equal(put->ask_quantity, 4); /* what the iceberg shows */
    assert_int_equal(put->bid_price, 1000);
    assert_int_equal(put->band_low, 500);
    assert_int_equal(put->band_high, 1500);
    const struct tn_option option = {.forward_micros = 100000 * DOLLAR,
                                     .strike_micros = 100000 * DOLLAR,
                                     .left_ms = expiry_ms - tn_exchange_time_ms(story_exchange())};
    struct tn_greeks greeks;
    tn_pricing_greeks(&greeks, &option);
    assert_int_equal(call->delta_ppb, greeks.delta_ppb);
    question.expiry_day = chain->expiry_day + 1;
    expect_error(ask_body(BODY(CHAIN), &question), WIRE_ERROR_EXPIRY_UNKNOWN);
    question.underlying = 2;
    expect_error(ask_body(BODY(CHAIN), &question), WIRE_ERROR_UNDERLYING_UNKNOWN);
}

static void test_an_owner_is_told_the_accounts_that_the_exchange_has(void **state)
{
    (void)state;
    struct tn_address owner = cc_address(KEY_OWNER + 1);
    Tenor__V1__GetOwner question = TENOR__V1__GET_OWNER__INIT;
    question.market = MARKET;
    question.owner = (ProtobufCBinaryData){.len = TN_OWNER_SIZE, .data = owner.bytes};
    const Tenor__V1__Owner *answer = ask_body(BODY(OWNER), &question)->owner;
    assert_int_equal(answer->n_accounts, 1);
    assert_int_equal(answer->accounts[0], 1);
    assert_memory_equal(answer->owner.data, owner.bytes, TN_OWNER_SIZE);
    owner.bytes[0] ^= 1;
    assert_int_equal(ask_body(BODY(OWNER), &question)->owner->n_accounts, 0);
    question.after_account = 1;
    expect_error(ask_body(BODY(OWNER), &question), WIRE_ERROR_ACCOUNT_UNKNOWN);
    question.after_account = UINT32_MAX;
    expect_error(ask_body(BODY(OWNER), &question), WIRE_ERROR_ACCOUNT_UNKNOWN);
}

enum { OWNED = 600 };

/* Every third account is his, in a market that has room for them. */
static void open_many(const uint8_t owner[TN_OWNER_SIZE])
{
    free(cc.chain);
    cc.limits.markets[PLACE].exchange.accounts_max = 3 * OWNED;
    test.world.chain = cc.chain = cc_new_chain();
    for (uint32_t i = 0; i < 3 * OWNED; i++) {
        struct tn_entry open = {.kind = TN_ENTRY_ACCOUNT};
        tn_put_be(open.as.account.owner, i + 1, 4);
        if (i % 3 == 0) memcpy(open.as.account.owner, owner, TN_OWNER_SIZE);
        tn_exchange_apply(story_exchange(), cc.scratch.events, cc.scratch.events_max, &open);
    }
    assert_int_equal(tn_exchange_accounts_count(story_exchange()), 3 * OWNED);
}

static void test_an_owners_many_accounts_come_in_pages(void **state)
{
    (void)state;
    struct tn_address owner = cc_address(KEY_OWNER);
    Tenor__V1__GetOwner question = TENOR__V1__GET_OWNER__INIT;
    static const uint32_t pages[] = {256, 256, OWNED - 512};
    uint32_t account = 0;
    open_many(owner.bytes);
    question.market = MARKET;
    question.owner = (ProtobufCBinaryData){.len = TN_OWNER_SIZE, .data = owner.bytes};
    for (uint32_t page = 0; page < 3; page++) {
        const Tenor__V1__Owner *answer = ask_body(BODY(OWNER), &question)->owner;
        assert_int_equal(answer->n_accounts, pages[page]);
        assert_int_equal(answer->more != 0, page < 2);
        for (uint32_t i = 0; i < pages[page]; i++, account += 3)
            assert_int_equal(answer->accounts[i], account);
        question.after_account = answer->accounts[pages[page] - 1];
    }
    assert_int_equal(ask_body(BODY(OWNER), &question)->owner->n_accounts, 0);
}

static void test_margin_after_a_trial_is_margin_after_the_trade(void **state)
{
    (void)state;
    Tenor__V1__Trial trial = TENOR__V1__TRIAL__INIT, *trials[] = {&trial};
    Tenor__V1__GetMargin question = TENOR__V1__GET_MARGIN__INIT;
    question.market = MARKET;
    question.account = 1;
    question.trials = trials;
    question.n_trials = 1;
    trial.series_id = PERP;
    trial.position = -5;
    trial.price = 99900;
    const Tenor__V1__Margin *margin = ask_body(BODY(MARGIN), &question)->margin;
    const int64_t wanted = margin->after->equity_micros, before = margin->before->equity_micros;
    assert_string_equal(margin->refused, "");
    assert_int_equal(ask_account(1)->equity_micros, before);
    assert_true(wanted != before);
    story_limit(0, TN_BUY, PERP, 99900, 3);
    story_limit(1, TN_SELL, PERP, 99900, 5);
    assert_int_equal(ask_account(1)->equity_micros, wanted);
    trial.position = 99000; /* of the call: more than she has */
    trial.series_id = story_call;
    trial.price = 1500;
    margin = ask_body(BODY(MARGIN), &question)->margin;
    assert_true(margin->shortfall_micros > 0);
    assert_non_null(strstr(margin->refused, "MARGIN_SHORT"));
    trial.series_id = PERP + 1;
    margin = ask_body(BODY(MARGIN), &question)->margin;
    assert_non_null(strstr(margin->refused, "trials[0]"));
    assert_int_equal(margin->after->equity_micros, margin->before->equity_micros);
}

static bool find_block(void *context, struct tn_sequencer_block *block, uint64_t height)
{
    static struct tn_block_header header;
    (void)context;
    if (height != 1) return false;
    header = (struct tn_block_header){.height = 1, .view = 9, .time_ms = 5, .batches_count = 3};
    *block = (struct tn_sequencer_block){.header = &header, .hash = {{7}}};
    return true;
}

static void test_the_last_block_is_told_with_its_root_and_the_heads_of_the_markets(void **state)
{
    (void)state;
    const struct tn_chain_heads *heads = tn_chain_heads(cc.chain);
    Tenor__V1__GetBlock question = TENOR__V1__GET_BLOCK__INIT;
    const Tenor__V1__Block *block = ask_body(BODY(BLOCK), &question)->block;
    assert_true(block->exists && block->height == heads->height);
    assert_memory_equal(block->hash.data, heads->block_hash.bytes, TN_HASH_SIZE);
    assert_memory_equal(block->root.data, heads->root.bytes, TN_HASH_SIZE);
    assert_true(block->time_ms == heads->block.time_ms && block->view == heads->block.view);
    assert_int_equal(block->n_markets, MARKETS);
    for (uint32_t i = 0; i < MARKETS; i++) {
        const Tenor__V1__MarketHead *head = block->markets[i];
        assert_int_equal(head->market, i + 1);
        assert_int_equal(head->term, heads->streams[i].term);
        assert_true(head->sequence == heads->streams[i].sequence);
        assert_true(head->cursor == tn_market_cursor(tn_chain_market(cc.chain, i)));
        struct tn_public_key key;
        uint16_t id;
        assert_true(tn_registry_leader(tn_chain_registry(cc.chain), &id, &key, i + 1, head->term));
        assert_true(tn_public_key_equal(
            &key, &tn_registry_set(tn_chain_registry(cc.chain), 0)->members[head->leader - 1].key));
    }
    question.height = 1;
    assert_false(ask_body(BODY(BLOCK), &question)->block->exists); /* nobody kept it */
    test.world.find_block = find_block;
    block = ask_body(BODY(BLOCK), &question)->block;
    struct tn_hash root;
    assert_true(tn_chain_root_at(cc.chain, &root, 1));
    assert_true(block->exists && block->view == 9 && block->batches == 3);
    assert_memory_equal(block->root.data, root.bytes, TN_HASH_SIZE);
    assert_int_equal(block->hash.data[0], 7);
    question.height = heads->height + 1;
    assert_false(ask_body(BODY(BLOCK), &question)->block->exists);
}

static void test_the_cluster_names_its_nodes_and_the_numbers_to_go_on_from(void **state)
{
    (void)state;
    Tenor__V1__GetCluster question = TENOR__V1__GET_CLUSTER__INIT;
    const Tenor__V1__Cluster *cluster = ask_body(BODY(CLUSTER), &question)->cluster;
    assert_memory_equal(cluster->chain_id.data, cc.limits.chain_id, 32);
    assert_int_equal(cluster->n_nodes, VALIDATORS);
    uint32_t own = 0;
    for (size_t i = 0; i < cluster->n_nodes; i++) {
        const Tenor__V1__Node *node = cluster->nodes[i];
        assert_int_equal(node->index, i);
        assert_int_equal(node->weight, 1);
        bool is_own = memcmp(node->key.data, test.key.bytes, 33) == 0;
        assert_int_equal(node->is_this != 0, is_own);
        assert_string_equal(node->clients, is_own ? "127.0.0.1:7500" : "");
        own += is_own;
    }
    assert_int_equal(own, 1);
    assert_true(cluster->governance_number == cc.governance);
    assert_true(cluster->deposit_number == cc.deposits);
    assert_true(cluster->height == tn_chain_heads(cc.chain)->height);
    assert_int_equal(cluster->final_height, 77);
}

static void test_a_session_is_told_with_its_key_or_as_unknown(void **state)
{
    (void)state;
    Tenor__V1__GetSession question = TENOR__V1__GET_SESSION__INIT;
    const struct tn_public_key key = cc_key(KEY_SESSION + 1);
    question.market = MARKET;
    question.session = UINT64_C(2) << 32 | 1;
    const Tenor__V1__Session *session = ask_body(BODY(SESSION), &question)->session;
    assert_true(session->exists);
    assert_int_equal(session->account, 1);
    assert_memory_equal(session->key.data, key.bytes, sizeof key.bytes);
    assert_true(session->expires_ms == (uint64_t)(START_MS + TN_MS_PER_DAY));
    question.session++;
    assert_false(ask_body(BODY(SESSION), &question)->session->exists);
}

/* ---- The ends of epochs ------------------------------------------------------------------------
 */

enum { KEPT_FROM = 3, KEPT_END = 90, KEPT_BYTES = 150000, KEPT_LARGE = 80 };

static uint32_t members_of_all; /* 0: sets of one and of two */

static uint32_t members_of(uint64_t number)
{
    return members_of_all > 0 ? members_of_all : 1 + (uint32_t)(number % 2);
}

/* Epochs 3 to 89, those from 80 on with long handovers. */
static bool find_epoch(void *context, struct sync_epoch *epoch, uint64_t number)
{
    static uint8_t handover[KEPT_BYTES], set_bytes[SYNC_SET_MAX];
    static struct tn_validators set;
    struct tn_validator members[TN_VALIDATORS_MAX];
    (void)context;
    if (number < KEPT_FROM || number >= KEPT_END) return false;
    for (uint16_t i = 0; i < members_of(number); i++)
        members[i] = (struct tn_validator){.key = cc_key(i + 1), .id = i, .weight = number + i};
    assert_true(tn_validators_make(&set, number + 1, 1, members, members_of(number)));
    memset(handover, (int)number, sizeof handover);
    *epoch = (struct sync_epoch){.epoch = number,
                                 .handover = handover,
                                 .handover_size = number < KEPT_LARGE ? 10 : KEPT_BYTES,
                                 .set = set_bytes,
                                 .set_size = sync_write_set(set_bytes, &set)};
    return true;
}

/* Takes the ends from `at` on apart; how many there were. */
static uint64_t check_ends(uint64_t number, const uint8_t *at, size_t size)
{
    uint64_t count = 0;
    for (; size > 0; number++, count++) {
        const size_t members = members_of(number), handover = number < KEPT_LARGE ? 10 : KEPT_BYTES;
        const struct tn_address address = cc_address(1);
        assert_int_equal(tn_get_be(at, 4), handover + 2 + members * 28);
        assert_int_equal(at[4], number);
        assert_int_equal(at[3 + handover], number);
        assert_int_equal(tn_get_be(at + 4 + handover, 2), members);
        assert_memory_equal(at + 6 + handover, address.bytes, TN_ADDRESS_SIZE);
        assert_int_equal(tn_get_be(at + 26 + handover, 8), number);
        size -= 4 + (size_t)tn_get_be(at, 4);
        at += 4 + (size_t)tn_get_be(at, 4);
    }
    return count;
}

static void test_ends_of_epochs_come_as_many_as_fit_and_go_on(void **state)
{
    (void)state;
    Tenor__V1__GetHandovers question = TENOR__V1__GET_HANDOVERS__INIT;
    static const struct {
        uint64_t from, count;
    } cases[] = {{0, 0},  {2, 0},  {3, 64}, {67, 13 + 5},   {80, 5},
                 {85, 5}, {89, 1}, {90, 0}, {UINT64_MAX, 0}};
    const Tenor__V1__Handovers *found = ask_body(BODY(HANDOVERS), &question)->handovers;
    assert_true(found->next == 0 && found->ends.len == 0); /* nobody to ask */
    test.world.find_epoch = find_epoch;
    test.world.signatures = &cc.signatures;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        question.epoch = cases[i].from;
        found = ask_body(BODY(HANDOVERS), &question)->handovers;
        assert_true(found->epoch == cases[i].from);
        assert_true(found->next == cases[i].from + cases[i].count);
        assert_int_equal(check_ends(found->epoch, found->ends.data, found->ends.len),
                         cases[i].count);
    }
}

/* 64 of them in one answer would be 6 400 addresses, made by the thread that also votes. */
static void test_ends_of_epochs_of_large_sets_come_a_few_at_a_time(void **state)
{
    (void)state;
    Tenor__V1__GetHandovers question = TENOR__V1__GET_HANDOVERS__INIT;
    static const struct {
        uint32_t members, count;
    } cases[] = {{1, 64}, {4, 64}, {40, 6}, {64, 4}, {65, 3}, {100, 2}};
    test.world.find_epoch = find_epoch;
    test.world.signatures = &cc.signatures;
    question.epoch = KEPT_FROM;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        members_of_all = cases[i].members;
        const Tenor__V1__Handovers *found = ask_body(BODY(HANDOVERS), &question)->handovers;
        assert_int_equal(found->next, KEPT_FROM + cases[i].count);
        assert_int_equal(check_ends(found->epoch, found->ends.data, found->ends.len),
                         cases[i].count);
    }
    members_of_all = 0;
}

static void test_bytes_that_are_no_question_are_answered_by_an_error(void **state)
{
    (void)state;
    const uint8_t *answer;
    size_t size;
    const uint8_t garbage[] = {0xff, 0xff, 0xff};
    views_answer(test.views, &answer, &size, &test.proof, &test.world, garbage, sizeof garbage);
    expect_error(read_answer(answer, size), WIRE_ERROR_MALFORMED);
    Tenor__V1__GetBook book = TENOR__V1__GET_BOOK__INIT;
    expect_error(ask_body(BODY(BOOK), &book), WIRE_ERROR_NO_BODY); /* is the gateway's */
}

/* ---- Proofs ------------------------------------------------------------------------------------
 */

static struct {
    uint32_t count;
    struct proofs_done last;
    uint8_t proof[1 << 14];
} got;

static void take_done(void *context, const struct proofs_done *done)
{
    (void)context;
    got.count++;
    got.last = *done;
    assert_true(done->proof_size <= sizeof got.proof);
    if (done->proof_size > 0) memcpy(got.proof, done->proof, done->proof_size);
}

static void ask_for_proof(uint32_t account, uint64_t series)
{
    Tenor__V1__GetProof question = TENOR__V1__GET_PROOF__INIT;
    question.market = MARKET;
    question.account = account;
    question.series_id = series;
    assert_null(ask_body(BODY(PROOF), &question));
    assert_int_equal(test.outcome, VIEWS_PROOF);
    assert_true(test.proof.request == 4242);
}

/* Blocks up to the next checkpoint, as the loop hands them on. */
static struct tn_checkpoint pass_to_checkpoint(struct proofs *proofs)
{
    struct tn_checkpoint checkpoint;
    do {
        cc_pass(BLOCK_MS);
        proofs_executed(proofs, cc.chain);
    } while (!tn_chain_checkpoint(cc.chain, &checkpoint));
    return checkpoint;
}

static void test_a_proof_holds_against_the_next_certified_checkpoint(void **state)
{
    (void)state;
    struct proofs *proofs = proofs_make(take_done, NULL);
    memset(&got, 0, sizeof got);
    ask_for_proof(1, 0);
    assert_true(proofs_ask(proofs, 5, &test.proof, 0));
    ask_for_proof(0, story_call);
    assert_true(proofs_ask(proofs, 6, &test.proof, 0));
    const struct tn_checkpoint checkpoint = pass_to_checkpoint(proofs);
    assert_int_equal(got.count, 0);         /* it is not certified yet */
    story_limit(0, TN_BUY, PERP, 99000, 1); /* and the state goes on */
    proofs_executed(proofs, cc.chain);
    proofs_certified(proofs, &checkpoint, (const uint8_t *)"cert", 4);
    assert_int_equal(got.count, 2);
    assert_true(got.last.height == checkpoint.height && got.last.request == 4242);
    assert_memory_equal(got.last.certificate, "cert", 4);
    struct tn_proof_claim claim;
    struct tn_proof_fault fault;
    assert_true(
        tn_proof_verify(&claim, &fault, got.proof, got.last.proof_size, &checkpoint.state_root));
    assert_false(tn_hash_equal(&checkpoint.state_root, &tn_chain_heads(cc.chain)->root));
    proofs_free(proofs);
}

static void test_no_more_proofs_wait_than_there_is_room_for_and_none_for_ever(void **state)
{
    (void)state;
    struct proofs *proofs = proofs_make(take_done, NULL);
    memset(&got, 0, sizeof got);
    ask_for_proof(0, 0);
    for (uint32_t i = 0; i < PROOFS_MAX; i++)
        assert_true(proofs_ask(proofs, i, &test.proof, i));
    assert_false(proofs_ask(proofs, 99, &test.proof, 0));
    proofs_turn(proofs, PROOFS_WAIT_US - 1);
    assert_int_equal(got.count, 0);
    proofs_turn(proofs, PROOFS_WAIT_US);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.last.height, 0);
    assert_true(proofs_ask(proofs, 99, &test.proof, 0));
    proofs_drop_all(proofs);
    assert_int_equal(got.count, 1 + PROOFS_MAX);
    proofs_free(proofs);
}

#define VIEWS_STORY(test) cmocka_unit_test_setup_teardown(test, open_views, close_views)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEWS_STORY(test_an_account_is_told_as_the_exchange_has_it),
        VIEWS_STORY(test_an_unknown_market_is_an_error_that_names_it),
        VIEWS_STORY(test_orders_come_as_they_stand_with_stops_and_what_is_hidden),
        VIEWS_STORY(test_a_chain_has_each_option_with_best_prices_and_greeks),
        VIEWS_STORY(test_an_owner_is_told_the_accounts_that_the_exchange_has),
        VIEWS_STORY(test_an_owners_many_accounts_come_in_pages),
        VIEWS_STORY(test_margin_after_a_trial_is_margin_after_the_trade),
        VIEWS_STORY(test_the_last_block_is_told_with_its_root_and_the_heads_of_the_markets),
        VIEWS_STORY(test_the_cluster_names_its_nodes_and_the_numbers_to_go_on_from),
        VIEWS_STORY(test_a_session_is_told_with_its_key_or_as_unknown),
        VIEWS_STORY(test_ends_of_epochs_come_as_many_as_fit_and_go_on),
        VIEWS_STORY(test_ends_of_epochs_of_large_sets_come_a_few_at_a_time),
        VIEWS_STORY(test_bytes_that_are_no_question_are_answered_by_an_error),
        VIEWS_STORY(test_a_proof_holds_against_the_next_certified_checkpoint),
        VIEWS_STORY(test_no_more_proofs_wait_than_there_is_room_for_and_none_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
