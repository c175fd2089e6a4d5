/* report: a what-if's answer, for machines and for people. */
#ifndef NODE_TENOR_REPORT_H
#define NODE_TENOR_REPORT_H

#include "portfolio.h"

#include <stdio.h>

/* The answer as JSON; NULL when memory is short. */
json_t *report_json(const struct portfolio *portfolio, const struct tn_whatif_result *result);
/* The answer as aligned tables. */
void report_table(FILE *out, const struct portfolio *portfolio,
                  const struct tn_whatif_result *result);

/* Every parameter with its default and bounds, and the standard scenarios. */
json_t *report_parameters_json(void);
void report_parameters_table(FILE *out);

/* What the account may take out: max(0, min(m, CE)). */
tn_micros report_withdrawable(const struct tn_margin_result *margin);

#define REPORT_TEXT_SIZE 40
/* "2026-11-20T12:00:00Z" */
const char *report_time(char out[REPORT_TEXT_SIZE], int64_t time_ms);
/* "+18 %, vol up", "LINEAR skew at -66 %" */
const char *report_scenario(char out[REPORT_TEXT_SIZE], const struct tn_scenario *scenario);
/* A worst column: a scenario's number and name, "basis", or "none". */
const char *report_column(char out[REPORT_TEXT_SIZE], const struct portfolio *portfolio,
                          uint32_t column);
/* 2^-30 as a decimal that reads back as itself, in units of 10^-10. */
int64_t report_damping(const struct tn_scenario *scenario);
#define REPORT_DAMPING_DIGITS 10

#endif
