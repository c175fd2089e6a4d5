/* The demo's text: names, prices, money, and one line for every event worth reading.
 *
 * Money prints in dollars and cents when it is whole cents, and to the micro when it is not, so no
 * figure on the page is rounded. Long runs of equal cancels become one line. */
#include "demo.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const account_names[ACCOUNTS_COUNT] = {"north", "south", "taker"};
static const char *const side_names[] = {"buy", "sell"};
static const char *const reason_names[] = {
    [TN_REASON_REQUEST] = "on request",
    [TN_REASON_MASS_CANCEL] = "mass cancel",
    [TN_REASON_IMMEDIATE] = "the rest of an order that does not rest",
    [TN_REASON_SELF_TRADE] = "would trade with its own owner",
    [TN_REASON_EXPIRED] = "expired",
    [TN_REASON_OCO] = "its sibling went",
    [TN_REASON_REDUCE_ONLY] = "reduce-only, the position shrank",
    [TN_REASON_PROTECTION] = "protection tripped",
    [TN_REASON_FILL_LIMIT] = "the command made its maximum of fills",
    [TN_REASON_REQUOTED] = "quoted away",
    [TN_REASON_SETTLEMENT] = "the series settles",
    [TN_REASON_TRIGGER] = "triggered, then refused",
    [TN_REASON_AUCTION] = "auction",
};

const char *demo_account_name(uint32_t account)
{
    return account < ACCOUNTS_COUNT ? account_names[account] : "-";
}

struct demo_text demo_name(uint64_t series_id)
{
    struct demo_text out;
    const struct tn_underlying *underlying = demo_underlying();
    tn_series_name_format(out.text, series_id, (const char(*)[TN_SYMBOL_SIZE])underlying->symbol,
                          1);
    return out;
}

/* Writes value ÷ 10^6 with as many decimals as asked for; the rest must be zero. */
static struct demo_text decimal(int64_t micros, int decimals)
{
    struct demo_text out;
    uint64_t size = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    uint64_t fraction = size % 1000000;
    for (int i = decimals; i < 6; i++) {
        TN_ASSERT(fraction % 10 == 0);
        fraction /= 10;
    }
    int used = snprintf(out.text, sizeof out.text, "%s%llu", micros < 0 ? "-" : "",
                        (unsigned long long)(size / 1000000));
    if (decimals > 0) {
        snprintf(out.text + used, sizeof out.text - (size_t)used, ".%0*llu", decimals,
                 (unsigned long long)fraction);
    }
    return out;
}

struct demo_text demo_price(uint64_t series_id, tn_ticks price)
{
    tn_micros tick_micros = demo_contract(series_id)->tick_micros;
    return decimal(price * tick_micros, tick_micros % 1000000 == 0 ? 0 : 1);
}

struct demo_text demo_quantity(uint64_t series_id, tn_lots lots)
{
    int64_t lot_micro_units = demo_contract(series_id)->lot_micro_units;
    return decimal(lots * lot_micro_units, lot_micro_units % 100000 == 0 ? 1 : 3);
}

struct demo_text demo_money(tn_micros micros)
{
    return decimal(micros, micros % 10000 == 0 ? 2 : 6);
}

struct demo_text demo_clock(int64_t time_ms)
{
    static const char months[][4] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                     "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
    struct demo_text out;
    int64_t since_2020_ms = time_ms - TN_EPOCH_2020_MS;
    TN_ASSERT(since_2020_ms >= 0);
    struct tn_date date = tn_date_of_day((uint32_t)(since_2020_ms / TN_MS_PER_DAY));
    unsigned of_day_s = (unsigned)(since_2020_ms % TN_MS_PER_DAY / 1000);
    snprintf(out.text, sizeof out.text, "%u%s%02u %02u:%02u:%02u", date.day, months[date.month - 1],
             date.year % 100u, of_day_s / 3600, of_day_s / 60 % 60, of_day_s % 60);
    return out;
}

void demo_say(const struct demo *demo, const char *format, ...)
{
    if (demo->quiet) return;
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}

void demo_act(struct demo *demo, const char *title)
{
    demo->act++;
    demo_say(demo, "\n%u. %s  (%s UTC, block %llu)\n\n", demo->act, title,
             demo_clock(demo->time_ms).text, (unsigned long long)demo->height);
}

/* ---- Events ---- */

static const char *trade_kind(uint8_t flags)
{
    if (flags & TN_EVENT_PACKAGE) return "  package";
    if (flags & TN_EVENT_BLOCK) return "  block";
    return "";
}

static void print_trade(const struct tn_event *event, uint32_t number)
{
    printf("    fill %-3u    %-5s  %-4s %7s %-20s at %8s with %-5s  fees %s, %s%s\n", number,
           demo_account_name(event->account), side_names[event->side],
           demo_quantity(event->series_id, event->quantity).text, demo_name(event->series_id).text,
           demo_price(event->series_id, event->price).text, demo_account_name(event->other_account),
           demo_money(event->fee).text, demo_money(event->other_fee).text,
           trade_kind(event->flags));
}

/* What an order looks like in a line: who, side, how much of what. */
static void print_order(const char *what, const struct tn_event *event, tn_lots quantity)
{
    printf("    %-10s  %-5s  %-4s %7s %-20s", what, demo_account_name(event->account),
           side_names[event->side], demo_quantity(event->series_id, quantity).text,
           demo_name(event->series_id).text);
}

static void print_accepted(const struct tn_event *event)
{
    bool waits = (event->flags & TN_EVENT_STOP) != 0;
    print_order(waits ? "waits" : "accepted", event, event->quantity);
    printf(" at %8s%s (order %llu)\n", demo_price(event->series_id, event->price).text,
           waits ? " of the mark" : "", (unsigned long long)event->order_id);
}

