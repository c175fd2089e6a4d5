/* What client.proto says of single fields beside their types, as a table. What comes often stands
 * first: it is searched from the top. A test holds the table against the descriptions, so that no
 * list, text or bytes of the protocol lacks a line. */
#include "wire/internal.h"

#define MESSAGE(name) &tenor__v1__##name##__descriptor
#define EVENTS_MAX    32768
#define HEADS_MAX     255

static const struct wire_limit table[] = {
    /* to a node */
    {MESSAGE(signed_frame), 1, 1, WIRE_TO_NODE_BYTES_MAX, true},
    {MESSAGE(signed_frame), 2, 64, 64, true},
    {MESSAGE(logon), 3, 64, 64, true},
    {MESSAGE(standby), 1, 1, 1, true},
    {MESSAGE(item), 2, 1, WIRE_TO_NODE_BYTES_MAX, true},
    {MESSAGE(subscribe), 3, 1, 1024, false},
    {MESSAGE(unsubscribe), 3, 1, 1024, false},
    {MESSAGE(get_owner), 2, 20, 20, true},
    {MESSAGE(get_margin), 3, 1, 256, false},
    /* from a node */
    {MESSAGE(frame_soft), 6, 1, EVENTS_MAX, false},
    {MESSAGE(frame_final), 7, 1, EVENTS_MAX, false},
    {MESSAGE(account_message), 3, 1, WIRE_ACCOUNT_EVENTS_MAX, true},
    {MESSAGE(book), 6, 1, 8192, false},
    {MESSAGE(book), 7, 1, 8192, false},
    {MESSAGE(order_book), 6, 1, 8192, false},
    {MESSAGE(marks), 4, 1, 8192, false},
    {MESSAGE(marks), 5, 1, 4096, false},
    {MESSAGE(ticker), 21, 1, 64, false},
    {MESSAGE(instrument), 2, 1, 64, false},
    {MESSAGE(instrument), 8, 1, 64, false},
    {MESSAGE(instrument), 16, 1, 8, false},
    {MESSAGE(block), 3, 32, 32, false},
    {MESSAGE(block), 4, 32, 32, false},
    {MESSAGE(block), 10, 1, HEADS_MAX, false},
    {MESSAGE(trades), 1, 1, 500, false},
    {MESSAGE(hello), 2, 32, 32, true},
    {MESSAGE(hello), 3, 32, 32, true},
    {MESSAGE(hello), 6, 1, HEADS_MAX, false},
    {MESSAGE(hello), 7, 1, 64, false},
    {MESSAGE(heartbeat), 3, 1, HEADS_MAX, false},
    {MESSAGE(error), 2, 1, 512, false},
    {MESSAGE(cluster), 1, 32, 32, true},
    {MESSAGE(cluster), 3, 1, 100, false},
    {MESSAGE(cluster), 4, 1, HEADS_MAX, false},
    {MESSAGE(node), 2, 33, 33, true},
    {MESSAGE(node), 4, 1, 255, false},
    {MESSAGE(instruments), 2, 1, 4096, false},
    {MESSAGE(chain), 6, 1, 4096, false},
    {MESSAGE(chain), 7, 1, 256, false},
    {MESSAGE(account), 3, 20, 20, false},
    {MESSAGE(account), 13, 1, 4096, false},
    {MESSAGE(account), 14, 1, 255, false},
    {MESSAGE(account), 18, 1, 255, false},
    {MESSAGE(orders), 2, 1, 500, false},
    {MESSAGE(owner), 1, 20, 20, false},
    {MESSAGE(owner), 3, 1, 4096, false},
    {MESSAGE(margin), 5, 1, 255, false},
    {MESSAGE(proof), 1, 1, WIRE_FROM_NODE_BYTES_MAX, false},
    {MESSAGE(proof), 3, 1, WIRE_FROM_NODE_BYTES_MAX, false},
    {MESSAGE(handovers), 2, 1, WIRE_FROM_NODE_BYTES_MAX, false},
    {MESSAGE(liquidations), 2, 1, 4096, false},
    {MESSAGE(session), 6, 33, 33, false},
};
#define ROWS (sizeof table / sizeof table[0])

const struct wire_limit *wire_limits_of(uint32_t *limits_count,
                                        const ProtobufCMessageDescriptor *message)
{
    uint32_t begin = 0;
    while (begin < ROWS && table[begin].message != message)
        begin++;
    uint32_t end = begin;
    while (end < ROWS && table[end].message == message)
        end++;
    *limits_count = end - begin;
    return table + begin;
}
