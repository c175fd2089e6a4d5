/* import_book: BOOK read back: each order is checked against the rules by which it could have come
 * to stand there, and takes its place at the end of its level, so priority is the record's order.
 *
 * Its account's list, its group's list and its sibling are put right at the end (import_link.c):
 * until then the lists hang by `next` of their links and by `group_next` alone. */
#include "exchange/records_account.h"

/* An order's record, read. */
struct arriving {
    struct order cold;
    uint64_t id, client_id;
    uint32_t account, series, list;
    tn_ticks price; /* in its book: of a waiting stop the trigger */
    tn_lots open;
    tn_lots result_quantity, result_remaining;
    uint8_t group;
};

static void get_order(struct reader *reader, struct arriving *arriving)
{
    struct order *cold = &arriving->cold;
    arriving->id = get_u64(reader);
    arriving->account = get_u32(reader);
    cold->label = get_u32(reader);
    cold->limit_price = get_i64(reader);
    arriving->open = get_i64(reader);
    cold->hidden = get_i64(reader);
    cold->display = get_i64(reader);
    tn_ticks trigger = get_i64(reader);
    cold->until = get_i64(reader);
    cold->reserve_per_lot = get_i64(reader);
    cold->sibling_id = get_u64(reader);
    arriving->client_id = get_u64(reader);
    arriving->result_quantity = get_i64(reader);
    arriving->result_remaining = get_i64(reader);
    cold->group_joined = get_u64(reader);
    cold->placed_mark = get_u32(reader);
    cold->fee_max_ppm = get_i32(reader);
    cold->side = get_u8_most(reader, TN_SELL, "The order's side is unknown.");
    cold->type = get_u8_most(reader, TN_MARKET, "The order's type is unknown.");
    cold->tif = get_u8_most(reader, TN_GTT, "The order's time in force is unknown.");
    cold->post = get_u8_most(reader, TN_POST_REPRICE, "The order's posting is unknown.");
    uint8_t flags = get_u8_most(reader, ORDER_FLAGS, "The order's flags are unknown.");
    cold->stp =
        get_u8_most(reader, TN_STP_DECREMENT, "The order's self-trade prevention is unknown.");
    arriving->group = get_u8(reader);
    get_zeros(reader, 1);
    cold->reduce_only = (flags & ORDER_REDUCE_ONLY) != 0;
    cold->is_quote = (flags & ORDER_IS_QUOTE) != 0;
    cold->waiting = list_waits(arriving->list);
    arriving->price = cold->waiting ? trigger : cold->limit_price;
    require(reader, cold->waiting || trigger == 0, "A trigger of an order that does not wait.");
}

/* ---- Checks of the order alone ---- */

static bool price_fits(const struct tn_contract *contract, tn_ticks price)
{
    return price >= 1 && price <= contract->price_max && tn_tick_on(&contract->schedule, price);
}

static void check_waiting(struct reader *reader, const struct tn_contract *contract,
                          const struct order *cold)
{
    bool is_market = cold->type == TN_MARKET;
    bool immediate = cold->tif == TN_IOC;
    require(reader, cold->tif != TN_FOK && (!is_market || immediate),
            "No stop waits with this time in force.");
    require(reader, cold->post == TN_POST_NO, "No stop posts.");
    require(reader, cold->display == 0 || (!immediate && !cold->reduce_only),
            "This stop may not hide a part.");
    require(reader, cold->hidden == 0 && cold->reserve_per_lot == 0,
            "A waiting stop hides or reserves nothing.");
    require(reader,
            (is_market && cold->limit_price == 0) || price_fits(contract, cold->limit_price),
            "The stop's limit is out of range.");
}

static void check_standing(struct reader *reader, const struct order *cold, tn_lots open)
{
    require(reader, cold->type == TN_LIMIT && cold->tif != TN_IOC && cold->tif != TN_FOK,
            "No such order rests.");
    require(reader, cold->display == 0 || !cold->reduce_only, "A reduce-only order shows all.");
    bool in_range = cold->hidden >= 0 && cold->hidden < open;
    require(reader, in_range, "The hidden part is out of range.");
    tn_lots visible = in_range ? open - cold->hidden : 0;
    require(reader, cold->display == 0 ? cold->hidden == 0 : visible <= cold->display,
            "The order shows another part than its terms say.");
    require(reader,
            cold->reserve_per_lot >= 0 && (cold->side == TN_BUY || cold->reserve_per_lot == 0),
            "The order's reserve is out of range.");
}

