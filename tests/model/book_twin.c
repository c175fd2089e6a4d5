/* book_twin: see the header. Written from the sentences of book.h, not from its code: a limit, for
 * one, is judged by the state after the whole message, and the message undone when it is over. */
#include "book_twin.h"

#include <stdlib.h>
#include <string.h>

void book_twin_open(struct book_twin *twin, const struct tn_book_limits *limits)
{
    *twin = (struct book_twin){.limits = *limits};
    twin->queues = calloc((size_t)limits->books_max * 2, sizeof(*twin->queues));
    TN_ASSERT(twin->queues != NULL);
}

void book_twin_close(struct book_twin *twin)
{
    for (uint32_t i = 0; i < twin->limits.books_max * 2; i++)
        free(twin->queues[i].orders);
    free(twin->queues);
    free(twin->reports);
}

void book_twin_reset(struct book_twin *twin)
{
    for (uint32_t i = 0; i < twin->limits.books_max * 2; i++)
        twin->queues[i].count = 0;
    twin->orders_count = 0;
    twin->reports_count = 0;
}

static void report(struct book_twin *twin, struct tn_book_report line)
{
    if (twin->reports_count == twin->reports_capacity) {
        twin->reports_capacity = twin->reports_capacity * 2 + 16;
        twin->reports = realloc(twin->reports, twin->reports_capacity * sizeof(line));
        TN_ASSERT(twin->reports != NULL);
    }
    twin->reports[twin->reports_count++] = line;
}

/* at_least_as_good is whether price a of a side has no less priority than price b. */
static bool at_least_as_good(enum tn_side side, tn_ticks a, tn_ticks b)
{
    return side == TN_BUY ? a >= b : a <= b;
}

static void reserve(struct book_twin_queue *queue, uint32_t count)
{
    if (queue->capacity >= count) return;
    queue->capacity = count * 2;
    queue->orders = realloc(queue->orders, queue->capacity * sizeof(*queue->orders));
    TN_ASSERT(queue->orders != NULL);
}

void book_twin_rest(struct book_twin *twin, uint32_t book, enum tn_side side,
                    struct book_twin_order order)
{
    struct book_twin_queue *queue = &twin->queues[book * 2 + side];
    reserve(queue, queue->count + 1);
    uint32_t place = 0;
    while (place < queue->count &&
           at_least_as_good(side, queue->orders[place].price, order.price)) {
        place++;
    }
    memmove(&queue->orders[place + 1], &queue->orders[place],
            (queue->count - place) * sizeof(order));
    queue->orders[place] = order;
    queue->count++;
    twin->orders_count++;
}

struct book_twin_order book_twin_remove(struct book_twin *twin, uint32_t queue_index,
                                        uint32_t place)
{
    struct book_twin_queue *queue = &twin->queues[queue_index];
    TN_ASSERT(place < queue->count);
    struct book_twin_order order = queue->orders[place];
    queue->count--;
    memmove(&queue->orders[place], &queue->orders[place + 1],
            (queue->count - place) * sizeof(order));
    twin->orders_count--;
    return order;
}

uint32_t book_twin_levels_count(const struct book_twin *twin)
{
    uint32_t levels = 0;
    for (uint32_t i = 0; i < twin->limits.books_max * 2; i++) {
        const struct book_twin_queue *queue = &twin->queues[i];
        for (uint32_t place = 0; place < queue->count; place++) {
            levels += place == 0 || queue->orders[place].price != queue->orders[place - 1].price;
        }
    }
    return levels;
}

static bool find(const struct book_twin *twin, uint32_t *queue, uint32_t *place, uint64_t id)
{
    for (uint32_t i = 0; i < twin->limits.books_max * 2; i++) {
        for (uint32_t at = 0; at < twin->queues[i].count; at++) {
            if (twin->queues[i].orders[at].id != id) continue;
            *queue = i;
            *place = at;
            return true;
        }
    }
    return false;
}

