/* limits: what a member of a set is given to work with, unless it is told otherwise. */
#include "member/internal.h"

static void default_waiting(struct tn_waiting_limits *waiting, uint32_t peers_max)
{
    *waiting = (struct tn_waiting_limits){.peers_max = peers_max,
                                          .peer_share_max = 0,
                                          .seen_max = 16384,
                                          .recheck_max = 256,
                                          .push_all_max = 16,
                                          .resend_us = 200000,
                                          .seed = 1};
    waiting->kinds[TN_ITEM_REPORT] =
        (struct tn_waiting_kind){.rule = TN_WAITING_NEWEST, .items_max = 4096, .bytes_max = 512};
    waiting->kinds[TN_ITEM_DEPOSIT] = (struct tn_waiting_kind){
        .rule = TN_WAITING_NUMBERED, .items_max = 4096, .bytes_max = 512, .group_max = 4096};
    waiting->kinds[TN_ITEM_FORCED] = (struct tn_waiting_kind){.rule = TN_WAITING_ARRIVAL,
                                                              .relay = true,
                                                              .items_max = 1024,
                                                              .bytes_max = 1 << 16,
                                                              .group_max = 16};
    waiting->kinds[TN_ITEM_OPERATION] = (struct tn_waiting_kind){
        .rule = TN_WAITING_ARRIVAL, .items_max = 8192, .bytes_max = 8192, .group_max = 64};
    waiting->kinds[TN_ITEM_GOVERNANCE] = (struct tn_waiting_kind){
        .rule = TN_WAITING_NUMBERED, .items_max = 4096, .bytes_max = 1 << 14, .group_max = 4096};
    waiting->kinds[TN_ITEM_EVIDENCE] = (struct tn_waiting_kind){.rule = TN_WAITING_ARRIVAL,
                                                                .relay = true,
                                                                .items_max = 512,
                                                                .bytes_max = 1024,
                                                                .group_max = 8};
}

static void default_gossip(struct tn_gossip_limits *gossip, const struct tn_chain_limits *chain,
                           uint32_t peers_max)
{
    *gossip = (struct tn_gossip_limits){.markets_max = chain->markets_count,
                                        .peers_max = peers_max,
                                        .batches_max = 8192,
                                        .batch_bytes_total = 96 << 20,
                                        .batch_bytes_max = 1 << 20,
                                        .window = 1024,
                                        .wants_max = 1024,
                                        .wants_peer_max = 128,
                                        .attempts_max = 16,
                                        .serve_fetches = 50,
                                        .serve_bytes = 32 << 20,
                                        .push_all_max = 16,
                                        .heads_us = 100000,
                                        .announce_wait_us = 20000,
                                        .fetch_us = 50000,
                                        .stall_us = chain->stall_ms * 1000,
                                        .seed = 1};
}

void tn_member_limits_default(struct tn_member_limits *limits, const struct tn_chain_limits *chain,
                              uint32_t peers_max)
{
    *limits = (struct tn_member_limits){.chain = *chain, .may_lead = true};
    struct tn_sequencer_limits *sequencer = &limits->sequencer;
    tn_sequencer_limits_default(sequencer);
    memcpy(sequencer->chain_id, chain->chain_id, sizeof sequencer->chain_id);
    sequencer->exec_lag = chain->exec_lag;
    sequencer->exec_lag_max = chain->exec_lag_max;
    sequencer->checkpoint_blocks = chain->checkpoint_blocks;
    sequencer->delta_us = chain->delta_ms * 1000;
    sequencer->idle_us = chain->mark_ms * 1000;
    tn_desk_limits_default(&limits->desk);
    limits->desk.stall_ms = (uint32_t)chain->stall_ms;
    limits->desk.soft_ms = (uint32_t)chain->soft_ms;
    /* A heavier batch stands in no block. */
    const uint64_t share = chain->markets_count > 0 ? tn_chain_batch_weight_max(chain) : 0;
    if (share < limits->desk.batch_weight_max) limits->desk.batch_weight_max = share;
    default_gossip(&limits->gossip, chain, peers_max);
    default_waiting(&limits->waiting, peers_max);
}
