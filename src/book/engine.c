/* engine: price-time matching with reports (half one of book.h).
 *
 * A message is checked in this order, the first "no" being the answer: BOOK_BUSY; for a submit
 * BOOK_UNKNOWN, SIDE_UNKNOWN, TIF_UNKNOWN; PRICE_RANGE, QUANTITY_RANGE; ORDER_ID_TAKEN or
 * ORDER_UNKNOWN; POST_ONLY_CROSSES, FILL_OR_KILL; ORDERS_FULL, LEVELS_FULL. All of it happens
 * before the first change, so a rejection changes nothing.
 *
 * Limits cannot strike after a trade: what rests after trading has used up every level it crossed,
 * and so has freed at least one order and one level. Only an order that crosses nothing is asked
 * whether there is room.
 *
 * An unfinished match is a `struct tn_book_taker` kept in the books; its order is in no queue and
 * no index until the rest of it rests. */
#include "book/internal.h"

/* Kept out of the common path, whose frame they would swell. */
#define APART __attribute__((noinline))

static struct tn_book_report rejection(uint64_t id, tn_ticks price, tn_lots quantity,
                                       enum tn_reject reject)
{
    return (struct tn_book_report){.id = id,
                                   .price = price,
                                   .quantity = quantity,
                                   .book = TN_NONE,
                                   .reject = (uint16_t)reject,
                                   .kind = TN_BOOK_REJECTED};
}

/* own_level is the level where an order would rest, made if need be; TN_NONE when levels are full.
 */
static uint32_t own_level(struct tn_books *books, uint32_t book, enum tn_side side, tn_ticks price,
                          uint32_t guess)
{
    uint32_t owner = book * 2 + side;
    if (tn_book_is_level(books, guess, owner, price)) return guess;
    uint64_t key = tn_book_key(side, price);
    uint32_t level = tn_book_find_level(books, tn_book_side_of(books, owner), key);
    return level != TN_NONE ? level : tn_book_add_level(books, owner, key, price);
}

static struct tn_book_report about_order(const struct tn_book_taker *taker,
                                         enum tn_book_report_kind kind)
{
    return (struct tn_book_report){.id = taker->id,
                                   .price = taker->price,
                                   .quantity = taker->remaining,
                                   .remaining = kind == TN_BOOK_CANCELLED ? 0 : taker->remaining,
                                   .book = taker->book,
                                   .kind = (uint8_t)kind,
                                   .side = (uint8_t)taker->side};
}

static struct tn_book_side *makers_of(const struct tn_books *books,
                                      const struct tn_book_taker *taker)
{
    return &books->book[taker->book].side[tn_book_opposite(taker->side)];
}

/* rest_taker puts what is left of an order at the end of its level. There is room: see above. */
static void rest_taker(struct tn_books *books, const struct tn_book_taker *taker)
{
    uint32_t level = own_level(books, taker->book, taker->side, taker->price, TN_NONE);
    TN_ASSERT(level != TN_NONE && books->orders_pool.count < books->limits.orders_max);
    uint32_t slot = tn_book_place(books, level, taker->remaining, taker->id);
    struct tn_resting *order = &books->orders[slot];
    order->account = taker->account;
    order->owner = taker->owner;
    order->user = taker->user;
    tn_index_insert(&books->index, tn_index_hash_near(&books->index, taker->id), slot);
}

static uint32_t suspend(struct tn_books *books, const struct tn_book_taker *taker, uint32_t written)
{
    books->taker = *taker;
    books->taker.active = true;
    return written;
}

/* fill_front trades with the oldest order of the best level and writes the report. */
static void fill_front(struct tn_books *books, struct tn_book_report *report,
                       struct tn_book_taker *taker, const struct tn_book_side *makers)
{
    struct tn_level *level = &books->levels[makers->best];
    uint32_t slot = level->head;
    struct tn_resting *maker = &books->orders[slot];
    if (maker->next != TN_NONE) tn_prefetch(&books->orders[maker->next]);
    tn_lots fill = maker->quantity < taker->remaining ? maker->quantity : taker->remaining;
    TN_ASSERT(fill > 0);
    taker->remaining -= fill;
    maker->quantity -= fill;
    level->quantity -= fill;
    *report = (struct tn_book_report){.id = taker->id,
                                      .maker_id = maker->id,
                                      .price = maker->price,
                                      .quantity = fill,
                                      .remaining = taker->remaining,
                                      .maker_remaining = maker->quantity,
                                      .book = taker->book,
                                      .kind = TN_BOOK_TRADE,
                                      .side = (uint8_t)taker->side};
    if (maker->quantity > 0) return;
    tn_index_remove(&books->index, tn_index_hash_near(&books->index, maker->id), slot);
    tn_book_unlink(books, slot);
    tn_book_release(books, slot);
}