static void check_quote(struct reader *reader, const struct arriving *arriving)
{
    const struct order *cold = &arriving->cold;
    bool grouped = arriving->group != 0;
    require(reader, grouped == (cold->group_joined != 0), "A group and its running number differ.");
    if (!cold->is_quote) {
        require(reader, !grouped, "Only quotes have a group.");
        return;
    }
    bool plain = cold->tif == TN_GTC && cold->display == 0 && !cold->reduce_only &&
                 !cold->waiting && cold->sibling_id == 0 && arriving->client_id == 0 &&
                 cold->post <= TN_POST_REJECT;
    require(reader, plain, "The quote has terms that no quote has.");
}

static void check_alone(struct reader *reader, const struct tn_exchange *exchange,
                        const struct arriving *arriving)
{
    const struct order *cold = &arriving->cold;
    const struct tn_contract *contract = &exchange->series[arriving->series].terms->contract;
    require(reader, arriving->id >= 1 && arriving->id <= exchange->last_order_id,
            "The order's id was never given.");
    require(reader, arriving->account < exchange->accounts_count,
            "The order's account is unknown.");
    require(reader,
            arriving->account >= exchange->accounts_count ||
                tn_exchange_is_present(exchange, arriving->account),
            "The order's account is missing.");
    require(reader, cold->side == order_side_of_list(arriving->list),
            "The order stands on the other side.");
    require(reader, arriving->open >= 1 && arriving->open <= contract->quantity_max,
            "The order's quantity is out of range.");
    require(reader, cold->display >= 0 && cold->display <= contract->quantity_max,
            "The order's visible part is out of range.");
    require(reader, price_fits(contract, arriving->price), "The order's price is out of range.");
    require(reader, cold->placed_mark <= exchange->mark, "The order got its place in the future.");
    require(reader, cold->group_joined <= exchange->joined_last,
            "The quote joined after the last that did.");
    bool ends = cold->tif == TN_GTB || cold->tif == TN_GTT;
    require(reader, cold->tif == TN_GTB ? cold->until >= 0 : ends || cold->until == 0,
            "The order's last moment is out of range.");
    if (cold->waiting) {
        check_waiting(reader, contract, cold);
    } else {
        check_standing(reader, cold, arriving->open);
    }
    check_quote(reader, arriving);
}

/* ---- What the order meets in the exchange ---- */

/* A result in the account's list gets its order; one that is not there lives for the order alone.
 */
static void give_result(struct tn_exchange *exchange, struct reader *reader,
                        const struct arriving *arriving, uint32_t slot)
{
    bool is_said = arriving->result_quantity != 0 || arriving->result_remaining != 0;
    if (arriving->client_id == 0) {
        require(reader, !is_said, "A result of an order without client id.");
        return;
    }
    uint32_t found = tn_exchange_find_result(exchange, arriving->account, arriving->client_id);
    if (found == TN_NONE) {
        if (!require(reader, exchange->results_count < exchange->limits.results_max,
                     "There are more results than the limits allow.") ||
            !require(reader,
                     arriving->client_id <= exchange->accounts[arriving->account].client_floor,
                     "The order's client id was never forgotten.")) {
            return;
        }
        uint32_t hash = result_hash(exchange, arriving->account, arriving->client_id);
        found = exchange->results_used++;
        exchange->results_count++;
        exchange->results[found] = (struct result){.client_id = arriving->client_id,
                                                   .order_id = arriving->id,
                                                   .quantity = arriving->result_quantity,
                                                   .remaining = arriving->result_remaining,
                                                   .account = arriving->account,
                                                   .next = TN_NONE,
                                                   .order = TN_NONE,
                                                   .detached = 1,
                                                   .hash = hash};
        tn_index_insert(&exchange->result_index, hash, found);
    } else {
        require(reader, !is_said, "The result is said twice.");
    }
    struct result *result = &exchange->results[found];
    require(reader, result->order == TN_NONE, "Two orders came under one client id.");
    require(reader, result->order_id == arriving->id && result->reject == TN_REJECT_NONE,
            "The order's client id stands for something else.");
    result->order = slot;
    exchange->orders[slot].result = found;
}

static void join_group(struct tn_exchange *exchange, struct reader *reader,
                       const struct arriving *arriving, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    if (arriving->group == 0) return;
    uint32_t found = tn_exchange_find_group(exchange, arriving->account, arriving->group);
    if (!require(reader, found != TN_NONE, "The quote's group is unknown.")) return;
    struct group *group = &exchange->groups[found];
    order->group = found;
    order->group_next = group->quotes_head;
    group->quotes_head = slot;
}

/* Twice what position limits let stand open, even after a deleveraging. */
enum { OPEN_MOST = 8 };

