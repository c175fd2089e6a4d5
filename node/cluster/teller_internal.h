/* What the files of teller share. */
#ifndef NODE_CLUSTER_TELLER_INTERNAL_H
#define NODE_CLUSTER_TELLER_INTERNAL_H

#include "cluster/teller.h"
#include "cluster/teller_parts.h"

enum {
    TELLER_SYMBOLS_MAX = 255,
    TRADED_MAX = 1024, /* series of a block that are told one by one; more: all of the market */
};

struct market_notes {
    bool is_marked, is_all;
    uint32_t traded_count;
    uint64_t traded[TRADED_MAX];
};

struct teller {
    struct port *port;
    struct tn_chain *chain;
    uint32_t markets_count, events_max;
    struct tn_event *events;   /* [events_max] of an answer */
    struct port_order *orders; /* [2 × events_max] of a step */
    struct market_notes notes[TN_CHAIN_MARKETS_MAX];
    struct port_mark *marks;    /* [PORT_MARKS_MAX] */
    bool is_snapshot, is_first; /* a snapshot is on; its next part is the first */
    uint32_t place, slot;       /* where it goes on */
    struct teller_orders taken;
};

struct teller_names {
    char symbols[TELLER_SYMBOLS_MAX][TN_SYMBOL_SIZE];
    uint32_t count;
};
void teller_names(struct teller_names *names, const struct tn_exchange *exchange);
void teller_fill_series(struct port_series *series, const struct teller_names *names,
                        uint32_t market, const struct tn_listed_view *view);
void teller_fill_mark(struct port_mark *mark, const struct tn_listed_view *view);
/* Of all underlyings; returns how many. */
uint32_t teller_indexes(struct port_index indexes[TELLER_SYMBOLS_MAX],
                        const struct tn_exchange *exchange);

#endif
