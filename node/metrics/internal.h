/* What the two files of metrics share: a line of the list. */
#ifndef NODE_METRICS_INTERNAL_H
#define NODE_METRICS_INTERNAL_H

#include "metrics/metrics.h"

enum metrics_type { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };

struct metrics_row {
    const char *name, *label, *help;
    const char *const *names; /* [0] is NULL: numbers */
    uint64_t unit;
    uint32_t places;
    enum metrics_type type;
};
extern const struct metrics_row metrics_rows[METRICS_COUNT];

const char *metrics_type_text(enum metrics_type type);

#endif
