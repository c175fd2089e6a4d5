/* chain_item: may an item stand in a block?
 *
 * What is asked is the same for every node, however far it has executed: keys count from a height
 * that the header's exec_height is held against, numbers run on from the tip, and the registry's
 * sets and leaders stand still within an epoch. One thing a node may not know yet is the key of a
 * session that a forced frame names: then it waits, and says BAD only of a key that it knows, since
 * a session's key never changes. */
#include "replica/chain.h"

/* Signatures that were found good are remembered: an item is judged when it comes, when a block is
 * built, and when one is judged. */
static struct tn_hash *slot_of(const struct tn_chain *chain, struct tn_hash *mark,
                               const struct tn_hash *digest, const uint8_t *signature,
                               size_t signature_size, const uint8_t *signer, size_t signer_size)
{
    struct tn_keccak keccak;
    tn_keccak_begin(&keccak);
    tn_keccak_add(&keccak, digest->bytes, TN_HASH_SIZE);
    tn_keccak_add(&keccak, signature, signature_size);
    tn_keccak_add(&keccak, signer, signer_size);
    tn_keccak_end(&keccak, mark);
    return &chain->signed_items[tn_get_be(mark->bytes, 8) % CHAIN_SIGNED];
}

static bool is_signed(const struct tn_chain *chain, const struct tn_block_item *item,
                      const struct tn_signature *signature, const struct tn_public_key *key)
{
    const struct tn_signatures *signatures = chain->world.signatures;
    struct tn_hash digest, mark;
    if (key == NULL) return false;
    tn_stream_item_digest(&digest, chain->limits.chain_id, item);
    struct tn_hash *slot = slot_of(chain, &mark, &digest, signature->bytes, TN_SIGNATURE_SIZE,
                                   key->bytes, TN_PUBLIC_KEY_SIZE);
    if (tn_hash_equal(slot, &mark)) return true;
    if (!signatures->verify(signatures->context, &digest, signature, key)) return false;
    *slot = mark;
    return true;
}

static bool is_owners(const struct tn_chain *chain, const struct tn_block_item *item)
{
    const struct tn_signatures *signatures = chain->world.signatures;
    const struct tn_operation *operation = &item->as.operation;
    struct tn_hash digest, mark;
    struct tn_address signer;
    tn_stream_item_digest(&digest, chain->limits.chain_id, item);
    struct tn_hash *slot = slot_of(chain, &mark, &digest, operation->signature.bytes,
                                   TN_RECOVERABLE_SIZE, operation->owner.bytes, TN_ADDRESS_SIZE);
    if (tn_hash_equal(slot, &mark)) return true;
    if (!signatures->recover(signatures->context, &signer, &digest, &operation->signature) ||
        !tn_address_equal(&signer, &operation->owner)) {
        return false;
    }
    *slot = mark;
    return true;
}

static enum tn_chain_verdict bad(const char **what, const char *why)
{
    *what = why;
    return TN_CHAIN_BAD;
}

static enum tn_chain_verdict wait(const char **what, const char *why)
{
    *what = why;
    return TN_CHAIN_WAIT;
}

/* A market takes items while it is not far behind: so what waits in its inboxes is bounded. The
 * last thing that is asked of an item, so that judge->no_room says that all else of it is good. */
static enum tn_chain_verdict check_room(const struct tn_chain *chain, struct chain_judge *judge,
                                        const char **what, uint32_t market)
{
    uint32_t place = tn_chain_place_of(chain, market);
    if (place == TN_NONE) return bad(what, "an item is for a market that there is not");
    uint64_t cursor = judge->tip->heads[place].cursor;
    if (judge->tip->height - cursor > chain->limits.inbox_lag_max) {
        judge->no_room = true;
        return bad(what, "an item is for a market that is too far behind");
    }
    return TN_CHAIN_OK;
}

/* An item with a number, and this many bytes of an entry. The numbers are those of all markets, so
 * one that is far behind takes such items still, from time to time, and no more than its inboxes
 * hold beside everything else. */
