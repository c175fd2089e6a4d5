/* client_book: a book kept from a snapshot and changes.
 *
 * A side is an array, best first: bids descend, asks ascend, so the checksum is one pass and the
 * best price is at the front. The arrays of deep books are moved on a change; memmove of some
 * hundred levels costs less than a tree would. */
#include "tenor/client_book.h"

#include "tenor/crypto.h"

#include <string.h>

void tn_client_book_init(struct tn_client_book *book, uint64_t series_id, struct tn_level *levels,
                         uint32_t levels_max)
{
    *book = (struct tn_client_book){
        .series_id = series_id, .sides = {levels, levels + levels_max}, .levels_max = levels_max};
}

static bool is_better(enum tn_side side, tn_ticks price, tn_ticks than)
{
    return side == TN_BUY ? price > than : price < than;
}

/* Where the price stands, or would. */
static uint32_t find(const struct tn_client_book *book, enum tn_side side, tn_ticks price)
{
    uint32_t low = 0, high = book->counts[side];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_better(side, book->sides[side][middle].price, price)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static enum tn_client_book_step change(struct tn_client_book *book, enum tn_side side,
                                       const struct tn_level *level)
{
    struct tn_level *levels = book->sides[side];
    uint32_t count = book->counts[side];
    uint32_t at = find(book, side, level->price);
    bool is_there = at < count && levels[at].price == level->price;
    if (level->quantity < 0 || level->price < 1) return TN_CLIENT_BOOK_WRONG;
    if (level->quantity == 0) {
        if (!is_there) return TN_CLIENT_BOOK_WRONG;
        memmove(levels + at, levels + at + 1, (count - at - 1) * sizeof *levels);
        book->counts[side]--;
        return TN_CLIENT_BOOK_OK;
    }
    if (!is_there) {
        if (count == book->levels_max) return TN_CLIENT_BOOK_FULL;
        memmove(levels + at + 1, levels + at, (count - at) * sizeof *levels);
        book->counts[side]++;
    }
    levels[at] = *level;
    return TN_CLIENT_BOOK_OK;
}

static enum tn_client_book_step change_side(struct tn_client_book *book, enum tn_side side,
                                            const struct tn_level *levels, uint32_t count)
{
    /* What leaves makes room first: a book of a given depth is never deeper than that. */
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            if ((levels[i].quantity == 0) != (pass == 0)) continue;
            enum tn_client_book_step step = change(book, side, &levels[i]);
            if (step != TN_CLIENT_BOOK_OK) return step;
        }
    }
    return TN_CLIENT_BOOK_OK;
}

uint32_t tn_client_book_crc(const struct tn_client_book *book)
{
    uint32_t crc = 0;
    for (int side = TN_BUY; side <= TN_SELL; side++) {
        for (uint32_t i = 0; i < book->counts[side]; i++) {
            const struct tn_level *level = &book->sides[side][i];
            uint8_t bytes[16];
            for (uint32_t b = 0; b < 8; b++) {
                bytes[b] = (uint8_t)((uint64_t)level->price >> (8 * b));
                bytes[8 + b] = (uint8_t)((uint64_t)level->quantity >> (8 * b));
            }
            crc = tn_crc32c(crc, TN_CPU_BASE, bytes, sizeof bytes);
        }
    }
    return crc;
}

static enum tn_client_book_step take(struct tn_client_book *book, const struct tn_book_news *news)
{
    if (news->is_snapshot) {
        book->counts[TN_BUY] = book->counts[TN_SELL] = 0;
    } else {
        if (!book->is_good || news->prev_seq > book->seq) return TN_CLIENT_BOOK_GAP;
        if (news->seq <= book->seq) return TN_CLIENT_BOOK_OK; /* a snapshot had it already */
    }
    enum tn_client_book_step step = change_side(book, TN_BUY, news->bids, news->bids_count);
    if (step == TN_CLIENT_BOOK_OK) {
        step = change_side(book, TN_SELL, news->asks, news->asks_count);
    }
    if (step != TN_CLIENT_BOOK_OK) return step;
    if (news->has_crc && news->crc != tn_client_book_crc(book)) return TN_CLIENT_BOOK_WRONG;
    book->seq = news->seq;
    book->block = news->block;
    book->time_ms = news->time_ms;
    book->soft = news->soft;
    return TN_CLIENT_BOOK_OK;
}

enum tn_client_book_step tn_client_book_take(struct tn_client_book *book,
                                             const struct tn_book_news *news)
{
    if (news->series_id != book->series_id || news->is_soft != book->is_soft) {
        return TN_CLIENT_BOOK_OTHER;
    }
    enum tn_client_book_step step = take(book, news);
    book->is_good = step == TN_CLIENT_BOOK_OK;
    return step;
}
