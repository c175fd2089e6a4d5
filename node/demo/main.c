/* tenor-demo: a scripted week on one BTC market, two makers and a taker.
 *
 * The script is a list of acts. Each feeds entries to the exchange and states what it believes will
 * come of them; when an answer differs the program says so and ends with 1. Nothing is random and
 * no clock is read, so two runs print the same bytes. */
#include "demo.h"

#include <stdio.h>
#include <string.h>

#define DOLLARS(amount) (INT64_C(amount) * 1000000)
/* A test builds the demo with a poor taker, to see it refused and the program end with 1. */
#ifndef TAKER_DEPOSIT_DOLLARS
#define TAKER_DEPOSIT_DOLLARS 500000
#endif
enum { LADDER_LABEL = 7, ICEBERG_ID = 101, BID_ID = 102, STOP_ID = 103 };

static void open_market(struct demo *demo)
{
    static const tn_micros deposits[ACCOUNTS_COUNT] = {DOLLARS(1000000), DOLLARS(1500000),
                                                       DOLLARS(TAKER_DEPOSIT_DOLLARS)};
    demo_block(demo, demo_time_ms(2026, 12, 18, 9, 0));
    demo_act(demo, "The market opens");
    demo_define_underlying(demo);
    demo_list_by_rule(demo, AT_OPEN);
    struct tn_entry perpetual = {.kind = TN_ENTRY_LIST,
                                 .as.list.series_id = demo_series("BTC-PERP")};
    demo_entry(demo, &perpetual);
    demo_mark_series(demo, AT_OPEN);
    demo_open_series(demo);
    for (uint32_t i = 0; i < ACCOUNTS_COUNT; i++) {
        struct tn_entry account = {.kind = TN_ENTRY_ACCOUNT};
        memset(account.as.account.owner, (int)(0xA0 + i), TN_OWNER_SIZE);
        demo_entry(demo, &account);
        struct tn_entry deposit = {.kind = TN_ENTRY_DEPOSIT,
                                   .as.deposit = {.account = i, .amount = deposits[i]}};
        demo_entry(demo, &deposit);
    }
    demo_print_balances(demo, "balances before any trade");
}

static void quote_chain(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "Two makers quote the whole chain");
    struct tn_command north = demo_protection(3), south = demo_protection(12);
    demo_frame(demo, NORTH, &north, 1);
    demo_frame(demo, SOUTH, &south, 1);
    demo_say(demo, "    protection  north freezes after 3 trades in 5 s, south after 12\n");
    demo_quote_all(demo, NORTH);
    demo_quote_all(demo, SOUTH);
    demo_ladder(demo, NORTH, "BTC-25DEC26-102000-C", LADDER_LABEL);
    demo_ladder(demo, SOUTH, "BTC-25DEC26-102000-C", LADDER_LABEL);
    demo_print_chain(demo);
}

static void take_liquidity(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "The taker trades: limit, replace, market");
    demo_say(demo, "  buy 3.0 calls at 2890: north offers 2.0, the rest waits in the book\n");
    struct tn_command bid = demo_limit("BTC-25DEC26-100000-C", TN_BUY, 2890, 3000);
    bid.client_id = BID_ID;
    demo_frame(demo, TAKER, &bid, 1);
    demo_expect(demo_result(demo)->quantity == 20 && demo_result(demo)->remaining == 10,
                "2.0 fill and 1.0 rests");

    demo_say(demo,
             "  the same command once more, as after a lost answer: the first result returns\n");
    demo_frame(demo, TAKER, &bid, 1);
    demo_expect(demo_result(demo)->duplicate == 1 && demo_result(demo)->quantity == 20 &&
                    demo->events_count == 1,
                "a resubmission repeats the first result and does nothing");

    demo_say(demo, "  less at the same price\n");
    struct tn_command replace = {.kind = TN_COMMAND_REPLACE,
                                 .as.replace = {.ref = {.client_id = BID_ID},
                                                .price = bid.as.terms[0].price,
                                                .quantity = 8}};
    demo_frame(demo, TAKER, &replace, 1);

    demo_say(demo, "  6.0 puts at market: the best ask first, then the next\n");
    struct tn_command market = demo_market("BTC-25DEC26-96000-P", TN_BUY, 6000);
    demo_frame(demo, TAKER, &market, 1);
    demo_expect(demo_result(demo)->quantity == 60 && demo_events_of(demo, TN_EVENT_TRADE) == 2,
                "the market order fills 6.0 at two makers");
}

