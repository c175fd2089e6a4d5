/* What clients of the local socket ask: frames, items, and where the node stands. */
#include "cluster/loop_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *voice_text(enum tn_sequencer_voice voice)
{
    switch (voice) {
        case TN_VOICE_OBSERVER: return "observer";
        case TN_VOICE_ASKING: return "asking";
        case TN_VOICE_SILENT: return "silent";
        case TN_VOICE_DIVERGED: return "diverged";
        case TN_VOICE_SPEAKS: return "speaks";
    }
    return "?";
}

static void write_member(const struct loop *loop, char text[STATUS_SIZE])
{
    struct tn_sequencer_status status;
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(loop->member));
    const struct tn_sequencer_counters *counters =
        tn_sequencer_counters(tn_member_sequencer(loop->member));
    const struct tn_member_counters *own = tn_member_counters(loop->member);
    struct tn_registry_heads registry;
    tn_sequencer_status(tn_member_sequencer(loop->member), &status);
    tn_registry_heads(tn_chain_registry(tn_member_chain(loop->member)), &registry);
    int used = snprintf(
        text, STATUS_SIZE,
        "height=%llu root=%s epoch=%llu view=%llu final=%llu voice=%s index=%u proposer=%u "
        "checkpoint=%llu stored=%llu governance=%llu deposits=%llu proposals=%llu timeouts=%llu "
        "results_wrong=%llu no_ops=%llu sent_full=%llu over_rate=%llu finality_count=%llu "
        "finality_p50_us=%lld "
        "finality_p99_us=%lld finality_most_us=%lld",
        (unsigned long long)heads->height, hash_text(&heads->root),
        (unsigned long long)status.epoch, (unsigned long long)status.view,
        (unsigned long long)status.final_height, voice_text(status.voice), status.index,
        status.proposer, (unsigned long long)status.checkpoint_height,
        (unsigned long long)keeper_durable_height(loop->keeper),
        (unsigned long long)registry.governance_number, (unsigned long long)registry.deposit_number,
        (unsigned long long)counters->proposals, (unsigned long long)counters->timeouts,
        (unsigned long long)own->results_wrong, (unsigned long long)own->no_ops,
        (unsigned long long)loop->sent_full, (unsigned long long)loop->over_rate,
        (unsigned long long)loop->finality.count,
        (long long)finality_percentile_us(&loop->finality, 500),
        (long long)finality_percentile_us(&loop->finality, 990), (long long)loop->finality.most_us);
    for (uint32_t i = 0; i < loop->set->limits.markets_count && used > 0 && used < STATUS_SIZE;
         i++) {
        const struct tn_chain_stream *stream = &heads->streams[i];
        struct tn_member_desk desk;
        tn_member_desk(&desk, loop->member, i);
        used +=
            snprintf(text + used, STATUS_SIZE - (size_t)used,
                     " market%u.term=%u market%u.sequence=%llu market%u.leads=%s", stream->market,
                     stream->term, stream->market, (unsigned long long)stream->sequence,
                     stream->market, desk.leads ? "yes" : "no");
    }
}

void loop_write_status(const struct loop *loop, char text[STATUS_SIZE])
{
    char words[SYNCING_TEXT_SIZE];
    if (loop->syncing == NULL) {
        write_member(loop, text);
        return;
    }
    syncing_text(loop->syncing, words);
    snprintf(text, STATUS_SIZE, "height=0%s", words);
}

/* Without a member nothing is taken but a question for where this node stands. */
static void refuse_request(struct loop *loop, const struct client_asked *asked)
{
    const struct tn_member_answer away = {.kind = TN_MEMBER_AWAY};
    char text[STATUS_SIZE];
    switch (asked->kind) {
        case CLIENT_FRAME: clients_answer(loop->clients, asked->tag, &away); return;
        case CLIENT_ITEM: clients_item_taken(loop->clients, asked->tag, TN_WAITING_NO_ROOM); return;
        case CLIENT_STATUS:
            loop_write_status(loop, text);
            clients_status(loop->clients, asked->tag, text);
            return;
        case CLIENT_WATCH: return; /* has no answer */
    }
}

static void take_request(struct loop *loop, const struct client_asked *asked)
{
    char text[STATUS_SIZE];
    switch (asked->kind) {
        case CLIENT_FRAME:
            tn_member_frame(loop->member, asked->tag, asked->bytes, asked->size, &loop->clock);
            return;
        case CLIENT_ITEM: {
            enum tn_waiting_answer answer = TN_WAITING_INVALID;
            if (asked->size > 0) {
                answer = tn_member_item(loop->member, asked->bytes[0], asked->bytes + 1,
                                        asked->size - 1, &loop->clock);
            }
            clients_item_taken(loop->clients, asked->tag, answer);
            return;
        }
        case CLIENT_STATUS:
            loop_write_status(loop, text);
            clients_status(loop->clients, asked->tag, text);
            return;
        case CLIENT_WATCH: break; /* has no answer */
    }
    clients_status(loop->clients, asked->tag, "unknown request");
}

void loop_take_clients(struct loop *loop)
{
    struct client_asked asked;
    for (uint32_t i = 0; i < REQUESTS_A_TURN && clients_next(loop->clients, &asked); i++) {
        if (loop->syncing != NULL) {
            refuse_request(loop, &asked);
        } else {
            take_request(loop, &asked);
        }
    }
}