static tn_lots crossed_quantity(const struct book_twin_queue *makers, enum tn_side makers_side,
                                tn_ticks limit)
{
    tn_lots sum = 0;
    for (uint32_t i = 0; i < makers->count; i++) {
        if (!at_least_as_good(makers_side, makers->orders[i].price, limit)) break;
        sum += makers->orders[i].quantity;
    }
    return sum;
}

/* trade fills an order against the other side and returns what is left of it. */
static tn_lots trade(struct book_twin *twin, uint32_t book, enum tn_side side,
                     struct book_twin_order taker)
{
    enum tn_side other = side == TN_BUY ? TN_SELL : TN_BUY;
    struct book_twin_queue *makers = &twin->queues[book * 2 + other];
    while (taker.quantity > 0 && makers->count > 0 &&
           at_least_as_good(other, makers->orders[0].price, taker.price)) {
        struct book_twin_order *maker = &makers->orders[0];
        tn_lots fill = maker->quantity < taker.quantity ? maker->quantity : taker.quantity;
        maker->quantity -= fill;
        taker.quantity -= fill;
        report(twin, (struct tn_book_report){.id = taker.id,
                                             .maker_id = maker->id,
                                             .price = maker->price,
                                             .quantity = fill,
                                             .remaining = taker.quantity,
                                             .maker_remaining = maker->quantity,
                                             .book = book,
                                             .kind = TN_BOOK_TRADE,
                                             .side = (uint8_t)side});
        if (maker->quantity == 0) book_twin_remove(twin, book * 2 + other, 0);
    }
    return taker.quantity;
}

/* A copy of one book, to take a message back. */
struct copy {
    struct book_twin_order *orders[2];
    uint32_t count[2];
    uint32_t orders_count;
};

static void copy_book(const struct book_twin *twin, struct copy *copy, uint32_t book)
{
    for (uint32_t side = 0; side < 2; side++) {
        const struct book_twin_queue *queue = &twin->queues[book * 2 + side];
        size_t size = queue->count * sizeof(struct book_twin_order);
        copy->orders[side] = malloc(size + 1);
        TN_ASSERT(copy->orders[side] != NULL);
        if (size > 0) memcpy(copy->orders[side], queue->orders, size);
        copy->count[side] = queue->count;
    }
    copy->orders_count = twin->orders_count;
}

static void restore_book(struct book_twin *twin, const struct copy *copy, uint32_t book)
{
    for (uint32_t side = 0; side < 2; side++) {
        struct book_twin_queue *queue = &twin->queues[book * 2 + side];
        reserve(queue, copy->count[side] + 1);
        queue->count = copy->count[side];
        memcpy(queue->orders, copy->orders[side], queue->count * sizeof(struct book_twin_order));
    }
    twin->orders_count = copy->orders_count;
}

static void free_copy(struct copy *copy)
{
    free(copy->orders[0]);
    free(copy->orders[1]);
}

static bool near_limit(const struct book_twin *twin)
{
    return twin->orders_count + 1 >= twin->limits.orders_max ||
           twin->limits.levels_max < twin->limits.orders_max;
}

static enum tn_reject over_limit(const struct book_twin *twin)
{
    if (twin->orders_count > twin->limits.orders_max) return TN_REJECT_ORDERS_FULL;
    if (twin->limits.levels_max < twin->limits.orders_max &&
        book_twin_levels_count(twin) > twin->limits.levels_max) {
        return TN_REJECT_LEVELS_FULL;
    }
    return TN_REJECT_NONE;
}

/* refuse drops all other reports of the message: a rejection stands alone. */
static void refuse(struct book_twin *twin, struct tn_book_report line, enum tn_reject reject)
{
    twin->reports_count = 0;
    line.kind = TN_BOOK_REJECTED;
    line.reject = (uint16_t)reject;
    line.remaining = 0;
    report(twin, line);
}

