/* teller_parts: see the header. The list of orders grows with the deepest part and is kept for the
 * next one. */
#include "cluster/teller_parts.h"

#include <stdlib.h>
#include <string.h>

static bool take(struct teller_orders *orders, const struct tn_exchange *exchange, uint32_t slot)
{
    struct tn_order_view view;
    if (orders->count == orders->room) {
        const uint64_t room = orders->room * 2 + TELLER_PART_ORDERS;
        struct port_order *grown = realloc(orders->list, room * sizeof grown[0]);
        if (grown == NULL) return false;
        orders->list = grown;
        orders->room = room;
    }
    tn_exchange_order_at(exchange, &view, slot);
    orders->list[orders->count++] = (struct port_order){.series_id = view.series_id,
                                                        .order_id = view.order_id,
                                                        .price = view.price,
                                                        .quantity = view.visible,
                                                        .side = view.side,
                                                        .last = true};
    return true;
}

bool teller_orders_take(struct teller_orders *orders, const struct tn_exchange *exchange,
                        uint32_t book)
{
    const struct tn_books *books = tn_exchange_books(exchange);
    for (uint32_t side = TN_BUY; side <= TN_SELL; side++) {
        uint32_t slot = tn_book_front(books, book, (enum tn_side)side);
        for (; slot != TN_NONE; slot = tn_book_after(books, slot)) {
            if (!take(orders, exchange, slot)) return false;
        }
    }
    return true;
}

void teller_orders_drop(struct teller_orders *orders)
{
    free(orders->list);
    *orders = (struct teller_orders){0};
}

const void *teller_lay_down(uint8_t **at, const void *from, size_t size)
{
    uint8_t *to = *at;
    if (size > 0) memcpy(to, from, size);
    *at += (size + 15) / 16 * 16;
    return to;
}