/* Equal cancels in a row: printed one by one up to three, else as one line. Returns how many. */
static uint32_t print_cancels(const struct demo *demo, uint32_t first)
{
    const struct tn_event *event = &demo->events[first];
    uint32_t count = 1;
    while (first + count < demo->events_count &&
           demo->events[first + count].kind == TN_EVENT_CANCELLED &&
           demo->events[first + count].account == event->account &&
           demo->events[first + count].reason == event->reason) {
        count++;
    }
    if (event->reason == TN_REASON_SETTLEMENT) return count; /* said in sum, by the script */
    if (count > 3) {
        printf("    cancelled   %-5s  %u orders and quotes: %s\n",
               demo_account_name(event->account), count, reason_names[event->reason]);
        return count;
    }
    for (uint32_t i = 0; i < count; i++) {
        print_order("cancelled", &event[i], event[i].quantity);
        printf(" (order %llu): %s\n", (unsigned long long)event[i].order_id,
               reason_names[event[i].reason]);
    }
    return count;
}

static void print_money(const struct tn_event *event)
{
    printf("    %-10s  %-5s  %s\n", event->money < 0 ? "withdrawn" : "deposited",
           demo_account_name(event->account),
           demo_money(event->money < 0 ? -event->money : event->money).text);
}

static void print_settled(const struct tn_event *event)
{
    printf("    settled     %-5s  %8s %-20s receives %14s\n", demo_account_name(event->account),
           demo_quantity(event->series_id, event->quantity).text, demo_name(event->series_id).text,
           demo_money(event->money).text);
}

static void print_funded(const struct tn_event *event)
{
    printf("    funding     %-5s  %8s %-20s %s %14s\n", demo_account_name(event->account),
           demo_quantity(event->series_id, event->quantity).text, demo_name(event->series_id).text,
           event->money < 0 ? "receives" : "pays    ",
           demo_money(event->money < 0 ? -event->money : event->money).text);
}

static void print_event(const struct tn_event *event, uint32_t fill_number)
{
    switch ((enum tn_event_kind)event->kind) {
        case TN_EVENT_TRADE: print_trade(event, fill_number); return;
        case TN_EVENT_ACCEPTED: print_accepted(event); return;
        case TN_EVENT_REDUCED:
            print_order("reduced", event, event->quantity);
            printf(" (order %llu): %s\n", (unsigned long long)event->order_id,
                   reason_names[event->reason]);
            return;
        case TN_EVENT_REPLACED:
            print_order("replaced", event, event->quantity);
            printf(" at %8s (order %llu)%s\n", demo_price(event->series_id, event->price).text,
                   (unsigned long long)event->order_id,
                   event->flags & TN_EVENT_KEPT_PLACE ? ", kept its place" : ", loses its place");
            return;
        case TN_EVENT_REFRESHED:
            print_order("refreshed", event, event->quantity);
            printf(" shown, %s open, at the end of its level\n",
                   demo_quantity(event->series_id, event->remaining).text);
            return;
        case TN_EVENT_TRIGGERED:
            printf("    triggered   %-5s  %s: the mark reached %s\n",
                   demo_account_name(event->account), demo_name(event->series_id).text,
                   demo_price(event->series_id, event->price).text);
            return;
        case TN_EVENT_PROTECTED:
            printf("    protected   %-5s  group %u tripped and is frozen, %lld quotes gone\n",
                   demo_account_name(event->account), event->index, (long long)event->quantity);
            return;
        case TN_EVENT_SETTLED: print_settled(event); return;
        case TN_EVENT_FUNDED: print_funded(event); return;
        case TN_EVENT_MONEY: print_money(event); return;
        case TN_EVENT_OPENED:
            printf("    opened      %-5s  account %u\n", demo_account_name(event->account),
                   event->account);
            return;
        case TN_EVENT_RESULT:
            if (event->duplicate == 0) return;
            printf("    repeated    %-5s  client id %llu is order %llu, with the fill it had\n",
                   demo_account_name(event->account), (unsigned long long)event->client_id,
                   (unsigned long long)event->order_id);
            return;
        case TN_EVENT_CANCELLED:
        case TN_EVENT_QUOTED:
        case TN_EVENT_STATUS:
        case TN_EVENT_LISTED:
        case TN_EVENT_UNCROSSED:
        case TN_EVENT_MARKED:
        case TN_EVENT_FEED:
        case TN_EVENT_LIQUIDATION:
        case TN_EVENT_SLICE:
        case TN_EVENT_SEIZED:
        case TN_EVENT_DELEVERAGED:
        case TN_EVENT_INSURANCE:
        case TN_EVENT_DEBT:
        case TN_EVENT_SOCIALISED:
        case TN_EVENT_RISK:
        case TN_EVENT_BORROWED:
        case TN_EVENT_CALLED:
        case TN_EVENT_REMITTED: return; /* said in sum, by the script */
    }
}

void demo_print_events(const struct demo *demo)
{
    if (demo->quiet || demo->terse) return;
    uint32_t fill_number = demo->fills_count - demo_events_of(demo, TN_EVENT_TRADE);
    uint32_t at = 0;
    while (at < demo->events_count) {
        const struct tn_event *event = &demo->events[at];
        if (event->kind == TN_EVENT_CANCELLED) {
            at += print_cancels(demo, at);
            continue;
        }
        if (event->kind == TN_EVENT_TRADE) fill_number++;
        print_event(event, fill_number);
        at++;
    }
}