static void count_open(struct tn_exchange *exchange, struct reader *reader, uint32_t slot)
{
    struct order *order = &exchange->orders[slot];
    struct exposure *exposure = &exchange->exposures[order->exposure];
    struct account *account = &exchange->accounts[exposure->account];
    const struct tn_contract *contract = &exchange->series[exposure->series].terms->contract;
    tn_lots open = open_of(exchange, slot);
    tn_micros reserve;
    bool over = __builtin_mul_overflow(open, order->reserve_per_lot, &reserve);
    over = over || __builtin_add_overflow(account->reserved, reserve, &account->reserved);
    require(reader, !over && account->reserved <= MONEY_MOST,
            "The account's orders reserve more than fits.");
    exposure->open[order->side] += open;
    require(reader, exposure->open[order->side] <= OPEN_MOST * contract->quantity_max,
            "The account has more open than fits.");
    if (!order->reduce_only) return;
    tn_lots held = -signed_lots(order->side, exposure->position.quantity);
    exposure->reduce_open += open;
    order->reduce_previous = TN_NONE;
    order->reduce_next = exposure->reduce_head;
    if (exposure->reduce_head != TN_NONE) {
        exchange->orders[exposure->reduce_head].reduce_previous = slot;
    }
    exposure->reduce_head = slot;
    exposure->reduce_count++;
    require(reader, exposure->reduce_open <= held, "Reduce-only orders exceed the position.");
    require(reader, exposure->reduce_count <= exchange->limits.reduce_only_max,
            "There are more reduce-only orders than the limits allow.");
}

/* The order is good by itself; gives it its place and its lists. */
static void place(struct tn_exchange *exchange, struct reader *reader,
                  const struct arriving *arriving)
{
    uint32_t found = tn_exchange_find_exposure(exchange, arriving->account, arriving->series);
    if (!require(reader, found != TN_NONE, "The order's account has no place in the series.") ||
        !require(reader, tn_book_find(exchange->books, arriving->id) == TN_NONE,
                 "An order id stands twice.")) {
        return;
    }
    enum tn_reject full;
    tn_lots visible = arriving->open - arriving->cold.hidden;
    uint32_t slot =
        tn_book_rest(exchange->books, &full, book_of_list(arriving->series, arriving->list),
                     book_side_of_list(arriving->list), arriving->price, visible, arriving->id);
    if (!require(reader, slot != TN_NONE,
                 "There are more orders or levels than the limits allow.")) {
        return;
    }
    struct account *account = &exchange->accounts[arriving->account];
    struct exposure *exposure = &exchange->exposures[found];
    struct tn_resting *resting = &exchange->resting[slot];
    struct order *order = &exchange->orders[slot];
    *order = arriving->cold;
    order->has_more = 1;
    order->exposure = found;
    order->result = order->group = TN_NONE;
    exchange->links[slot].next = account->orders_head;
    account->orders_head = slot;
    exposure->orders_count++;
    resting->account = arriving->account;
    resting->owner = account->owner_index;
    if (order->tif == TN_GTB || order->tif == TN_GTT) {
        resting->user = ORDER_EXPIRES;
        tn_heap_add(exchange, slot);
    }
    if (order->is_quote) {
        require(reader, exposure->quote[order->side] == TN_NONE, "A side is quoted twice.");
        exposure->quote[order->side] = slot;
    }
    give_result(exchange, reader, arriving, slot);
    join_group(exchange, reader, arriving, slot);
    if (!order->waiting) count_open(exchange, reader, slot);
}

bool tn_exchange_import_book(struct tn_exchange *exchange, struct reader *reader, uint32_t index)
{
    const struct series *series = &exchange->series[index];
    uint32_t counts[TN_RECORD_BOOK_LISTS];
    uint64_t count = 0;
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++)
        count += counts[list] = get_u32(reader);
    require(reader, count > 0, "The record says nothing.");
    require(reader, series->status != TN_STATUS_SETTLED, "The orders' series is settled.");
    for (uint32_t list = 0; list < TN_RECORD_BOOK_LISTS; list++) {
        uint64_t best = 0;
        for (uint32_t i = 0; i < counts[list] && reader_good(reader); i++) {
            struct arriving arriving = {.series = index, .list = list};
            get_order(reader, &arriving);
            check_alone(reader, exchange, &arriving);
            if (!reader_good(reader)) return false;
            uint64_t key = tn_book_key(book_side_of_list(list), arriving.price);
            require(reader, key >= best, "Orders must stand by their prices.");
            best = key;
            if (reader_good(reader)) place(exchange, reader, &arriving);
        }
    }
    bool matches = series->status == TN_STATUS_ACTIVE || series->status == TN_STATUS_POST_ONLY;
    require(reader, !matches || !tn_exchange_is_crossed(exchange, index), "The book is crossed.");
    return reader_ends(reader);
}
