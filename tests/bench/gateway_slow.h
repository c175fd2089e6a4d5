/* gateway_slow: the figure of bench_gateway about clients that do not read. */
#ifndef BENCH_GATEWAY_SLOW_H
#define BENCH_GATEWAY_SLOW_H

#include "gateway_load.h"

/* Lines of JSON: orders at 1 000/s beside no subscribers, beside four that read at once, and beside
 * the same four that read nothing, in as many rounds as fit into these seconds. */
void slow_print(const struct net *net, uint32_t seconds);

#endif