static enum tn_chain_verdict check_numbered(const struct tn_chain *chain, struct chain_judge *judge,
                                            const char **what, uint32_t market, size_t size)
{
    const uint32_t place = tn_chain_place_of(chain, market);
    enum tn_chain_verdict verdict = check_room(chain, judge, what, market);
    if (verdict == TN_CHAIN_OK || place == TN_NONE) return verdict;
    const uint64_t bytes = TN_CHAIN_LATE_ITEM + (uint64_t)size;
    const uint64_t height = judge->tip->height + 1;
    if ((!judge->is_pool && height % TN_CHAIN_LATE_BLOCKS != 0) ||
        bytes > tn_chain_late_bytes_max(&chain->limits, place) - judge->late_bytes[place]) {
        return verdict;
    }
    judge->no_room = false;
    judge->late_bytes[place] += bytes;
    return TN_CHAIN_OK;
}

static enum tn_chain_verdict judge_report(struct tn_chain *chain, struct chain_judge *judge,
                                          const char **what, const struct tn_block_item *item)
{
    const struct tn_public_key *key =
        tn_registry_feeder(chain->registry, item->as.report.report.signer, judge->exec_height);
    if (!is_signed(chain, item, &item->as.report.signature, key)) {
        return bad(what, "a report is not signed by a feeder");
    }
    return check_room(chain, judge, what, item->as.report.market);
}

static enum tn_chain_verdict judge_deposit(struct tn_chain *chain, struct chain_judge *judge,
                                           const char **what, const struct tn_block_item *item)
{
    const struct tn_public_key *key =
        tn_registry_key(chain->registry, TN_REGISTRY_KEY_FAUCET, judge->exec_height);
    uint64_t number = item->as.deposit.number;
    if (number <= judge->deposits) return bad(what, "a deposit came in before");
    if (!is_signed(chain, item, &item->as.deposit.signature, key)) {
        return bad(what, "a deposit is not signed by the faucet");
    }
    if (number != judge->deposits + 1) return wait(what, "a deposit's number is not the next");
    enum tn_chain_verdict verdict = check_numbered(chain, judge, what, item->as.deposit.market, 0);
    if (verdict == TN_CHAIN_OK) judge->deposits = number;
    return verdict;
}

static enum tn_chain_verdict judge_governance(struct tn_chain *chain, struct chain_judge *judge,
                                              const char **what, const struct tn_block_item *item)
{
    const struct tn_public_key *key =
        tn_registry_key(chain->registry, TN_REGISTRY_KEY_GOVERNANCE, judge->exec_height);
    uint64_t number = item->as.governance.number;
    enum tn_chain_verdict verdict = TN_CHAIN_OK;
    struct tn_registry_command command;
    struct tn_stream_fault fault;
    if (number <= judge->governance) return bad(what, "an act of governance came in before");
    if (!is_signed(chain, item, &item->as.governance.signature, key)) {
        return bad(what, "an act of governance is not signed by its key");
    }
    if (item->as.governance.market == 0 &&
        !tn_registry_read_command(&command, &fault, item->as.governance.bytes,
                                  item->as.governance.size)) {
        return bad(what, "an act of governance is no command of the registry");
    }
    if (number != judge->governance + 1) {
        return wait(what, "the number of an act of governance is not the next");
    }
    if (item->as.governance.market != 0) {
        verdict = check_numbered(chain, judge, what, item->as.governance.market,
                                 item->as.governance.size);
    }
    if (verdict == TN_CHAIN_OK) judge->governance = number;
    return verdict;
}

static enum tn_chain_verdict judge_operation(struct tn_chain *chain, struct chain_judge *judge,
                                             const char **what, const struct tn_block_item *item)
{
    if (!is_owners(chain, item)) return bad(what, "an operation is not signed by its owner");
    return check_room(chain, judge, what, item->as.operation.market);
}