static enum tn_reject terms_refusal(const struct book_twin *twin,
                                    const struct tn_book_message *order)
{
    if (order->book >= twin->limits.books_max) return TN_REJECT_BOOK_UNKNOWN;
    if (order->side != TN_BUY && order->side != TN_SELL) return TN_REJECT_SIDE_UNKNOWN;
    if (order->tif > 3) return TN_REJECT_TIF_UNKNOWN;
    if (llabs(order->price) > TN_BOOK_PRICE_MAX) return TN_REJECT_PRICE_RANGE;
    if (order->quantity < 1 || order->quantity > TN_BOOK_QUANTITY_MAX) {
        return TN_REJECT_QUANTITY_RANGE;
    }
    uint32_t queue;
    uint32_t place;
    if (find(twin, &queue, &place, order->id)) return TN_REJECT_ORDER_ID_TAKEN;
    enum tn_side other = order->side == TN_BUY ? TN_SELL : TN_BUY;
    tn_lots crossed = crossed_quantity(&twin->queues[order->book * 2 + other], other, order->price);
    if (order->tif == TN_BOOK_POST_ONLY && crossed > 0) return TN_REJECT_POST_ONLY_CROSSES;
    if (order->tif == TN_BOOK_FOK && crossed < order->quantity) return TN_REJECT_FILL_OR_KILL;
    return TN_REJECT_NONE;
}

static void submit(struct book_twin *twin, const struct tn_book_message *order)
{
    struct tn_book_report line = {.id = order->id,
                                  .price = order->price,
                                  .quantity = order->quantity,
                                  .remaining = order->quantity,
                                  .book = order->book,
                                  .kind = TN_BOOK_ACCEPTED,
                                  .side = order->side};
    enum tn_reject reject = terms_refusal(twin, order);
    if (reject != TN_REJECT_NONE) {
        refuse(twin, line, reject);
        return;
    }
    bool careful = near_limit(twin);
    struct copy before;
    if (careful) copy_book(twin, &before, order->book);
    report(twin, line);
    struct book_twin_order taker = {order->id, order->price, order->quantity};
    enum tn_side side = (enum tn_side)order->side;
    taker.quantity = trade(twin, order->book, side, taker);
    if (taker.quantity > 0 && order->tif == TN_BOOK_IOC) {
        line.kind = TN_BOOK_CANCELLED;
        line.quantity = taker.quantity;
        line.remaining = 0;
        report(twin, line);
    } else if (taker.quantity > 0) {
        book_twin_rest(twin, order->book, side, taker);
    }
    if (!careful) return;
    if (over_limit(twin) != TN_REJECT_NONE) {
        reject = over_limit(twin);
        restore_book(twin, &before, order->book);
        refuse(twin, line, reject);
    }
    free_copy(&before);
}

static void cancel(struct book_twin *twin, uint64_t id)
{
    uint32_t queue;
    uint32_t place;
    if (!find(twin, &queue, &place, id)) {
        refuse(twin, (struct tn_book_report){.id = id, .book = TN_NONE}, TN_REJECT_ORDER_UNKNOWN);
        return;
    }
    struct book_twin_order order = book_twin_remove(twin, queue, place);
    report(twin, (struct tn_book_report){.id = id,
                                         .price = order.price,
                                         .quantity = order.quantity,
                                         .book = queue / 2,
                                         .kind = TN_BOOK_CANCELLED,
                                         .side = (uint8_t)(queue % 2)});
}

static void replace(struct book_twin *twin, const struct tn_book_message *message)
{
    struct tn_book_report line = {
        .id = message->id, .price = message->price, .quantity = message->quantity, .book = TN_NONE};
    uint32_t queue;
    uint32_t place;
    enum tn_reject reject = TN_REJECT_NONE;
    if (llabs(message->price) > TN_BOOK_PRICE_MAX)
        reject = TN_REJECT_PRICE_RANGE;
    else if (message->quantity < 1 || message->quantity > TN_BOOK_QUANTITY_MAX) {
        reject = TN_REJECT_QUANTITY_RANGE;
    } else if (!find(twin, &queue, &place, message->id))
        reject = TN_REJECT_ORDER_UNKNOWN;
    if (reject != TN_REJECT_NONE) {
        refuse(twin, line, reject);
        return;
    }
    struct tn_book_report refused = line;
    line.kind = TN_BOOK_REPLACED;
    line.remaining = message->quantity;
    line.book = queue / 2;
    line.side = (uint8_t)(queue % 2);
    struct book_twin_order *order = &twin->queues[queue].orders[place];
    if (message->price == order->price && message->quantity <= order->quantity) {
        order->quantity = message->quantity;
        report(twin, line);
        return;
    }
    bool careful = near_limit(twin);
    struct copy before;
    if (careful) copy_book(twin, &before, line.book);
    book_twin_remove(twin, queue, place);
    report(twin, line);
    struct book_twin_order taker = {message->id, message->price, message->quantity};
    taker.quantity = trade(twin, line.book, (enum tn_side)line.side, taker);
    if (taker.quantity > 0) book_twin_rest(twin, line.book, (enum tn_side)line.side, taker);
    if (!careful) return;
    if (over_limit(twin) != TN_REJECT_NONE) {
        reject = over_limit(twin);
        restore_book(twin, &before, line.book);
        refuse(twin, refused, reject);
    }
    free_copy(&before);
}