static void show_iceberg(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "An iceberg, and self-trade prevention");
    demo_say(demo, "  sell 5.0 calls at 1970, showing 1.0\n");
    struct tn_command iceberg = demo_limit("BTC-25DEC26-102000-C", TN_SELL, 1970, 5000);
    iceberg.client_id = ICEBERG_ID;
    iceberg.as.terms[0].display = 10;
    demo_frame(demo, TAKER, &iceberg, 1);
    demo_print_book(demo, "BTC-25DEC26-102000-C");

    demo_say(demo, "  south buys 2.5 of it, immediate or cancel\n");
    struct tn_command buy = demo_limit("BTC-25DEC26-102000-C", TN_BUY, 1970, 2500);
    buy.as.terms[0].tif = TN_IOC;
    demo_frame(demo, SOUTH, &buy, 1);
    demo_expect(demo_events_of(demo, TN_EVENT_REFRESHED) == 2 && demo_result(demo)->quantity == 25,
                "the iceberg refreshes twice");

    demo_say(demo, "  the taker sells 1.5 into a book whose best bid is its own: that bid goes\n");
    struct tn_command sell = demo_limit("BTC-25DEC26-100000-C", TN_SELL, 2820, 1500);
    sell.as.terms[0].stp = TN_STP_CANCEL_MAKER;
    sell.as.terms[0].tif = TN_IOC;
    demo_frame(demo, TAKER, &sell, 1);
    demo_expect(demo_events_of(demo, TN_EVENT_CANCELLED) == 1 &&
                    demo_events_of(demo, TN_EVENT_TRADE) == 1 && demo_result(demo)->quantity == 15,
                "the own bid is cancelled and north buys");
}

static void show_refusals(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "What the exchange refuses");
    const char *name = "BTC-25DEC26-100000-C";
    struct tn_command command = demo_limit(name, TN_BUY, 9000, 1000);
    demo_say(demo, "  buy at three times the mark\n");
    demo_refuse(demo, TAKER, &command, TN_REJECT_PRICE_OUT_OF_BAND);

    demo_say(demo, "  buy more than there is money for\n");
    command = demo_limit(name, TN_BUY, 2800, 900000);
    demo_refuse(demo, TAKER, &command, TN_REJECT_MARGIN_SHORT);

    demo_say(demo, "  a post-only bid at the ask\n");
    command = demo_limit(name, TN_BUY, 2910, 1000);
    command.as.terms[0].post = TN_POST_REJECT;
    demo_refuse(demo, TAKER, &command, TN_REJECT_POST_ONLY_CROSSES);

    demo_say(demo, "  all of 20.0 or nothing\n");
    command = demo_limit(name, TN_BUY, 2910, 20000);
    command.as.terms[0].tif = TN_FOK;
    demo_refuse(demo, TAKER, &command, TN_REJECT_FILL_OR_KILL);

    demo_say(demo, "  a price between two ticks\n");
    command = demo_limit(name, TN_BUY, 2805, 1000);
    demo_refuse(demo, TAKER, &command, TN_REJECT_PRICE_OFF_TICK);

    demo_say(demo, "  an order that agrees to no fee above 0.01 %%\n");
    command = demo_limit(name, TN_BUY, 2800, 1000);
    command.as.terms[0].fee_max_ppm = 100;
    demo_refuse(demo, TAKER, &command, TN_REJECT_FEE_ABOVE_AGREED);
}

static void trip_protection(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "A maker's protection trips");
    demo_quote_all(demo, NORTH);
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < demo->events_count; i++) {
        if (demo->events[i].flags & TN_EVENT_KEPT_PLACE) kept_count++;
    }
    demo_say(demo, "    of these    %u sides were unchanged and kept their place\n", kept_count);
    demo_say(demo, "  the taker buys three strikes in one frame\n");
    struct tn_command sweep[3] = {demo_market("BTC-25DEC26-98000-C", TN_BUY, 1000),
                                  demo_market("BTC-25DEC26-100000-C", TN_BUY, 1000),
                                  demo_market("BTC-25DEC26-104000-C", TN_BUY, 1000)};
    demo_frame(demo, TAKER, sweep, 3);
    demo_expect(demo_events_of(demo, TN_EVENT_PROTECTED) == 1, "the third trade trips the group");

    demo_say(demo, "  north is frozen until it resets its group\n");
    struct tn_quote quote = {.series_id = demo_series("BTC-PERP"),
                             .bid_price = demo_ticks(demo_series("BTC-PERP"), 100000),
                             .ask_price = demo_ticks(demo_series("BTC-PERP"), 100080),
                             .bid_quantity = 1000,
                             .ask_quantity = 1000};
    struct tn_command again = {
        .kind = TN_COMMAND_MASS_QUOTE,
        .as.mass_quote = {
            .quotes = &quote, .quotes_count = 1, .fee_max_ppm = 500, .group = 1, .post_only = 1}};
    demo_refuse(demo, NORTH, &again, TN_REJECT_MMP_FROZEN);
    struct tn_command reset = {.kind = TN_COMMAND_MMP_RESET, .as.mmp_group = 1};
    demo_frame(demo, NORTH, &reset, 1);
    demo_quote_all(demo, NORTH);
}