static enum tn_chain_verdict judge_forced(struct tn_chain *chain, struct chain_judge *judge,
                                          const char **what, bool *unknown,
                                          const struct tn_block_item *item)
{
    const struct tn_frame *frame = &item->as.forced;
    struct tn_session session;
    bool is_unknown = false;
    uint32_t place = tn_chain_place_of(chain, frame->market);
    if (place == TN_NONE) return bad(what, "an item is for a market that there is not");
    if (frame->term != 0) return bad(what, "a forced frame names a term");
    if (++judge->forced_count > chain->limits.forced_max) {
        return bad(what, "there are too many forced frames");
    }
    if (!tn_market_session(chain->shards[place].market, &session, frame->session)) {
        is_unknown = *unknown = true;
    } else if (!is_signed(chain, item, &frame->signature, &session.key)) {
        return bad(what, "a forced frame is not signed by its session");
    }
    enum tn_chain_verdict verdict = check_room(chain, judge, what, frame->market);
    if (verdict != TN_CHAIN_OK || !is_unknown || !judge->local) return verdict;
    return wait(what, "a forced frame is of a session not known here");
}

static void evidence_context(struct tn_evidence_context *context, const struct tn_chain *chain)
{
    *context = (struct tn_evidence_context){.checkpoint_domain = chain->limits.checkpoint_domain,
                                            .signatures = chain->world.signatures};
    memcpy(context->chain_id, chain->limits.chain_id, sizeof context->chain_id);
}

static enum tn_chain_verdict judge_term(struct tn_chain *chain, struct chain_judge *judge,
                                        const char **what, const struct tn_block_item *item)
{
    const struct tn_term_end *end = &item->as.term;
    struct tn_evidence_context context;
    uint32_t place = tn_chain_place_of(chain, end->head.market);
    if (place == TN_NONE) return bad(what, "a term is of a market that there is not");
    const struct chain_head *head = &judge->tip->heads[place];
    if (head->term == 0 || end->head.term != head->term || end->head.sequence != head->sequence ||
        !tn_hash_equal(&end->head.digest, &head->digest)) {
        return bad(what, "a term ends at another head than its market's");
    }
    if ((judge->ended >> place & 1) != 0) return bad(what, "a term ends twice");
    if (end->cause == TN_TERM_LAGGED &&
        !tn_chain_is_late(chain, judge->line, judge->tip, head, head->cursor)) {
        return bad(what, "a term ends because of a lag that there is not");
    }
    evidence_context(&context, chain);
    if (end->cause != TN_TERM_LAGGED && !tn_registry_check_term(chain->registry, &context, end)) {
        return bad(what, "a term's end is not signed by a quorum, or by the leader");
    }
    judge->ended |= UINT32_C(1) << place;
    return TN_CHAIN_OK;
}

static enum tn_chain_verdict judge_evidence(struct tn_chain *chain, struct chain_judge *judge,
                                            const char **what, const struct tn_block_item *item)
{
    struct tn_evidence_context context;
    evidence_context(&context, chain);
    switch (tn_registry_check_evidence(chain->registry, &context, &item->as.evidence)) {
        case TN_ANSWER_KNOWN: judge->is_known = true; return TN_CHAIN_OK; /* maybe not elsewhere */
        case TN_ANSWER_DONE: return TN_CHAIN_OK;
        case TN_ANSWER_FULL:
        case TN_ANSWER_RANGE:
        case TN_ANSWER_UNKNOWN:
        case TN_ANSWER_KEY:
        case TN_ANSWER_TOO_FEW:
        case TN_ANSWER_SLASHED:
        case TN_ANSWER_STAKE_BOUND:
        case TN_ANSWER_TOO_SOON:
        case TN_ANSWER_TOO_OLD:
        case TN_ANSWER_SIGNATURE:
        case TN_ANSWER_NUMBER: break;
    }
    return bad(what, "an evidence proves nothing");
}

enum tn_chain_verdict tn_chain_judge_one(struct tn_chain *chain, struct chain_judge *judge,
                                         const char **what, bool *unknown,
                                         const struct tn_block_item *item)
{
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT: return judge_report(chain, judge, what, item);
        case TN_ITEM_DEPOSIT: return judge_deposit(chain, judge, what, item);
        case TN_ITEM_FORCED: return judge_forced(chain, judge, what, unknown, item);
        case TN_ITEM_OPERATION: return judge_operation(chain, judge, what, item);
        case TN_ITEM_GOVERNANCE: return judge_governance(chain, judge, what, item);
        case TN_ITEM_TERM: return judge_term(chain, judge, what, item);
        case TN_ITEM_EVIDENCE: return judge_evidence(chain, judge, what, item);
    }
    return bad(what, "there are no items of this kind");
}

