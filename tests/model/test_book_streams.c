/* Random streams of messages through the books and their naive twin: equal reports, equal queues.
 *
 * Each world is a kind of market. Its stream runs three times: on the twin, by single calls with a
 * random room for reports (most often too small), and by tn_book_apply in random batches. On
 * failure it prints the seed; TENOR_SEED=<seed> repeats the run;
 * TENOR_NIGHTLY=1 makes it much longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "book/internal.h"
#include "book_twin.h"

#define CHUNK       64
#define REPORTS_MAX (1 << 16)

struct world {
    const char *name;
    struct tn_book_limits limits;
    uint32_t chunks;
    uint32_t ids;        /* how many different ids are drawn from */
    uint32_t prices;     /* how many different prices */
    tn_ticks price_step; /* between them; 0 = the whole range, boundaries of the tree included */
    tn_lots quantity_max;
    uint32_t submit_share; /* in percent; then cancels, the rest are replaces */
    uint32_t cancel_share;
    uint32_t sweep_share; /* percent of submits that are huge */
    uint32_t malformed_share;
};

static const struct world worlds[] = {
    {"dense prices", {1, 4096, 4096, 0}, 700, 600, 20, 1, 10, 50, 30, 1, 1},
    {"one deep level", {1, 4096, 4096, 0}, 400, 3000, 2, 1, 5, 70, 25, 1, 0},
    {"wide prices", {1, 4096, 4096, 0}, 500, 500, 1000000, 0, 100, 55, 25, 1, 1},
    {"millions of ticks apart", {2, 1024, 1024, 0}, 500, 300, 40, 999983, 9, 50, 30, 2, 1},
    {"stale cancels and reused ids", {1, 64, 64, 0}, 700, 8, 6, 1, 4, 40, 45, 5, 3},
    {"crossing replaces", {1, 256, 256, 0}, 600, 100, 8, 1, 6, 30, 10, 2, 1},
    {"sweeps of a full book", {1, 512, 512, 0}, 500, 2000, 200, 7, 3, 80, 10, 4, 0},
    {"empty books", {50, 32, 32, 0}, 600, 30, 5, 1, 3, 35, 55, 5, 2},
    {"many books", {300, 8192, 8192, 0}, 400, 6000, 30, 11, 20, 60, 25, 1, 1},
    {"orders run out", {2, 12, 12, 0}, 700, 40, 12, 1, 5, 60, 15, 5, 1},
    {"levels run out", {2, 64, 5, 0}, 700, 80, 12, 1, 5, 60, 15, 5, 1},
    {"one order at most", {1, 1, 1, 0}, 300, 4, 4, 1, 3, 60, 20, 5, 1},
};

struct run {
    const struct world *world;
    uint64_t seed;
    uint64_t random;
    struct book_twin twin;
    struct tn_books *single;
    struct tn_books *batch;
    struct tn_book_message messages[CHUNK];
    struct tn_book_report *expected;
    struct tn_book_report *got;
    uint32_t expected_count;
    uint32_t got_count;
};

static uint64_t draw(struct run *run, uint64_t bound)
{
    return tn_random_below(&run->random, bound);
}

struct hashed {
    uint32_t hash;
    uint64_t id;
};

static int by_hash(const void *left, const void *right)
{
    const struct hashed *a = left;
    const struct hashed *b = right;
    return (a->hash > b->hash) - (a->hash < b->hash);
}

/* find_twin_ids looks for two ids that the index of these books cannot tell apart by hash: among
 * 400 000 there are 18 pairs to be expected. */
static void find_twin_ids(const struct tn_books *books, uint64_t *ids)
{
    const uint32_t count = 400000;
    struct hashed *table = malloc(count * sizeof(*table));
    assert_non_null(table);
    for (uint32_t i = 0; i < count; i++) {
        table[i] = (struct hashed){tn_index_hash_near(&books->index, i + 10), i + 10};
    }
    qsort(table, count, sizeof(*table), by_hash);
    uint32_t at = 1;
    while (at < count && table[at].hash != table[at - 1].hash)
        at++;
    assert_true(at < count);
    ids[0] = table[at - 1].id;
    ids[1] = table[at].id;
    free(table);
}

/* The ids drawn from: the two ends, two pairs of twins of hash, and any others. */
static uint64_t twin_ids[4];

static uint64_t id_number(uint64_t number)
{
    if (number == 0) return 0;
    if (number == 1) return UINT64_MAX;
    if (number < 6) return twin_ids[number - 2];
    return tn_random_next(&number);
}

