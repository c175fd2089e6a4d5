/* finality: how long the batches that this node seals take to be executed here as final. */
#ifndef NODE_CLUSTER_FINALITY_H
#define NODE_CLUSTER_FINALITY_H

#include "tenor/chain.h"

enum { FINALITY_KEPT = 4096, FINALITY_BUCKETS = 2048, FINALITY_BUCKET_US = 100 };

/* All zero at first. */
struct finality {
    int64_t sealed_us[TN_CHAIN_MARKETS_MAX][FINALITY_KEPT]; /* by sequence; 0: none */
    uint64_t counted[TN_CHAIN_MARKETS_MAX];                 /* sequences up to this one */
    uint64_t buckets[FINALITY_BUCKETS];                     /* the last one: and longer */
    uint64_t count, sum_us;
    int64_t most_us;
};

void finality_sealed(struct finality *finality, uint32_t place, uint64_t sequence, int64_t now_us);
/* All up to this sequence are executed. */
void finality_executed(struct finality *finality, uint32_t place, uint64_t sequence,
                       int64_t now_us);
/* The upper edge of the bucket in which that share of all lies; 0: nothing was counted. */
int64_t finality_percentile_us(const struct finality *finality, uint32_t per_mille);

#endif