/* match runs a taker to its end, or until the reports are full. */
static uint32_t match(struct tn_books *books, struct tn_book_report *reports, uint32_t reports_max,
                      uint32_t written, struct tn_book_taker *taker)
{
    const struct tn_book_side *makers = makers_of(books, taker);
    while (taker->remaining > 0 && makers->best_key <= taker->limit_key) {
        if (written == reports_max) return suspend(books, taker, written);
        fill_front(books, &reports[written++], taker, makers);
    }
    books->taker.active = false;
    if (taker->remaining == 0) return written;
    TN_ASSERT(taker->tif == TN_BOOK_GTC || taker->tif == TN_BOOK_IOC);
    if (taker->tif == TN_BOOK_GTC) {
        rest_taker(books, taker);
        return written;
    }
    if (written == reports_max) return suspend(books, taker, written);
    reports[written++] = about_order(taker, TN_BOOK_CANCELLED);
    return written;
}

/* fillable is whether the crossed levels hold the whole quantity. It reads levels, not orders. */
static bool fillable(const struct tn_books *books, const struct tn_book_taker *taker)
{
    const struct tn_book_side *makers = makers_of(books, taker);
    tn_lots wanted = taker->remaining;
    uint64_t key = makers->best_key;
    uint32_t level = makers->best;
    while (level != TN_NONE && key <= taker->limit_key) {
        wanted -= books->levels[level].quantity;
        if (wanted <= 0) return true;
        level = tn_book_next_level(books, makers, key);
        if (level != TN_NONE) key = tn_book_level_key(&books->levels[level]);
    }
    return false;
}

