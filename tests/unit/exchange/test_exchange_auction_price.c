/* The price of an uncross against the rule read literally (docs/specs/exchange.md §9): every book
 * of two bids and two asks in a shrunken world of four prices and two sizes, under two marks. */
#include "exchange_trace.h"

enum { LOWEST = 998, PRICES = 4, SIZES = 2, KINDS = PRICES * SIZES };

struct wish {
    tn_ticks price;
    tn_lots quantity;
};

static struct wish wish_of(uint32_t kind)
{
    return (struct wish){LOWEST + kind / SIZES, 1 + 2 * (kind % SIZES)};
}

static tn_lots reaching(const struct wish wishes[2], enum tn_side side, tn_ticks price)
{
    tn_lots sum = 0;
    for (int i = 0; i < 2; i++) {
        bool reaches = side == BUY ? wishes[i].price >= price : wishes[i].price <= price;
        if (reaches) sum += wishes[i].quantity;
    }
    return sum;
}

/* The best price of all, tried one by one from the lowest: a later one must be truly better. */
static tn_ticks price_by_rule(tn_lots *volume, const struct wish bids[2], const struct wish asks[2],
                              tn_micros mark)
{
    tn_ticks best = 0;
    tn_lots best_surplus = 0;
    tn_micros best_distance = 0;
    *volume = 0;
    for (tn_ticks price = LOWEST; price < LOWEST + PRICES; price++) {
        tn_lots bid = reaching(bids, BUY, price), ask = reaching(asks, SELL, price);
        tn_lots traded = bid < ask ? bid : ask, surplus = bid < ask ? ask - bid : bid - ask;
        tn_micros distance = price * TICK < mark ? mark - price * TICK : price * TICK - mark;
        if (traded == 0 || traded < *volume) continue;
        if (traded == *volume && surplus > best_surplus) continue;
        if (traded == *volume && surplus == best_surplus && distance >= best_distance) continue;
        best = price;
        best_surplus = surplus;
        best_distance = distance;
        *volume = traded;
    }
    return best;
}

static void try_book(const struct wish bids[2], const struct wish asks[2], tn_micros mark)
{
    struct tn_mark at = usual_mark(market.call, mark);
    apply_passing(marks_entry(&at, 1));
    set_status(market.call, TN_STATUS_HALTED);
    set_status(market.call, TN_STATUS_AUCTION);
    for (int i = 0; i < 2; i++) {
        place(ALICE, limit(SELL, market.call, asks[i].price, asks[i].quantity));
        place(BOB, limit(BUY, market.call, bids[i].price, bids[i].quantity));
    }
    apply_passing(uncross_entry(market.call));
    tn_lots volume;
    tn_ticks price = price_by_rule(&volume, bids, asks, mark);
    assert_int_equal(market.events[0].kind, TN_EVENT_UNCROSSED);
    assert_int_equal(market.events[0].price, price);
    assert_int_equal(market.events[0].quantity, volume);
    tn_lots before = lots_of(BOB, market.call);
    sweep(64);
    assert_int_equal(lots_of(BOB, market.call) - before, volume);
    for (uint32_t i = 0; i + 1 < market.count; i++) /* nobody is cancelled, then it is active */
        assert_int_equal(market.events[i].kind, TN_EVENT_TRADE);
    assert_int_equal(series_view(market.call).status, TN_STATUS_ACTIVE);
    pass(ALICE, mass_cancel((struct tn_mass_cancel){.by = 0}));
    pass(BOB, mass_cancel((struct tn_mass_cancel){.by = 0}));
}

static void try_all_books(tn_micros mark)
{
    for (uint32_t b = 0; b < KINDS * KINDS; b++) {
        for (uint32_t a = 0; a < KINDS * KINDS; a++) {
            if (b / KINDS > b % KINDS || a / KINDS > a % KINDS) continue; /* each pair once */
            const struct wish bids[2] = {wish_of(b / KINDS), wish_of(b % KINDS)};
            const struct wish asks[2] = {wish_of(a / KINDS), wish_of(a % KINDS)};
            try_book(bids, asks, mark);
        }
    }
}

static void test_exchange_uncross_price_agrees_with_the_rule_on_every_small_book(void **state)
{
    (void)state;
    try_all_books(999 * TICK + TICK / 2); /* between two prices: ties go to the lower */
}

static void test_exchange_uncross_price_agrees_with_the_rule_for_a_mark_outside(void **state)
{
    (void)state;
    try_all_books(1005 * TICK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_exchange_uncross_price_agrees_with_the_rule_on_every_small_book),
        STORY(test_exchange_uncross_price_agrees_with_the_rule_for_a_mark_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