static tn_ticks draw_price(struct run *run)
{
    const struct world *world = run->world;
    if (world->price_step > 0) return (tn_ticks)draw(run, world->prices) * world->price_step - 7;
    switch (draw(run, 4)) {
        case 0: return draw(run, 2) ? TN_BOOK_PRICE_MAX : -TN_BOOK_PRICE_MAX;
        case 1: { /* around a power of 64, where nodes of the tree end */
            tn_ticks edge = INT64_C(1) << (6 * (1 + draw(run, 6)));
            tn_ticks price = edge + (tn_ticks)draw(run, 5) - 2;
            return draw(run, 2) ? price : -price;
        }
        case 2: return (tn_ticks)draw(run, 9) - 4;
        default: break;
    }
    return (tn_ticks)draw(run, 2 * (uint64_t)TN_BOOK_PRICE_MAX + 1) - TN_BOOK_PRICE_MAX;
}

static void spoil(struct run *run, struct tn_book_message *message)
{
    switch (draw(run, 7)) {
        case 0: message->book = run->world->limits.books_max + (uint32_t)draw(run, 3); break;
        case 1: message->side = 2 + (uint8_t)draw(run, 254); break;
        case 2: message->tif = 4 + (uint8_t)draw(run, 252); break;
        case 3: message->kind = 3 + (uint8_t)draw(run, 253); break;
        case 4: message->price = draw(run, 2) ? TN_BOOK_PRICE_MAX + 1 : INT64_MIN + 1; break;
        case 5: message->quantity = -(tn_lots)draw(run, 3); break;
        default: message->quantity = TN_BOOK_QUANTITY_MAX + 1; break;
    }
}

static struct tn_book_message draw_message(struct run *run)
{
    static const uint8_t tifs[] = {TN_BOOK_GTC, TN_BOOK_GTC, TN_BOOK_GTC, TN_BOOK_GTC,
                                   TN_BOOK_GTC, TN_BOOK_IOC, TN_BOOK_FOK, TN_BOOK_POST_ONLY};
    const struct world *world = run->world;
    struct tn_book_message message = {
        .id = id_number(draw(run, world->ids)),
        .price = draw_price(run),
        .quantity = 1 + (tn_lots)draw(run, (uint64_t)world->quantity_max),
        .book = (uint32_t)draw(run, world->limits.books_max),
        .side = (uint8_t)draw(run, 2),
        .tif = tifs[draw(run, sizeof(tifs))],
    };
    uint64_t share = draw(run, 100);
    if (share < world->submit_share)
        message.kind = TN_BOOK_SUBMIT;
    else if (share < world->submit_share + world->cancel_share)
        message.kind = TN_BOOK_CANCEL;
    else
        message.kind = TN_BOOK_REPLACE;
    if (draw(run, 100) < world->sweep_share) {
        message.quantity = draw(run, 2) ? TN_BOOK_QUANTITY_MAX : world->quantity_max * 100;
    }
    if (draw(run, 100) < world->malformed_share) spoil(run, &message);
    return message;
}

static struct tn_books *open_books(const struct world *world, uint64_t hash_seed)
{
    struct tn_book_limits limits = world->limits;
    limits.hash_seed = hash_seed;
    size_t size = tn_books_size(&limits);
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    memset(memory, 0, size);
    return tn_books_init(memory, &limits);
}

static void fail_run(const struct run *run, const char *what)
{
    print_error("world \"%s\": %s; repeat with TENOR_SEED=%llu ./test_book_streams\n",
                run->world->name, what, (unsigned long long)run->seed);
    fail();
}

/* Until a match has finished, any other message must be rejected and change nothing. */
static void knock_while_busy(struct run *run)
{
    struct tn_book_message message = draw_message(run);
    struct tn_book_report report;
    uint32_t done;
    if (tn_book_apply(run->single, &report, 1, &done, &message, 1) != 1 || done != 1 ||
        report.kind != TN_BOOK_REJECTED || report.reject != TN_REJECT_BOOK_BUSY) {
        fail_run(run, "a busy book did not say so");
    }
}

static uint32_t handle_single(struct run *run, const struct tn_book_message *message,
                              struct tn_book_report *reports, uint32_t room)
{
    switch (message->kind) {
        case TN_BOOK_SUBMIT: return tn_book_submit(run->single, reports, room, message);
        case TN_BOOK_CANCEL: return tn_book_cancel(run->single, reports, room, message->id);
        case TN_BOOK_REPLACE:
            return tn_book_replace(run->single, reports, room, message->id, message->price,
                                   message->quantity);
        default: break;
    }
    uint32_t done; /* an unknown kind can only come by tn_book_apply */
    return tn_book_apply(run->single, reports, room, &done, message, 1);
}