static void rally(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "A stop waits, the market rallies");
    demo_say(demo, "  buy 2.0 calls at market once their mark reaches 2000\n");
    struct tn_command stop = demo_market("BTC-25DEC26-104000-C", TN_BUY, 2000);
    stop.client_id = STOP_ID;
    stop.as.terms[0].trigger = demo_ticks(stop.as.terms[0].series_id, 2000);
    demo_frame(demo, TAKER, &stop, 1);

    demo_say(demo,
             "  before the new marks everyone pulls: the taker its iceberg, the makers all\n");
    struct tn_command cancel = {.kind = TN_COMMAND_CANCEL, .as.cancel = {.client_id = ICEBERG_ID}};
    demo_frame(demo, TAKER, &cancel, 1);
    demo_pull(demo, NORTH, LADDER_LABEL);
    demo_pull(demo, SOUTH, LADDER_LABEL);
    demo_expect(tn_book_orders_count(tn_exchange_books(demo->exchange)) == 1,
                "after the mass cancels nothing is left but the stop");

    demo_block(demo, demo_time_ms(2026, 12, 18, 15, 0));
    demo_say(demo, "\n  %s: higher\n", demo_clock(demo->time_ms).text);
    demo_list_by_rule(demo, AT_RALLY);
    demo_mark_series(demo, AT_RALLY);
    demo_open_series(demo);
    demo_quote_all(demo, NORTH);
    demo_quote_all(demo, SOUTH);
    uint32_t fills_before = demo->fills_count;
    demo_expect(tn_exchange_work(demo->exchange), "the new mark makes the stop due");
    demo_sweep(demo, 64);
    demo_expect(demo->fills_count == fills_before + 1, "the stop buys from the best ask");
}

static void trade_packages(struct demo *demo)
{
    demo_block(demo, demo->time_ms + 10000);
    demo_act(demo, "A package, a block trade, a hedge");
    demo_say(demo, "  a call spread, 3 units of 1.0, at most 1500 net each, all or nothing\n");
    struct tn_command spread = {
        .kind = TN_COMMAND_PACKAGE,
        .as.package = {.legs = {{.series_id = demo_series("BTC-25DEC26-104000-C"), .quantity = 10},
                                {.series_id = demo_series("BTC-25DEC26-108000-C"),
                                 .quantity = 10,
                                 .side = TN_SELL}},
                       .legs_count = 2,
                       .units = 3,
                       .limit_micros = DOLLARS(1500),
                       .fee_max_ppm = 500,
                       .tif = TN_FOK}};
    demo_frame(demo, TAKER, &spread, 1);
    demo_expect(demo_result(demo)->quantity == 3, "three units of the spread trade");

    demo_say(demo, "  a collar agreed with south, off the book: future and put, 2.0 each\n");
    uint64_t future = demo_series("BTC-25DEC26"), put = demo_series("BTC-25DEC26-98000-P");
    struct tn_command block = {
        .kind = TN_COMMAND_BLOCK_TRADE,
        .as.block_trade = {
            .legs = {{.series_id = future, .price = demo_ticks(future, 103220), .quantity = 2000},
                     {.series_id = put, .price = demo_ticks(put, 1080), .quantity = 20}},
            .legs_count = 2,
            .counterparty = SOUTH,
            .counterparty_nonce = ++demo->nonces[SOUTH],
            .expires_ms = demo->time_ms + 1000,
            .fee_max_ppm = 500}};
    demo_frame(demo, TAKER, &block, 1);
    demo_expect(demo_events_of(demo, TN_EVENT_TRADE) == 2, "both legs of the block trade");

    demo_say(demo, "  and a market sale of 1.0 perpetual against the calls\n");
    struct tn_command hedge = demo_market("BTC-PERP", TN_SELL, 1000);
    demo_frame(demo, TAKER, &hedge, 1);
    demo_expect(demo_result(demo)->quantity == 1000, "the hedge fills");
    demo_print_chain(demo);
    demo_print_balances(demo, "balances after trading");
    demo_print_positions(demo);
}