void book_twin_handle(struct book_twin *twin, const struct tn_book_message *message)
{
    twin->reports_count = 0;
    switch (message->kind) {
        case TN_BOOK_SUBMIT: submit(twin, message); return;
        case TN_BOOK_CANCEL: cancel(twin, message->id); return;
        case TN_BOOK_REPLACE: replace(twin, message); return;
    }
    refuse(twin,
           (struct tn_book_report){.id = message->id,
                                   .price = message->price,
                                   .quantity = message->quantity,
                                   .book = TN_NONE},
           TN_REJECT_COMMAND_UNKNOWN);
}

/* An order to be sorted: its place in the stream settles ties. */
struct entry {
    struct book_twin_order order;
    uint32_t queue;
    uint32_t age;
};

static int by_priority(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->queue != b->queue) return a->queue < b->queue ? -1 : 1;
    if (a->order.price == b->order.price) return a->age < b->age ? -1 : 1;
    return at_least_as_good((enum tn_side)(a->queue % 2), a->order.price, b->order.price) ? -1 : 1;
}

void book_twin_load(struct book_twin *twin, const struct tn_book_message *messages, uint32_t count)
{
    TN_ASSERT(twin->orders_count == 0 && count <= twin->limits.orders_max);
    struct entry *entries = malloc((count + 1) * sizeof(*entries));
    TN_ASSERT(entries != NULL);
    for (uint32_t i = 0; i < count; i++) {
        TN_ASSERT(messages[i].kind == TN_BOOK_SUBMIT && messages[i].tif == TN_BOOK_GTC);
        entries[i] =
            (struct entry){.order = {messages[i].id, messages[i].price, messages[i].quantity},
                           .queue = messages[i].book * 2 + messages[i].side,
                           .age = i};
    }
    qsort(entries, count, sizeof(*entries), by_priority);
    for (uint32_t i = 0; i < count; i++) {
        struct book_twin_queue *queue = &twin->queues[entries[i].queue];
        reserve(queue, queue->count + 1);
        queue->orders[queue->count++] = entries[i].order;
    }
    twin->orders_count = count;
    free(entries);
}

static bool same_queue(const struct book_twin_queue *queue, struct tn_books *books, uint32_t book,
                       enum tn_side side)
{
    const struct tn_resting *orders = tn_book_resting(books);
    uint32_t slot = tn_book_front(books, book, side);
    for (uint32_t i = 0; i < queue->count; i++) {
        if (slot == TN_NONE || orders[slot].id != queue->orders[i].id ||
            orders[slot].price != queue->orders[i].price ||
            orders[slot].quantity != queue->orders[i].quantity) {
            return false;
        }
        slot = tn_book_after(books, slot);
    }
    return slot == TN_NONE;
}

bool book_twin_same(const struct book_twin *twin, struct tn_books *books)
{
    if (twin->orders_count != tn_book_orders_count(books)) return false;
    for (uint32_t book = 0; book < twin->limits.books_max; book++) {
        if (!same_queue(&twin->queues[book * 2], books, book, TN_BUY)) return false;
        if (!same_queue(&twin->queues[book * 2 + 1], books, book, TN_SELL)) return false;
    }
    return book_twin_levels_count(twin) == tn_book_levels_count(books);
}