/* ---- For a pool of items that wait -------------------------------------------------------------
 */

/* Whose it is, and its place there. */
static void note_group(const struct tn_chain *chain, uint64_t *group, uint64_t *number,
                       const struct tn_block_item *item)
{
    struct tn_hash digest;
    *group = 0;
    *number = 0;
    switch ((enum tn_item_kind)item->kind) {
        case TN_ITEM_REPORT: {
            const struct tn_report *report = &item->as.report.report;
            *group = (uint64_t)item->as.report.market << 40 ^ (uint64_t)report->signer << 35 ^
                     (uint64_t)report->feed << 32 ^ (uint64_t)report->underlying << 16 ^
                     report->expiry_day;
            *number = report->sequence;
            return;
        }
        case TN_ITEM_DEPOSIT: *number = item->as.deposit.number; return;
        case TN_ITEM_GOVERNANCE: *number = item->as.governance.number; return;
        case TN_ITEM_FORCED: /* in no order of its own: how much of the room it takes */
            *group = item->as.forced.session;
            *number = tn_stream_block_item_weight(item);
            return;
        case TN_ITEM_OPERATION:
            tn_keccak256(&digest, item->as.operation.owner.bytes, TN_ADDRESS_SIZE);
            *group = tn_get_be(digest.bytes, 8);
            return;
        case TN_ITEM_TERM: *group = item->as.term.head.market; return;
        case TN_ITEM_EVIDENCE: *group = item->as.evidence.signer; return;
    }
    (void)chain;
}

/* No block has room for it beside others. */
static bool is_too_long(const struct tn_chain *chain, const struct tn_block_item *item, size_t size)
{
    const uint64_t bytes = TN_ITEM_LENGTH_BYTES + 1 + (uint64_t)size;
    const uint64_t weight = tn_stream_block_item_weight(item);
    if (item->kind != TN_ITEM_FORCED) {
        return bytes > chain->limits.item_bytes_max || weight > chain->limits.weight_max / 4;
    }
    return bytes > tn_chain_forced_bytes_max(&chain->limits) ||
           weight > tn_chain_forced_weight_max(&chain->limits);
}

enum tn_chain_verdict tn_chain_judge_item(struct tn_chain *chain, uint64_t *group, uint64_t *number,
                                          uint8_t kind, const uint8_t *bytes, size_t size)
{
    static const struct chain_line nothing;
    struct chain_tip tip;
    struct tn_block_item item;
    struct tn_stream_fault fault;
    const char *what;
    bool unknown = false;
    *group = *number = 0;
    if (size >= TN_ITEM_BYTES_MAX) return TN_CHAIN_BAD;
    chain->item[0] = kind;
    if (size > 0) memcpy(chain->item + 1, bytes, size);
    if (!tn_stream_read_block_item(&item, &fault, chain->scratch.stream, chain->item, size + 1)) {
        return TN_CHAIN_BAD;
    }
    tn_chain_executed_tip(chain, &tip);
    struct chain_judge judge = {.line = &nothing,
                                .tip = &tip,
                                .exec_height = chain->heads.height,
                                .deposits = tip.deposits,
                                .governance = tip.governance,
                                .is_pool = true,
                                .local = true};
    note_group(chain, group, number, &item);
    /* A session that nobody has opened yet: whoever likes could fill the pool with such. */
    enum tn_chain_verdict verdict = tn_chain_judge_one(chain, &judge, &what, &unknown, &item);
    if (unknown || is_too_long(chain, &item, size)) return TN_CHAIN_BAD;
    if (judge.is_known) return TN_CHAIN_BAD; /* a validator could go on accusing itself for ever */
    if (verdict == TN_CHAIN_BAD && judge.no_room) return TN_CHAIN_WAIT;
    return verdict;
}
