/* floor: the least that a price-time book can do, as a measure of the machine.
 *
 * Ids are dense and index the order array, prices are small and index the level array, three
 * bitmaps on top of each other find the next price. No id index, no limits, no checks, no features;
 * the reports are written as book.h has them. What an engine loses against it is what random ids,
 * wide prices, shared pools and safety cost. */
#ifndef FLOOR_H
#define FLOOR_H

#include "tenor/book.h"

#define FLOOR_PRICES_MAX (1 << 18)

struct floor_message {
    uint32_t id;
    uint32_t price;
    uint32_t quantity;
    uint32_t book;
    uint8_t kind; /* as in tn_book_message; tif is GTC or IOC */
    uint8_t side;
    uint8_t tif;
};

struct floor_order {
    uint32_t next;
    uint32_t previous;
    uint32_t price;
    uint32_t quantity; /* 0 = not resting */
    uint32_t book_side;
};

struct floor_level {
    uint32_t head;
    uint32_t tail;
};

/* Prices of one side that have orders. */
struct floor_bitmap {
    uint64_t top;
    uint64_t *middle; /* 64 words */
    uint64_t *bottom; /* prices_max / 64 words */
};

struct floor {
    struct floor_order *orders;
    struct floor_level *levels;   /* book × prices_max + price */
    struct floor_bitmap *bitmaps; /* book × 2 + side */
    uint32_t *best;               /* book × 2 + side */
    uint64_t *words;
    uint32_t books_max;
    uint32_t prices_max;
    uint32_t ids_max;
};

/* floor_open takes memory from the bench's mapping; prices lie in [1, prices_max - 2]. */
void floor_open(struct floor *floor, uint32_t books_max, uint32_t prices_max, uint32_t ids_max);
void floor_close(struct floor *floor);
void floor_reset(struct floor *floor);

/* floor_handle does one message and returns how many reports it wrote. */
uint32_t floor_handle(struct floor *floor, struct tn_book_report *reports,
                      const struct floor_message *message);

#endif
