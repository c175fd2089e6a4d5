/* exchange_margin: see the header. Volatility is 100 % a year, so that every option of the market
 * is worth more than a few ticks. */
#include "exchange_margin.h"

#include "bench.h"
#include "risk_market.h"

#define VOL_PPM 1000000

static void add_report(struct load_part *part, uint16_t underlying, uint16_t day, enum tn_feed feed,
                       int64_t time_ms)
{
    TN_ASSERT(part->entries_count < part->entries_max);
    struct tn_entry *entry = &part->entries[part->entries_count++];
    memset(entry, 0, sizeof(*entry));
    entry->kind = TN_ENTRY_REPORT;
    entry->as.report = (struct tn_report){.signer = 1,
                                          .underlying = underlying,
                                          .expiry_day = day,
                                          .feed = (uint8_t)feed,
                                          .confidence_ppm = 1000000,
                                          .sequence = (uint64_t)time_ms,
                                          .time_ms = time_ms,
                                          .value = LOAD_SPOT_MICROS};
    if (feed != TN_FEED_VOL) return;
    entry->as.report.value = 0;
    entry->as.report.surface =
        risk_market_surface(LOAD_SPOT_MICROS, risk_market_left_ms(day, time_ms), VOL_PPM);
}

void load_add_reports(struct load_part *part, const struct load_workload *workload, int64_t time_ms)
{
    for (uint16_t underlying = 1; underlying <= workload->underlyings; underlying++) {
        add_report(part, underlying, 0, TN_FEED_SPOT, time_ms);
        for (uint32_t i = 0; i < LOAD_DAYS; i++) {
            add_report(part, underlying, load_day(i), TN_FEED_FORWARD, time_ms);
            add_report(part, underlying, load_day(i), TN_FEED_VOL, time_ms);
        }
    }
}

void load_open_plain(struct load *load)
{
    struct load_plain *plain = &load->plain;
    plain->size = tn_exchange_size(&plain->limits);
    plain->memory = bench_map(plain->size);
    plain->start = bench_map(plain->size);
    plain->events_max = tn_exchange_events_max(&plain->limits);
    plain->events = bench_map(plain->events_max * sizeof(*plain->events));
    tn_exchange_init(plain->memory, &plain->limits);
}

void load_close_plain(struct load *load)
{
    struct load_plain *plain = &load->plain;
    bench_unmap(plain->memory, plain->size);
    bench_unmap(plain->start, plain->size);
    bench_unmap(plain->events, plain->events_max * sizeof(*plain->events));
    bench_unmap(plain->pack.bytes, plain->pack.size_max);
}

uint32_t load_run_plain(struct load *load, const struct tn_entry *entry)
{
    struct load_plain *plain = &load->plain;
    return tn_exchange_apply(plain->memory, plain->events, plain->events_max, entry);
}

void load_pass_on(struct load *load, const struct tn_entry *entry, bool timed)
{
    load_run_plain(load, entry);
    if (timed) pack_add(&load->plain.pack, entry);
}

struct tn_exchange *load_restart_plain(const struct load *load)
{
    memcpy(load->plain.memory, load->plain.start, load->plain.size);
    return load->plain.memory;
}
