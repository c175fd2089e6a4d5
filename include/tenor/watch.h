/* watch: whom a market asks before it reads a session, so that a block can be executed where only
 * some sessions are there. Of accounts the exchange asks (export.h, "Some accounts only").
 *
 * A seat that is absent is not a free one: `need` does not return for it. Where all are there it
 * may note which ones a block needs. Opening a session needs every seat: the lowest free one is
 * taken, and sessions of the account that have expired leave theirs. */
#ifndef TENOR_WATCH_H
#define TENOR_WATCH_H

#include "tenor/market.h"

struct tn_market_watch {
    void (*need)(void *context, uint32_t seat); /* below the count of SESSION records */
    void *context;
};

/* At any time between entries; the watch must stay. NULL: nobody watches. */
void tn_market_watch(struct tn_market *market, const struct tn_market_watch *watch);

#endif
