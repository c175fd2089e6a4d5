/* node_load: see the header.
 *
 * What rests in the books says who may bid where, so nothing else need be known of how the home was
 * made. Each bid is cancelled after ORDERS_LIVE others came: the market stays as large as it is. */
#include "node_load.h"

enum { ORDERS_LIVE = 512 };

static uint64_t read_number(const uint8_t *bytes, uint32_t count)
{
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* The bids that rest in each series say who may bid there, and at which price. */
static void find_targets(struct load *load)
{
    enum { SERIES_BYTES = 112, COUNTS = 16, ORDER = 128, OF_BOOK = 2 };
    const struct tn_replica *replica = machine_replica(load->machine);
    const size_t book_max = tn_replica_record_size_max(tn_replica_limits(replica), TN_RECORD_BOOK);
    uint8_t *book = bench_map(book_max), series[SERIES_BYTES];
    uint32_t count = tn_replica_records_count(replica, TN_RECORD_BOOK);
    for (uint32_t slot = 0; slot < count; slot++) {
        size_t size = tn_replica_record(replica, book, book_max, TN_RECORD_BOOK, slot);
        uint32_t bids = size < COUNTS ? 0 : (uint32_t)read_number(book, 4);
        size = tn_replica_record(replica, series, sizeof series, TN_RECORD_SERIES, slot);
        TN_ASSERT(bids == 0 || size == sizeof series);
        for (uint32_t i = 0; i < bids && i < OF_BOOK && load->targets_count < LOAD_TARGETS_MAX;
             i++) {
            const uint8_t *order = book + COUNTS + (size_t)i * ORDER;
            load->targets[load->targets_count++] =
                (struct load_target){.series_id = read_number(series, 8),
                                     .account = (uint32_t)read_number(order + 8, 4),
                                     .price = (tn_ticks)read_number(order + 16, 8)};
        }
    }
    bench_unmap(book, book_max);
    TN_ASSERT(load->targets_count > 0);
}

void load_open(struct load *load, struct machine *machine)
{
    *load = (struct load){.machine = machine, .first = machine_entries(machine)};
    find_targets(load);
}

/* Bids, then by turns a bid and a cancel of the one that came ORDERS_LIVE bids before. */
static size_t write_entry(struct load *load, uint8_t *out)
{
    const uint64_t base = UINT64_C(1000000) + load->first, turn = load->next - ORDERS_LIVE;
    const bool is_cancel = load->next >= ORDERS_LIVE && turn % 2 == 1;
    uint64_t order = load->next;
    if (load->next >= ORDERS_LIVE) order = turn / 2 + (is_cancel ? 0 : ORDERS_LIVE);
    const struct load_target *target = &load->targets[order * 1031 % load->targets_count];
    struct tn_command command = {.kind = TN_COMMAND_CANCEL, .as.cancel.client_id = base + order};
    if (!is_cancel) {
        command = (struct tn_command){.kind = TN_COMMAND_PLACE, .client_id = base + order};
        command.as.terms[0] = (struct tn_order_terms){.series_id = target->series_id,
                                                      .price = target->price,
                                                      .quantity = 1,
                                                      .fee_max_ppm = 10000};
    }
    struct tn_entry entry = {.kind = TN_ENTRY_FRAME};
    entry.as.frame.commands = &command;
    entry.as.frame.commands_count = 1;
    entry.as.frame.account = target->account;
    entry.as.frame.nonce = base + load->next++;
    entry.as.frame.valid_until_block = UINT64_MAX;
    size_t size = tn_stream_write_entry(out, LOAD_ENTRY_BYTES, &entry);
    TN_ASSERT(size > 0 && size <= LOAD_ENTRY_BYTES);
    return size;
}

size_t load_write(struct load *load)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < LOAD_IN_FLIGHT; i++)
        bytes += load->sizes[i] = write_entry(load, load->bytes[i]);
    return bytes;
}

void load_take(struct load *load)
{
    struct machine_results results;
    struct tn_stream_fault fault;
    uint64_t durable;
    for (uint32_t i = 0; i < LOAD_IN_FLIGHT; i++) {
        enum machine_answer answer =
            machine_take(load->machine, &results, &fault, load->bytes[i], load->sizes[i]);
        TN_ASSERT(answer == MACHINE_TAKEN);
        for (uint32_t k = 0; k < results.events_count; k++)
            load->rejects_count += results.events[k].reject != TN_REJECT_NONE;
    }
    enum machine_answer answer = machine_sync(load->machine, &durable);
    TN_ASSERT(answer == MACHINE_TAKEN);
}

void load_tend(struct load *load)
{
    enum machine_answer answer = machine_tend(load->machine);
    TN_ASSERT(answer == MACHINE_TAKEN);
}

void load_append(struct load *load)
{
    load_write(load);
    load_take(load);
    load_tend(load);
}

struct machine *load_open_machine(const char *home, uint64_t block_entries)
{
    const struct machine_options options = {.home = home,
                                            .block_entries = block_entries,
                                            .checkpoint_blocks = LOAD_CHECKPOINT_BLOCKS,
                                            .quiet = true};
    struct machine *machine = machine_open(&options);
    if (machine == NULL) exit(1);
    return machine;
}

uint64_t load_height(const struct machine *machine)
{
    return machine_height(machine);
}
