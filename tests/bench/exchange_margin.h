/* exchange_margin: what a load in a market with a margin engine has beyond others: reports of all
 * feeds, and beside it the same market without margin, whose marks come by MARKS entries. */
#ifndef EXCHANGE_MARGIN_H
#define EXCHANGE_MARGIN_H

#include "exchange_load.h"

#define LOAD_SPOT_MICROS INT64_C(60000000000)

/* Spot, forwards and surfaces as they stand at this time. */
void load_add_reports(struct load_part *part, const struct load_workload *workload,
                      int64_t time_ms);

void load_open_plain(struct load *load);
void load_close_plain(struct load *load);
uint32_t load_run_plain(struct load *load, const struct tn_entry *entry);
/* Runs it, and packs it behind the frames if it belongs to the timed part. */
void load_pass_on(struct load *load, const struct tn_entry *entry, bool timed);

#endif
