/* The parts of half two against the naive twin: rest, remove, reduce and move in any order, on
 * books that may cross, as an exchange does during an auction. TENOR_SEED=<seed> repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "book_twin.h"

struct run {
    struct tn_book_limits limits;
    struct tn_books *books;
    struct book_twin twin;
    uint64_t random;
    uint64_t seed;
    uint64_t next_id;
    uint32_t prices;
    tn_ticks step;
};

static uint64_t draw(struct run *run, uint64_t bound)
{
    return tn_random_below(&run->random, bound);
}

static void require(const struct run *run, bool condition, const char *what)
{
    if (condition) return;
    print_error("%s; repeat with TENOR_SEED=%llu ./test_book_parts\n", what,
                (unsigned long long)run->seed);
    fail();
}

static tn_ticks draw_price(struct run *run)
{
    return ((tn_ticks)draw(run, run->prices) - run->prices / 2) * run->step;
}

static bool twin_has_level(const struct run *run, uint32_t queue_index, tn_ticks price)
{
    const struct book_twin_queue *queue = &run->twin.queues[queue_index];
    for (uint32_t i = 0; i < queue->count; i++) {
        if (queue->orders[i].price == price) return true;
    }
    return false;
}

static void rest(struct run *run)
{
    uint32_t book = (uint32_t)draw(run, run->limits.books_max);
    enum tn_side side = draw(run, 2) ? TN_SELL : TN_BUY;
    struct book_twin_order order = {run->next_id++, draw_price(run), 1 + (tn_lots)draw(run, 9)};
    enum tn_reject expected = TN_REJECT_NONE;
    if (run->twin.orders_count == run->limits.orders_max)
        expected = TN_REJECT_ORDERS_FULL;
    else if (!twin_has_level(run, book * 2 + side, order.price) &&
             book_twin_levels_count(&run->twin) == run->limits.levels_max) {
        expected = TN_REJECT_LEVELS_FULL;
    }
    enum tn_reject reject;
    uint32_t slot =
        tn_book_rest(run->books, &reject, book, side, order.price, order.quantity, order.id);
    require(run, reject == expected, "rest: another answer than the twin's");
    require(run, (slot == TN_NONE) == (expected != TN_REJECT_NONE), "rest: slot and reject differ");
    if (slot == TN_NONE) return;
    require(run, tn_book_find(run->books, order.id) == slot, "rest: the id is not found");
    tn_book_resting(run->books)[slot].user = order.id * 3;
    book_twin_rest(&run->twin, book, side, order);
}

/* pick chooses a resting order: its place in the twin and its slot. */
static bool pick(struct run *run, uint32_t *queue, uint32_t *place, uint32_t *slot)
{
    *queue = (uint32_t)draw(run, run->limits.books_max * 2);
    uint32_t count = run->twin.queues[*queue].count;
    if (count == 0) return false;
    *place = (uint32_t)draw(run, count);
    *slot = tn_book_find(run->books, run->twin.queues[*queue].orders[*place].id);
    require(run, *slot != TN_NONE, "a resting id is not found");
    return true;
}

static void change(struct run *run)
{
    uint32_t queue;
    uint32_t place;
    uint32_t slot;
    if (!pick(run, &queue, &place, &slot)) return;
    struct book_twin_order *order = &run->twin.queues[queue].orders[place];
    uint64_t id = order->id;
    switch (draw(run, 3)) {
        case 0:
            tn_book_remove(run->books, slot);
            book_twin_remove(&run->twin, queue, place);
            require(run, tn_book_find(run->books, id) == TN_NONE, "a removed id is found");
            return;
        case 1:
            order->quantity = 1 + (tn_lots)draw(run, (uint64_t)order->quantity);
            tn_book_reduce(run->books, slot, order->quantity);
            break;
        default: {
            struct book_twin_order before = *order;
            struct book_twin_order after = {id, draw_price(run), 1 + (tn_lots)draw(run, 9)};
            uint32_t book = queue / 2;
            enum tn_side side = (enum tn_side)(queue % 2);
            book_twin_remove(&run->twin, queue, place);
            book_twin_rest(&run->twin, book, side, after);
            bool possible = book_twin_levels_count(&run->twin) <= run->limits.levels_max;
            require(run, tn_book_move(run->books, slot, after.price, after.quantity) == possible,
                    "move: another answer than the twin's");
            if (!possible) { /* back to its very place */
                uint32_t last = 0;
                while (run->twin.queues[queue].orders[last].id != id)
                    last++;
                book_twin_remove(&run->twin, queue, last);
                struct book_twin_queue *orders = &run->twin.queues[queue];
                memmove(&orders->orders[place + 1], &orders->orders[place],
                        (orders->count - place) * sizeof(before));
                orders->orders[place] = before;
                orders->count++;
                run->twin.orders_count++;
            }
            break;
        }
    }
    require(run, tn_book_find(run->books, id) == slot, "a changed order has left its slot");
    require(run, tn_book_resting(run->books)[slot].user == id * 3, "the caller's field is gone");
}

