/* exit_twin: an exit checkpoint made anew, as docs/specs/state.md says it: every account worked out
 * by the margin engine in full, into a tree that held nothing before. */
#ifndef MODEL_EXIT_TWIN_H
#define MODEL_EXIT_TWIN_H

#include "tenor/exchange.h"
#include "tenor/riskview.h"
#include "tenor/state.h"

#include <stdlib.h>
#include <string.h>

/* The record of this height; `coming`: by account, what is under way to it, or NULL. */
static inline void exit_twin(uint8_t record[TN_PROOF_EXIT_SIZE], const struct tn_exchange *exchange,
                             uint32_t market, uint64_t height, const tn_micros *coming)
{
    const struct tn_ledger *ledger = tn_exchange_ledger(exchange);
    const uint32_t count = tn_exchange_accounts_count(exchange);
    const size_t size = tn_align(tn_equity_size(count > 0 ? count : 1));
    void *memory = aligned_alloc(64, size);
    tn_i128 vault = 0;
    TN_ASSERT(memory != NULL);
    memset(memory, 0, size);
    struct tn_equity *equity = tn_equity_init(memory, count > 0 ? count : 1, TN_CPU_BASE);
    tn_equity_count(equity, count);
    for (uint32_t i = 0; i < count; i++) {
        struct tn_account_view view;
        struct tn_account_risk_view risk;
        const tn_micros more = coming == NULL ? 0 : coming[i];
        const bool is_there = tn_exchange_account(exchange, &view, i);
        TN_ASSERT(is_there);
        tn_micros value = view.free_equity + view.reserved;
        if (tn_exchange_account_risk(exchange, &risk, i)) {
            value = risk.margin.equity;
            vault += risk.margin.collateral;
        }
        vault += more;
        tn_equity_set(equity, i, view.owner, value + more);
    }
    tn_equity_update(equity);
    const tn_micros insurance = ledger->house[TN_HOUSE_INSURANCE];
    vault -= ledger->house[TN_HOUSE_EXTERNAL] + insurance;
    const struct tn_state_exit exit = {
        .height = height, .vault_micros = (tn_micros)vault, .insurance_micros = insurance};
    struct tn_hash alone;
    tn_equity_record(equity, record, &alone, market, &exit);
    free(memory);
}

#endif
