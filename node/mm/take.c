/* The other side, for test nets: now and then a small order that takes what is offered.
 *
 * It buys and sells at random, more often what takes its own position back towards nothing, so that
 * a market of makers sees trades without running away. */
#include "mm/mm.h"

static uint32_t pick(struct mm *mm, uint32_t count)
{
    return (uint32_t)(mm_random(mm) % count);
}

/* A series that has the other side; NULL: none was found in some tries. */
static const struct mm_series *choose(struct mm *mm, uint8_t *side)
{
    for (uint32_t tries = 0; tries < 16 && mm->series_count > 0; tries++) {
        const struct mm_series *series = &mm->series[pick(mm, mm->series_count)];
        if (series->status != TN_STATUS_ACTIVE) continue;
        bool buys = pick(mm, 2) == 0;
        const tn_lots held = series->position + series->soft;
        if (held != 0 && pick(mm, 3) > 0) buys = held < 0;
        if ((buys ? series->best_ask_quantity : series->best_bid_quantity) == 0) continue;
        *side = buys ? TN_BUY : TN_SELL;
        return series;
    }
    return NULL;
}

void mm_take(struct mm *mm)
{
    uint8_t side;
    if (!mm->is_ready || mm->is_ended || mm->now_ms < mm->take_next_ms) return;
    /* Between half and one and a half of the mean. */
    uint64_t wait = mm->options.take_ms / 2 + mm_random(mm) % (mm->options.take_ms + 1);
    mm->take_next_ms = mm->now_ms + (int64_t)wait;
    const struct mm_series *series = choose(mm, &side);
    if (series == NULL) return;
    struct tn_command command = {.kind = TN_COMMAND_PLACE};
    command.as.terms[0] =
        (struct tn_order_terms){.series_id = series->id,
                                .price = side == TN_BUY ? series->best_ask : series->best_bid,
                                .quantity = 1 + pick(mm, (uint32_t)mm->options.size),
                                .fee_max_ppm = 10000,
                                .side = side,
                                .type = TN_LIMIT,
                                .tif = TN_IOC};
    if (mm_send(mm, MM_TAG_FRAME, &command, 1)) mm->figures.orders++;
}