/* look asks about one price from outside and compares with a scan of the twin. */
static void look(struct run *run)
{
    uint32_t queue_index = (uint32_t)draw(run, run->limits.books_max * 2);
    const struct book_twin_queue *queue = &run->twin.queues[queue_index];
    uint32_t book = queue_index / 2;
    enum tn_side side = (enum tn_side)(queue_index % 2);
    tn_ticks price = draw_price(run) + (tn_ticks)draw(run, 3) - 1;
    if (draw(run, 20) == 0) price = draw(run, 2) ? INT64_MAX : INT64_MIN;
    struct tn_book_level level = {.price = price};
    const struct book_twin_order *front = NULL;
    const struct book_twin_order *behind = NULL;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct book_twin_order *order = &queue->orders[i];
        if (order->price == price) {
            if (front == NULL) front = order;
            level.quantity += order->quantity;
            level.orders++;
        } else if (behind == NULL && (side == TN_BUY) == (order->price < price)) {
            behind = order;
        }
    }
    struct tn_book_level got = tn_book_level_of(run->books, book, side, price);
    require(run, got.price == price && got.quantity == level.quantity && got.orders == level.orders,
            "level_of differs");
    uint32_t slot = tn_book_level_front(run->books, book, side, price);
    require(run, (slot == TN_NONE) == (front == NULL), "level_front differs");
    if (front != NULL) {
        require(run, tn_book_resting(run->books)[slot].id == front->id, "level_front differs");
    }
    tn_ticks next;
    bool found = tn_book_next_price(run->books, &next, book, side, price);
    require(run, found == (behind != NULL), "next_price differs");
    if (found) require(run, next == behind->price, "next_price differs");
}

static void run_parts(uint64_t seed, struct tn_book_limits limits, uint32_t prices, tn_ticks step)
{
    struct run run = {
        .limits = limits, .seed = seed, .random = seed, .prices = prices, .step = step};
    void *memory = aligned_alloc(64, tn_books_size(&limits));
    assert_non_null(memory);
    memset(memory, 0, tn_books_size(&limits));
    run.books = tn_books_init(memory, &limits);
    book_twin_open(&run.twin, &limits);
    for (uint32_t i = 0; i < 30000; i++) {
        /* phases of growth and of decay */
        uint64_t growth = (i / 3000) % 2 == 0 ? 60 : 35;
        uint64_t share = draw(&run, 100);
        if (share < growth)
            rest(&run);
        else
            change(&run);
        look(&run);
        if (i % 50 != 0) continue;
        tn_book_check(run.books, true);
        require(&run, book_twin_same(&run.twin, run.books), "the queues differ");
    }
    book_twin_close(&run.twin);
    free(memory);
}

static uint64_t seed_given_or(uint64_t otherwise)
{
    const char *given = getenv("TENOR_SEED");
    return given != NULL ? strtoull(given, NULL, 0) : otherwise;
}

static void test_book_parts_agree_with_the_twin_on_dense_crossed_books(void **state)
{
    (void)state;
    run_parts(seed_given_or(7), (struct tn_book_limits){2, 200, 200, 5}, 20, 1);
}

static void test_book_parts_agree_with_the_twin_on_wide_prices(void **state)
{
    (void)state;
    run_parts(seed_given_or(8), (struct tn_book_limits){1, 200, 200, 5}, 100000, 10000019);
}

static void test_book_parts_agree_with_the_twin_when_levels_run_out(void **state)
{
    (void)state;
    run_parts(seed_given_or(9), (struct tn_book_limits){2, 40, 7, 5}, 8, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_parts_agree_with_the_twin_on_dense_crossed_books),
        cmocka_unit_test(test_book_parts_agree_with_the_twin_on_wide_prices),
        cmocka_unit_test(test_book_parts_agree_with_the_twin_when_levels_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
