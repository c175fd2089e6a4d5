/* finality: times by sequence, and a histogram of a tenth of a millisecond a bucket. */
#include "cluster/finality.h"

void finality_sealed(struct finality *finality, uint32_t place, uint64_t sequence, int64_t now_us)
{
    finality->sealed_us[place][sequence % FINALITY_KEPT] = now_us;
}

static void count(struct finality *finality, int64_t us)
{
    int64_t bucket = us < 0 ? 0 : us / FINALITY_BUCKET_US;
    if (bucket >= FINALITY_BUCKETS) bucket = FINALITY_BUCKETS - 1;
    finality->buckets[bucket]++;
    finality->count++;
    finality->sum_us += us < 0 ? 0 : (uint64_t)us;
    if (us > finality->most_us) finality->most_us = us;
}

void finality_executed(struct finality *finality, uint32_t place, uint64_t sequence, int64_t now_us)
{
    uint64_t from = finality->counted[place] + 1;
    if (sequence - finality->counted[place] > FINALITY_KEPT) from = sequence - FINALITY_KEPT + 1;
    for (uint64_t at = from; at <= sequence; at++) {
        int64_t *sealed_us = &finality->sealed_us[place][at % FINALITY_KEPT];
        if (*sealed_us != 0) count(finality, now_us - *sealed_us);
        *sealed_us = 0;
    }
    if (sequence > finality->counted[place]) finality->counted[place] = sequence;
}

int64_t finality_percentile_us(const struct finality *finality, uint32_t per_mille)
{
    uint64_t seen = 0, wanted = finality->count * per_mille / 1000 + 1;
    if (finality->count == 0) return 0;
    if (wanted > finality->count) wanted = finality->count;
    for (uint32_t i = 0; i < FINALITY_BUCKETS; i++) {
        seen += finality->buckets[i];
        if (seen >= wanted) return (int64_t)(i + 1) * FINALITY_BUCKET_US;
    }
    return finality->most_us;
}
