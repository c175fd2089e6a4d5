/* record: what the state of a market is made of, when it is written down.
 *
 * The state is a set of records, each named by a kind and an index and each a string of bytes with
 * a fixed big-endian layout (docs/specs/records.md). `exchange` writes them and reads them back,
 * `proof` says how one is hashed, `state` keeps the trees over the hashes, the store keeps the
 * bytes. A record of no bytes is one that says nothing: the default.
 *
 * The order of the kinds is the order in which records are read back. */
#ifndef TENOR_RECORD_H
#define TENOR_RECORD_H

#include "tenor/base.h"

enum tn_record_kind {
    TN_RECORD_MARKET = 1,    /* a list: limits, counts, house, underlyings, queues, lists */
    TN_RECORD_SERIES = 2,    /* by slot of the series table */
    TN_RECORD_FEEDS = 3,     /* a list: parameters, signers, feeds, expiries */
    TN_RECORD_ROWS = 4,      /* by slot: scenario prices of a series at the last MARK */
    TN_RECORD_ACCOUNT = 5,   /* by account: owner, cash, collateral, nonces */
    TN_RECORD_POSITIONS = 6, /* by account; its root is part of the account's leaf */
    TN_RECORD_MARGIN = 7,    /* by account: model, liquidation, the last judgement */
    TN_RECORD_MEMORY = 8,    /* by account: protection groups, remembered results */
    TN_RECORD_BOOK = 9,      /* by slot: orders in priority order, waiting stops */
};
#define TN_RECORD_KINDS 10 /* 1 + the last */

struct tn_record_name {
    uint8_t kind; /* enum tn_record_kind */
    uint32_t index;
};

/* ---- Sizes that more than one module must know; the layouts are in docs/specs/records.md ---- */
#define TN_RECORD_ACCOUNT_SIZE    112
#define TN_RECORD_POSITION_SIZE   40  /* one of a POSITIONS record */
#define TN_RECORD_POSITIONS_CHUNK 3   /* positions that share a leaf */
#define TN_RECORD_ORDER_SIZE      128 /* one of a BOOK record */
#define TN_RECORD_BOOK_LISTS      4   /* bids, asks, waiting buys, waiting sells */
#define TN_RECORD_RESULT_SIZE     34  /* one of a MEMORY record */
#define TN_RECORD_RESULTS_CHUNK   32  /* results that share a hash, by their running number */

#endif
