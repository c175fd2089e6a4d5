/* feed_chain: the last trades in a chain. The node's thread answers GetChain from the replica,
 * which remembers no trades; the mirror saw them. So the answer goes through here on its way out,
 * and the rows get what TICKER tells too: the last price, and the volume since this node came up. A
 * chain that the mirror knows nothing of goes on as it is. */
#include "gateway/feed_internal.h"

enum { TAG_VARINT = 0, TAG_BYTES = 2, REQUEST_FIELD = 1 };

/* A varint of at most ten bytes; 0: there is none. */
static size_t skip_varint(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size && i < 10; i++) {
        if (bytes[i] < 0x80) return i + 1;
    }
    return 0;
}

/* Is the body a Chain? Only that is looked at: other answers are not taken apart. */
static bool is_chain(const uint8_t *bytes, size_t size)
{
    const uint32_t tag = (uint32_t)TENOR__V1__FROM_NODE__BODY_CHAIN << 3 | TAG_BYTES;
    const uint8_t two[2] = {(uint8_t)(tag | 0x80), (uint8_t)(tag >> 7)};
    _Static_assert((TENOR__V1__FROM_NODE__BODY_CHAIN << 3) >= 0x80 &&
                       (TENOR__V1__FROM_NODE__BODY_CHAIN << 3) < 0x4000,
                   "the tag has two bytes");
    if (size > 0 && bytes[0] == (REQUEST_FIELD << 3 | TAG_VARINT)) {
        size_t used = skip_varint(bytes + 1, size - 1);
        if (used == 0) return false;
        bytes += 1 + used;
        size -= 1 + used;
    }
    return size > 2 && bytes[0] == two[0] && bytes[1] == two[1];
}

size_t feed_fill_chain(struct feed *feed, const uint8_t **out, const uint8_t *bytes, size_t size)
{
    if (feed->state != FEED_STATE_WHOLE || !is_chain(bytes, size)) return 0;
    Tenor__V1__FromNode *message = tenor__v1__from_node__unpack(NULL, size, bytes);
    if (message == NULL) return 0;
    size_t written = 0;
    const struct feed_market *market = feed_market_of(feed, message->chain->market);
    if (market != NULL) {
        for (size_t i = 0; i < message->chain->n_rows; i++) {
            Tenor__V1__Ticker *row = message->chain->rows[i];
            const uint32_t index = feed_series_find(market, row->series_id);
            if (index == TN_NONE) continue;
            row->last_price = market->series[index].last_price;
            row->volume = (uint64_t)market->series[index].volume;
        }
        written = feed_write(feed, message);
        *out = feed->out;
    }
    tenor__v1__from_node__free_unpacked(message, NULL);
    return written;
}