/* refusal is what the terms of a submit are refused with, whatever rests. */
static enum tn_reject refusal(const struct tn_books *books, const struct tn_book_message *order)
{
    if (books->taker.active) return TN_REJECT_BOOK_BUSY;
    if (order->book >= books->limits.books_max) return TN_REJECT_BOOK_UNKNOWN;
    if (order->side > TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    if (order->tif > TN_BOOK_POST_ONLY) return TN_REJECT_TIF_UNKNOWN;
    if (!tn_book_price_in_range(order->price)) return TN_REJECT_PRICE_RANGE;
    if (!tn_book_quantity_in_range(order->quantity)) return TN_REJECT_QUANTITY_RANGE;
    return TN_REJECT_NONE;
}

static APART uint32_t refuse_submit(struct tn_book_report *reports,
                                    const struct tn_book_message *order, enum tn_reject reject)
{
    reports[0] = rejection(order->id, order->price, order->quantity, reject);
    reports[0].book = order->book;
    reports[0].side = order->side;
    return 1;
}

/* submit_crossing is a submit that can trade at once. */
static APART uint32_t submit_crossing(struct tn_books *books, struct tn_book_report *reports,
                                      uint32_t reports_max, const struct tn_book_message *order,
                                      uint64_t limit_key)
{
    struct tn_book_taker taker = {.id = order->id,
                                  .limit_key = limit_key,
                                  .price = order->price,
                                  .remaining = order->quantity,
                                  .book = order->book,
                                  .side = (enum tn_side)order->side,
                                  .tif = (enum tn_book_tif)order->tif};
    if (taker.tif == TN_BOOK_POST_ONLY) {
        return refuse_submit(reports, order, TN_REJECT_POST_ONLY_CROSSES);
    }
    if (taker.tif == TN_BOOK_FOK && !fillable(books, &taker)) {
        return refuse_submit(reports, order, TN_REJECT_FILL_OR_KILL);
    }
    reports[0] = about_order(&taker, TN_BOOK_ACCEPTED);
    return match(books, reports, reports_max, 1, &taker);
}

/* submit_idle is an IOC or FOK that finds nothing to trade with. */
static APART uint32_t submit_idle(struct tn_books *books, struct tn_book_report *reports,
                                  uint32_t reports_max, const struct tn_book_message *order)
{
    if (order->tif == TN_BOOK_FOK) return refuse_submit(reports, order, TN_REJECT_FILL_OR_KILL);
    struct tn_book_taker taker = {.id = order->id, /* the limit key 0 crosses nothing */
                                  .price = order->price,
                                  .remaining = order->quantity,
                                  .book = order->book,
                                  .side = (enum tn_side)order->side,
                                  .tif = TN_BOOK_IOC};
    reports[0] = about_order(&taker, TN_BOOK_ACCEPTED);
    return match(books, reports, reports_max, 1, &taker);
}

uint32_t tn_book_handle_submit(struct tn_books *books, struct tn_book_report *reports,
                               uint32_t reports_max, const struct tn_book_message *order,
                               const struct tn_book_hint *hint)
{
    enum tn_reject reject = refusal(books, order);
    if (__builtin_expect(reject != TN_REJECT_NONE, 0)) return refuse_submit(reports, order, reject);
    uint32_t cell;
    if (tn_book_seek_id(books, &cell, order->id, hint->hash) != TN_NONE) {
        return refuse_submit(reports, order, TN_REJECT_ORDER_ID_TAKEN);
    }
    enum tn_side side = (enum tn_side)order->side;
    enum tn_side other = tn_book_opposite(side);
    uint64_t limit_key = tn_book_key(other, order->price);
    if (books->book[order->book].side[other].best_key <= limit_key) {
        return submit_crossing(books, reports, reports_max, order, limit_key);
    }
    if (order->tif == TN_BOOK_IOC || order->tif == TN_BOOK_FOK) {
        return submit_idle(books, reports, reports_max, order);
    }
    if (books->orders_pool.count == books->limits.orders_max) {
        return refuse_submit(reports, order, TN_REJECT_ORDERS_FULL);
    }
    uint32_t level = own_level(books, order->book, side, order->price, hint->level);
    if (level == TN_NONE) return refuse_submit(reports, order, TN_REJECT_LEVELS_FULL);
    uint32_t slot = tn_book_place(books, level, order->quantity, order->id);
    tn_index_put(&books->index, cell, hint->hash, slot);
    reports[0] = (struct tn_book_report){.id = order->id,
                                         .price = order->price,
                                         .quantity = order->quantity,
                                         .remaining = order->quantity,
                                         .book = order->book,
                                         .kind = TN_BOOK_ACCEPTED,
                                         .side = order->side};
    return 1;
}

/* locate is tn_book_seek_id with a guess. */
static inline uint32_t locate(const struct tn_books *books, uint32_t *cell, uint64_t id,
                              const struct tn_book_hint *hint)
{
    uint32_t slot = hint->slot;
    *cell = hint->cell;
    if (slot != TN_NONE && books->index.cells[*cell] == ((uint64_t)hint->hash << 32 | slot) &&
        books->orders[slot].id == id) {
        return slot;
    }
    return tn_book_seek_id(books, cell, id, hint->hash);
}

uint32_t tn_book_handle_cancel(struct tn_books *books, struct tn_book_report *reports,
                               const struct tn_book_message *message,
                               const struct tn_book_hint *hint)
{
    uint32_t cell;
    uint32_t slot = locate(books, &cell, message->id, hint);
    if (__builtin_expect(slot == TN_NONE || books->taker.active, 0)) {
        reports[0] = rejection(message->id, 0, 0,
                               books->taker.active ? TN_REJECT_BOOK_BUSY : TN_REJECT_ORDER_UNKNOWN);
        return 1;
    }
    const struct tn_resting *order = &books->orders[slot];
    reports[0] = (struct tn_book_report){.id = message->id,
                                         .price = order->price,
                                         .quantity = order->quantity,
                                         .book = order->book,
                                         .kind = TN_BOOK_CANCELLED,
                                         .side = order->side};
    tn_index_remove_at(&books->index, cell);
    tn_book_unlink(books, slot);
    tn_book_release(books, slot);
    return 1;
}

/* replace_crossing takes the order out and sends the new one in as a taker. What the caller wrote
 * on the record comes back with the part that rests. */
static APART uint32_t replace_crossing(struct tn_books *books, struct tn_book_report *reports,
                                       uint32_t reports_max, const struct tn_book_message *message,
                                       uint64_t limit_key, uint32_t slot)
{
    const struct tn_resting *order = &books->orders[slot];
    struct tn_book_taker taker = {.id = message->id,
                                  .limit_key = limit_key,
                                  .price = message->price,
                                  .remaining = message->quantity,
                                  .user = order->user,
                                  .account = order->account,
                                  .owner = order->owner,
                                  .book = order->book,
                                  .side = (enum tn_side)order->side,
                                  .tif = TN_BOOK_GTC};
    tn_book_remove(books, slot);
    reports[0] = about_order(&taker, TN_BOOK_REPLACED);
    return match(books, reports, reports_max, 1, &taker);
}

static enum tn_reject replace_refusal(const struct tn_books *books, tn_ticks price,
                                      tn_lots quantity, uint32_t slot)
{
    if (books->taker.active) return TN_REJECT_BOOK_BUSY;
    if (!tn_book_price_in_range(price)) return TN_REJECT_PRICE_RANGE;
    if (!tn_book_quantity_in_range(quantity)) return TN_REJECT_QUANTITY_RANGE;
    return slot == TN_NONE ? TN_REJECT_ORDER_UNKNOWN : TN_REJECT_NONE;
}

uint32_t tn_book_handle_replace(struct tn_books *books, struct tn_book_report *reports,
                                uint32_t reports_max, const struct tn_book_message *message,
                                const struct tn_book_hint *hint)
{
    uint32_t cell;
    tn_ticks price = message->price;
    tn_lots quantity = message->quantity;
    uint32_t slot = locate(books, &cell, message->id, hint);
    enum tn_reject reject = replace_refusal(books, price, quantity, slot);
    if (__builtin_expect(reject != TN_REJECT_NONE, 0)) {
        reports[0] = rejection(message->id, price, quantity, reject);
        return 1;
    }
    const struct tn_resting *order = &books->orders[slot];
    enum tn_side other = tn_book_opposite((enum tn_side)order->side);
    uint64_t limit_key = tn_book_key(other, price);
    if (price == order->price && quantity <= order->quantity) {
        tn_book_reduce(books, slot, quantity);
    } else if (books->book[order->book].side[other].best_key <= limit_key) {
        return replace_crossing(books, reports, reports_max, message, limit_key, slot);
    } else if (!tn_book_move_guess(books, slot, price, quantity, hint->level)) {
        reports[0] = rejection(message->id, price, quantity, TN_REJECT_LEVELS_FULL);
        return 1;
    }
    reports[0] = (struct tn_book_report){.id = message->id,
                                         .price = price,
                                         .quantity = quantity,
                                         .remaining = quantity,
                                         .book = order->book,
                                         .kind = TN_BOOK_REPLACED,
                                         .side = order->side};
    return 1;
}

uint32_t tn_book_handle_unknown(const struct tn_books *books, struct tn_book_report *reports,
                                const struct tn_book_message *message)
{
    enum tn_reject reject = books->taker.active ? TN_REJECT_BOOK_BUSY : TN_REJECT_COMMAND_UNKNOWN;
    reports[0] = rejection(message->id, message->price, message->quantity, reject);
    return 1;
}

/* no_hint is all that a single call knows of its message. */
static struct tn_book_hint no_hint(const struct tn_books *books, uint64_t id)
{
    return (struct tn_book_hint){
        .hash = tn_index_hash_near(&books->index, id), .slot = TN_NONE, .level = TN_NONE};
}

uint32_t tn_book_submit(struct tn_books *books, struct tn_book_report *reports,
                        uint32_t reports_max, const struct tn_book_message *order)
{
    TN_ASSERT(reports_max >= 1);
    struct tn_book_hint hint = no_hint(books, order->id);
    return tn_book_handle_submit(books, reports, reports_max, order, &hint);
}

uint32_t tn_book_cancel(struct tn_books *books, struct tn_book_report *reports,
                        uint32_t reports_max, uint64_t id)
{
    TN_ASSERT(reports_max >= 1);
    struct tn_book_message message = {.id = id};
    struct tn_book_hint hint = no_hint(books, id);
    return tn_book_handle_cancel(books, reports, &message, &hint);
}

uint32_t tn_book_replace(struct tn_books *books, struct tn_book_report *reports,
                         uint32_t reports_max, uint64_t id, tn_ticks price, tn_lots quantity)
{
    TN_ASSERT(reports_max >= 1);
    struct tn_book_message message = {.id = id, .price = price, .quantity = quantity};
    struct tn_book_hint hint = no_hint(books, id);
    return tn_book_handle_replace(books, reports, reports_max, &message, &hint);
}

uint32_t tn_book_continue(struct tn_books *books, struct tn_book_report *reports,
                          uint32_t reports_max)
{
    TN_ASSERT(reports_max >= 1);
    if (!books->taker.active) return 0;
    struct tn_book_taker taker = books->taker;
    return match(books, reports, reports_max, 0, &taker);
}

bool tn_book_unfinished(const struct tn_books *books)
{
    return books->taker.active;
}
