/* gateway_beside: what a node adds to the machine's own round trip.
 *
 * Half a round is orders, each due by the clock and counted from there until its soft answer; the
 * other half is raw round trips over TCP, due by the same clock, sent and awaited by the same loop
 * and counted from there as well: how late the client wakes is in both. Rounds are short and take
 * turns, so that what the machine does meanwhile is done to both. */
#include "gateway_load.h"

enum { FRAMES_EACH = 250 };

struct sample {
    uint32_t *ns;
    uint32_t count, room;
};
/* From when it was due: until it was sent, until it was answered; and between these two. */
struct samples {
    struct sample sent, answered, between;
};

static void samples_make(struct samples *samples, uint32_t room)
{
    struct sample *all[] = {&samples->sent, &samples->answered, &samples->between};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i] = (struct sample){.ns = calloc(room, sizeof(uint32_t)), .room = room};
        TN_ASSERT(all[i]->ns != NULL);
    }
}

static void samples_free(struct samples *samples)
{
    free(samples->sent.ns);
    free(samples->answered.ns);
    free(samples->between.ns);
}

static void add(struct sample *sample, uint64_t ns)
{
    TN_ASSERT(sample->count < sample->room);
    sample->ns[sample->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static void add_all(struct samples *samples, uint64_t due_ns, uint64_t sent_ns,
                    uint64_t answered_ns)
{
    add(&samples->sent, sent_ns - due_ns);
    add(&samples->answered, answered_ns - due_ns);
    add(&samples->between, answered_ns - sent_ns);
}

static void raw_round(struct samples *samples, struct raw_times *times, bool client_spins,
                      bool server_spins)
{
    raw_run(times, client_spins, server_spins);
    for (uint32_t i = 0; i < times->count; i++)
        add_all(samples, i * times->interval_ns, times->sent_ns[i], times->answered_ns[i]);
}

static void order_round(struct samples *samples, struct load *load, uint32_t frames_per_second)
{
    load_run(load, frames_per_second, 4000);
    for (uint32_t i = 0; i < load->frames_count; i++) {
        if (load->soft_ns[i] == 0) continue;
        add_all(samples, load->start_ns + i * load->interval_ns, load->sent_ns[i],
                load->soft_ns[i]);
    }
}

static double percentile_us(struct sample *sample, uint32_t percent)
{
    if (sample->count == 0) return -1;
    qsort(sample->ns, sample->count, sizeof *sample->ns, bench_compare_u32);
    return sample->ns[(uint64_t)sample->count * percent / 100] / 1e3;
}

static void print_side(struct samples *samples, const char *side)
{
    const struct {
        const char *what;
        struct sample *sample;
        uint32_t percent;
    } fields[] = {{"p50", &samples->answered, 50},
                  {"p99", &samples->answered, 99},
                  {"sent_p50", &samples->sent, 50},
                  {"sent_to_answer_p50", &samples->between, 50}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s_us", side, fields[i].what);
        bench_json_double(name, percentile_us(fields[i].sample, fields[i].percent));
    }
}

static void print_line(const struct load *load, struct samples *orders, struct samples *raw,
                       uint32_t frames_per_second)
{
    bench_json_open("order_soft_beside_raw");
    bench_json_u64("nodes", load->net->nodes_count);
    bench_json_string("client", load->spins ? "spinning" : "asleep");
    bench_json_string("node", load->net->spin_us > 0 ? "spinning" : "asleep");
    bench_json_u64("node_spin_us", load->net->spin_us);
    bench_json_string("raw_server", load->net->spin_us > 0 ? "spinning" : "asleep");
    bench_json_string("pinned", "no");
    bench_json_u64("per_second", frames_per_second);
    bench_json_u64("orders", orders->answered.count);
    print_side(orders, "order");
    print_side(raw, "raw");
    bench_json_double("above_raw_p50_us",
                      percentile_us(&orders->answered, 50) - percentile_us(&raw->answered, 50));
    bench_json_u64("target_us", 60);
    bench_json_close();
}

void beside_print(struct load *load, uint32_t frames_per_second, uint32_t rounds)
{
    static uint64_t sent_ns[FRAMES_EACH], answered_ns[FRAMES_EACH];
    struct raw_times times = {.interval_ns = 1000000000 / frames_per_second,
                              .count = FRAMES_EACH,
                              .sent_ns = sent_ns,
                              .answered_ns = answered_ns};
    struct samples orders, raw;
    samples_make(&orders, rounds * FRAMES_EACH);
    samples_make(&raw, rounds * FRAMES_EACH);
    for (uint32_t i = 0; i < rounds; i++) {
        load_sign(load, LOAD_ORDERS, FRAMES_EACH, 1, TN_WAIT_SOFT);
        raw_round(&raw, &times, load->spins, load->net->spin_us > 0);
        order_round(&orders, load, frames_per_second);
    }
    print_line(load, &orders, &raw, frames_per_second);
    samples_free(&orders);
    samples_free(&raw);
}