static void run_single(struct run *run)
{
    run->got_count = 0;
    for (uint32_t i = 0; i < CHUNK; i++) {
        uint32_t room = 1 + (uint32_t)draw(run, 4);
        uint32_t count = handle_single(run, &run->messages[i], &run->got[run->got_count], room);
        for (;;) {
            if (count > room) fail_run(run, "more reports than there was room for");
            run->got_count += count;
            if (!tn_book_unfinished(run->single)) break;
            if (count != room) fail_run(run, "unfinished with room left");
            if (draw(run, 8) == 0) knock_while_busy(run);
            room = 1 + (uint32_t)draw(run, 3);
            count = tn_book_continue(run->single, &run->got[run->got_count], room);
        }
    }
}

static void run_batch(struct run *run)
{
    run->got_count = 0;
    uint32_t handled = 0;
    while (handled < CHUNK) {
        uint32_t count = 1 + (uint32_t)draw(run, CHUNK - handled);
        uint32_t room = draw(run, 2) ? REPORTS_MAX / 2 : 1 + (uint32_t)draw(run, 20);
        uint32_t done;
        run->got_count += tn_book_apply(run->batch, &run->got[run->got_count], room, &done,
                                        &run->messages[handled], count);
        if (done == 0 || done > count) fail_run(run, "apply did nothing, or too much");
        handled += done;
        while (tn_book_unfinished(run->batch)) {
            room = 1 + (uint32_t)draw(run, 30);
            run->got_count += tn_book_continue(run->batch, &run->got[run->got_count], room);
        }
    }
}

static void compare(struct run *run, const char *what)
{
    if (run->got_count != run->expected_count) fail_run(run, what);
    for (uint32_t i = 0; i < run->got_count; i++) {
        if (memcmp(&run->got[i], &run->expected[i], sizeof(run->got[i])) != 0) fail_run(run, what);
    }
}

static void compare_depth(struct run *run, uint32_t book, enum tn_side side)
{
    struct tn_book_level levels[8];
    const struct book_twin_queue *queue = &run->twin.queues[book * 2 + side];
    uint32_t count = tn_book_depth(run->single, levels, 8, book, side);
    uint32_t place = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_book_level level = {.price = queue->orders[place].price};
        while (place < queue->count && queue->orders[place].price == level.price) {
            level.quantity += queue->orders[place++].quantity;
            level.orders++;
        }
        if (levels[i].price != level.price || levels[i].quantity != level.quantity ||
            levels[i].orders != level.orders) {
            fail_run(run, "the depth differs from the twin's");
        }
    }
    if (count < 8 && place != queue->count) fail_run(run, "the depth ends too soon");
}

static void run_world(const struct world *world, uint64_t seed)
{
    static struct run run;
    run = (struct run){.world = world, .seed = seed, .random = seed ^ world->ids};
    run.single = open_books(world, seed);
    run.batch = open_books(world, ~seed); /* another order of cells, the same reports */
    if (twin_ids[0] == 0) {
        find_twin_ids(run.single, &twin_ids[0]);
        find_twin_ids(run.batch, &twin_ids[2]);
    }
    run.expected = malloc(REPORTS_MAX * sizeof(*run.expected));
    run.got = malloc(REPORTS_MAX * sizeof(*run.got));
    book_twin_open(&run.twin, &world->limits);
    uint32_t chunks = world->chunks * (getenv("TENOR_NIGHTLY") != NULL ? 50 : 2);
    for (uint32_t chunk = 0; chunk < chunks; chunk++) {
        run.expected_count = 0;
        for (uint32_t i = 0; i < CHUNK; i++) {
            run.messages[i] = draw_message(&run);
            book_twin_handle(&run.twin, &run.messages[i]);
            assert_true(run.expected_count + run.twin.reports_count < REPORTS_MAX / 2);
            memcpy(&run.expected[run.expected_count], run.twin.reports,
                   run.twin.reports_count * sizeof(*run.expected));
            run.expected_count += run.twin.reports_count;
        }
        run_single(&run);
        compare(&run, "single calls differ from the twin");
        run_batch(&run);
        compare(&run, "tn_book_apply differs from the twin");
        if (!book_twin_same(&run.twin, run.single)) fail_run(&run, "the queues differ");
        if (!book_twin_same(&run.twin, run.batch)) fail_run(&run, "the queues of apply differ");
        compare_depth(&run, (uint32_t)draw(&run, world->limits.books_max), TN_BUY);
        compare_depth(&run, (uint32_t)draw(&run, world->limits.books_max), TN_SELL);
        if (chunk % 4 == 0 || world->limits.orders_max <= 64) tn_book_check(run.single, false);
        if (chunk % 8 == 0) tn_book_check(run.batch, false);
    }
    tn_book_check(run.single, false);
    tn_book_check(run.batch, false);
    book_twin_close(&run.twin);
    free(run.expected);
    free(run.got);
    free(run.single);
    free(run.batch);
}

static void test_book_reports_what_the_naive_twin_reports(void **state)
{
    (void)state;
    const char *given = getenv("TENOR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 20260509;
    for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
        run_world(&worlds[i], seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_reports_what_the_naive_twin_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