static void last_hour(struct demo *demo)
{
    demo_block(demo, demo_time_ms(2026, 12, 25, 7, 0));
    demo_act(demo, "The last hour before expiry");
    struct tn_entry funding = {.kind = TN_ENTRY_FUNDING,
                               .as.funding = {.series_id = demo_series("BTC-PERP"),
                                              .index_delta = INT64_C(10000) * 1000000}};
    demo_entry(demo, &funding);
    demo_say(demo, "  funding of the perpetual: a cent per 0.001 BTC, from long to short\n");
    demo_sweep(demo, 64);
    demo_pull(demo, NORTH, LADDER_LABEL);
    demo_pull(demo, SOUTH, LADDER_LABEL);
    demo_mark_series(demo, AT_LAST_HOUR);
    demo_quote_all(demo, NORTH);
    demo_quote_all(demo, SOUTH);

    demo_block(demo, demo_time_ms(2026, 12, 25, 7, 59) + 30000);
    demo_say(demo, "  %s: too close to the end for an order\n", demo_clock(demo->time_ms).text);
    struct tn_command late = demo_limit("BTC-25DEC26-104000-C", TN_BUY, 300, 1000);
    demo_refuse(demo, TAKER, &late, TN_REJECT_SERIES_CLOSING);
    demo_print_balances(demo, "balances at the last marks");
}

static void settle(struct demo *demo)
{
    demo_block(demo, demo_time_ms(2026, 12, 25, 8, 0));
    demo_act(demo, "Expiry: 25DEC26 settles at 104300, in slices of 16 units");
    struct tn_entry price = {
        .kind = TN_ENTRY_SETTLE,
        .as.settle = {.underlying = UNDERLYING,
                      .expiry_day = tn_series_expiry_day(demo_series("BTC-25DEC26")),
                      .price_micros = DOLLARS(104300)}};
    demo_entry(demo, &price);
    demo_say(demo, "    %u series step to %s\n", demo_events_of(demo, TN_EVENT_STATUS),
             tn_status_name(TN_STATUS_SETTLING));
    uint32_t slices_count = demo_sweep(demo, 16);
    demo_say(demo, "    that took %u slices and cancelled %u quotes\n", slices_count,
             demo->settlement_cancels_count);
    demo_expect(slices_count > 1 && demo->settlement_cancels_count > 0,
                "settlement is sliced and cancels what rests");

    demo_say(demo, "\n  the taker buys its hedge back and takes money out\n");
    struct tn_command close = demo_market("BTC-PERP", TN_BUY, 1000);
    close.as.terms[0].reduce_only = 1;
    demo_frame(demo, TAKER, &close, 1);
    demo_expect(demo_result(demo)->quantity == 1000, "the perpetual is closed");
    struct tn_account_view view;
    tn_exchange_account(demo->exchange, &view, TAKER);
    struct tn_command withdraw = {.kind = TN_COMMAND_WITHDRAW,
                                  .as.money.amount = view.free_equity + 1};
    demo_refuse(demo, TAKER, &withdraw, TN_REJECT_CASH_SHORT);
    withdraw.as.money.amount = DOLLARS(400000);
    demo_frame(demo, TAKER, &withdraw, 1);
    demo_print_balances(demo, "balances after settlement");
    demo_print_positions(demo);
}

/* ---- The command line ---- */

static void print_usage(FILE *to)
{
    fputs("usage: tenor-demo [--quiet]\n\n"
          "Plays a scripted week on one BTC options market: two makers and a taker.\n\n"
          "  --quiet  print the summary only\n"
          "  --help   print this\n",
          to);
}

int main(int argc, char **argv)
{
    static struct demo demo;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quiet") == 0) {
            demo.quiet = true;
        } else if (strcmp(argv[i], "--help") == 0) {
            print_usage(stdout);
            return 0;
        } else {
            fprintf(stderr, "tenor-demo: unknown option '%s'\n", argv[i]);
            print_usage(stderr);
            return 2;
        }
    }
    demo_start(&demo);
    open_market(&demo);
    quote_chain(&demo);
    take_liquidity(&demo);
    show_iceberg(&demo);
    show_refusals(&demo);
    trip_protection(&demo);
    rally(&demo);
    trade_packages(&demo);
    last_hour(&demo);
    settle(&demo);
    demo_act(&demo, "The tape: every fill");
    demo_print_tape(&demo);
    demo_print_summary(&demo);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "tenor-demo: standard output could not be written\n");
        return 1;
    }
    return 0;
}
