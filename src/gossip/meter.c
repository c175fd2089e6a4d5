/* meter: token buckets for what one peer sends, by class, before anything reads it.
 *
 * A message costs one of its class's messages and its size of the class's bytes; a question costs
 * one of the fetches too. It is taken from all buckets or from none, so a peer that is over one
 * rate does not pay in the others. */
#include "tenor/peer_queue.h"

#define MICROS UINT64_C(1000000)

void tn_peer_bucket_init(struct tn_peer_bucket *bucket, const struct tn_peer_rate *rate,
                         int64_t now_us)
{
    TN_ASSERT(rate->rate <= UINT64_C(1) << 40 && rate->burst <= UINT64_C(1) << 40);
    *bucket = (struct tn_peer_bucket){.level = rate->burst * MICROS, .time_us = now_us};
}

static void fill(struct tn_peer_bucket *bucket, const struct tn_peer_rate *rate, int64_t now_us)
{
    if (now_us <= bucket->time_us) return;
    tn_u128 level = bucket->level + (tn_u128)rate->rate * (uint64_t)(now_us - bucket->time_us);
    tn_u128 most = (tn_u128)rate->burst * MICROS;
    bucket->level = (uint64_t)(level < most ? level : most);
    bucket->time_us = now_us;
}

static bool has(const struct tn_peer_bucket *bucket, uint64_t amount)
{
    return amount <= UINT64_MAX / MICROS && bucket->level >= amount * MICROS;
}

bool tn_peer_bucket_take(struct tn_peer_bucket *bucket, const struct tn_peer_rate *rate,
                         uint64_t amount, int64_t now_us)
{
    fill(bucket, rate, now_us);
    if (!has(bucket, amount)) return false;
    bucket->level -= amount * MICROS;
    return true;
}

void tn_peer_meter_init(struct tn_peer_meter *meter, const struct tn_peer_meter_limits *limits,
                        int64_t now_us)
{
    *meter = (struct tn_peer_meter){.limits = *limits};
    for (uint32_t i = 0; i < TN_PRIORITIES; i++) {
        tn_peer_bucket_init(&meter->bytes[i], &limits->bytes[i], now_us);
        tn_peer_bucket_init(&meter->messages[i], &limits->messages[i], now_us);
    }
    tn_peer_bucket_init(&meter->fetches, &limits->fetches, now_us);
}

static bool is_question(uint8_t kind)
{
    return kind == TN_PEER_FETCH || kind == TN_PEER_BATCH_FETCH || kind == TN_PEER_SYNC_FETCH ||
           kind == TN_PEER_VOTES_ASK;
}

enum tn_peer_meter_answer tn_peer_meter_take(struct tn_peer_meter *meter, const uint8_t *bytes,
                                             size_t size, int64_t now_us)
{
    if (size == 0 || size > tn_peer_bytes_max(bytes[0])) {
        meter->unknown++;
        return TN_PEER_METER_UNKNOWN;
    }
    enum tn_priority class = tn_peer_priority(bytes[0]);
    bool question = is_question(bytes[0]);
    fill(&meter->bytes[class], &meter->limits.bytes[class], now_us);
    fill(&meter->messages[class], &meter->limits.messages[class], now_us);
    fill(&meter->fetches, &meter->limits.fetches, now_us);
    if (!has(&meter->bytes[class], size) || !has(&meter->messages[class], 1) ||
        (question && !has(&meter->fetches, 1))) {
        meter->over[class]++;
        return TN_PEER_METER_OVER;
    }
    meter->bytes[class].level -= size * MICROS;
    meter->messages[class].level -= MICROS;
    if (question) meter->fetches.level -= MICROS;
    meter->taken[class]++;
    return TN_PEER_METER_OK;
}
