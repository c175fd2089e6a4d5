/* thin_market: the series of the market, and values of theirs in and out.
 *
 * They are asked for once a command: contracts never change while a series lives, so what was
 * converted stays right. */
#include "thin.h"

#include <stdlib.h>
#include <string.h>

struct taken {
    struct instruments *instruments;
    uint64_t last; /* id of the last one, for the next page */
    bool more;
    bool is_short; /* of memory */
};

static void set_schedule(struct instrument *to, const struct tn_instrument *from)
{
    to->schedule.steps_count = from->steps_count;
    if (from->steps_count == 0 || from->steps_count > TN_TICK_STEPS_MAX) {
        to->schedule.steps_count = 1;
        to->schedule.steps[0].from_ticks = 0;
        to->schedule.steps[0].step_ticks = 1;
        return;
    }
    for (uint32_t i = 0; i < from->steps_count; i++) {
        to->schedule.steps[i].from_ticks = from->steps[i].from;
        to->schedule.steps[i].step_ticks = from->steps[i].step;
    }
}

/* False: numbers that no contract has; the series is left out. */
static bool set_instrument(struct instrument *to, const struct tn_instrument *from)
{
    const int64_t scale = 1000000000; /* of quantities, instrument.c */
    *to = (struct instrument){.series_id = from->series_id,
                              .status = from->status,
                              .kind = from->kind,
                              .expiry_ms = from->expiry_ms,
                              .underlying_id = from->underlying_id,
                              .expiry_day = from->expiry_day,
                              .strike_micros = from->strike_micros,
                              .settlement_micros = from->settlement_micros,
                              .micros_per_tick = from->micros_per_tick,
                              .tick_micros = from->tick_micros,
                              .lots_per_unit = from->lots_per_unit};
    set_schedule(to, from);
    if (to->lots_per_unit < 1 || scale % to->lots_per_unit != 0) to->lots_per_unit = 1;
    if (strlen(from->name) >= sizeof to->name ||
        strlen(from->underlying) >= sizeof to->underlying || to->tick_micros < 1 ||
        !tn_tick_schedule_valid(&to->schedule)) {
        return false;
    }
    memcpy(to->name, from->name, strlen(from->name) + 1);
    memcpy(to->underlying, from->underlying, strlen(from->underlying) + 1);
    return true;
}

static bool take(void *context, const struct tn_client_news *news)
{
    struct taken *taken = context;
    struct instruments *instruments = taken->instruments;
    if (news->kind != TN_NEWS_INSTRUMENTS) return false;
    uint32_t count = news->as.instruments.count;
    size_t wanted = (size_t)instruments->count + count + 1;
    struct instrument *list = realloc(instruments->list, wanted * sizeof *list);
    taken->more = news->as.instruments.more && count > 0;
    if (list == NULL) {
        taken->is_short = true;
        taken->more = false;
        return true;
    }
    instruments->list = list;
    for (uint32_t i = 0; i < count; i++) {
        struct instrument *to = &list[instruments->count];
        taken->last = news->as.instruments.list[i].series_id;
        if (set_instrument(to, &news->as.instruments.list[i])) instruments->count++;
    }
    return true;
}

bool thin_series(struct thin *thin)
{
    struct taken taken = {.instruments = &thin->instruments};
    struct tn_question question = {.kind = TN_ASK_INSTRUMENTS, .market = thin_market(thin)};
    if (thin->instruments.list != NULL) return true;
    do {
        question.after_series_id = taken.last;
        if (!thin_ask(thin, &question, take, &taken)) return false;
    } while (taken.more);
    instruments_sort(&thin->instruments);
    return !taken.is_short || thin_fail(thin, END_FAILED, "out of memory");
}

/* ---- In ---------------------------------------------------------------------------------------
 */

const struct instrument *thin_find(struct thin *thin, const char *name)
{
    char why[INSTRUMENT_WHY_SIZE];
    if (!thin_series(thin)) return NULL;
    const struct instrument *found = instruments_find(&thin->instruments, name, why);
    if (found == NULL) thin_fail(thin, END_REFUSED, "%s", why);
    return found;
}

bool thin_price(struct thin *thin, tn_ticks *price, const struct instrument *instrument,
                const char *text)
{
    char why[INSTRUMENT_WHY_SIZE];
    return instrument_price(price, instrument, text, why) ||
           thin_fail(thin, END_REFUSED, "%s", why);
}

bool thin_quantity(struct thin *thin, tn_lots *quantity, const struct instrument *instrument,
                   const char *text)
{
    char why[INSTRUMENT_WHY_SIZE];
    return instrument_quantity(quantity, instrument, text, why) ||
           thin_fail(thin, END_REFUSED, "%s", why);
}

bool thin_money(struct thin *thin, tn_micros *micros, const char *what, const char *text, bool any)
{
    switch (decimal_parse(micros, text, 6, false)) {
        case DECIMAL_GOOD:
            if (any || *micros > 0) return true;
            return thin_refuse(thin, "%s is above zero, not %.40s", what, text);
        case DECIMAL_TOO_FINE:
            return thin_refuse(thin, "%s has at most six decimals, unlike %.40s", what, text);
        case DECIMAL_TOO_LARGE:
            return thin_refuse(thin, "%s is more than there can be: %.40s", what, text);
        case DECIMAL_NOT_A_NUMBER: break;
    }
    return thin_refuse(thin, "%s is written like 1250.50, not '%.40s'", what, text);
}

bool thin_side(struct thin *thin, uint8_t *side, const char *text)
{
    if (strcmp(text, "buy") == 0 || strcmp(text, "sell") == 0) {
        *side = text[0] == 'b' ? TN_BUY : TN_SELL;
        return true;
    }
    return thin_refuse(thin, "say buy or sell, not '%.40s'", text);
}

/* ---- Out --------------------------------------------------------------------------------------
 */

void thin_put_price(struct thin *thin, const char *name, uint64_t series_id, tn_ticks price)
{
    char text[DECIMAL_SIZE];
    const struct instrument *instrument = instruments_by_id(&thin->instruments, series_id);
    if (instrument == NULL) {
        output_signed(thin->output, name, price); /* in ticks: what there is to say */
        return;
    }
    output_text(thin->output, name, instrument_price_text(text, instrument, price));
}

void thin_put_quantity(struct thin *thin, const char *name, uint64_t series_id, tn_lots quantity)
{
    char text[DECIMAL_SIZE];
    const struct instrument *instrument = instruments_by_id(&thin->instruments, series_id);
    if (instrument == NULL) {
        output_signed(thin->output, name, quantity);
        return;
    }
    output_text(thin->output, name, instrument_quantity_text(text, instrument, quantity));
}

void thin_put_series(struct thin *thin, uint64_t series_id)
{
    const struct instrument *instrument = instruments_by_id(&thin->instruments, series_id);
    if (instrument == NULL)
        output_number(thin->output, "series", series_id);
    else
        output_text(thin->output, "series", instrument->name);
}

void thin_put_of_unit(struct thin *thin, const char *name, uint64_t series_id, tn_micros micros)
{
    const struct instrument *instrument = instruments_by_id(&thin->instruments, series_id);
    if (instrument == NULL)
        output_none(thin->output, name);
    else
        output_money(thin->output, name, instrument_of_unit(instrument, micros));
}
