/* All short sequences of messages in shrunken worlds, on the books and on the naive twin.
 *
 * A bug that needs only a few orders to show has nowhere to hide here. CI takes every sequence of
 * five orders and cancels; TENOR_NIGHTLY=1 in the environment makes every world one longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "book_twin.h"

#define LENGTH_MAX  5
#define LETTERS_MAX 40

struct shrunken {
    struct tn_book_limits limits;
    struct tn_book_message letters[LETTERS_MAX]; /* a submit gets its place in the sequence as id */
    uint32_t letters_count;
    uint32_t room; /* for reports, in each call */
};

static void run_sequence(const struct shrunken *world, void *memory, struct book_twin *twin,
                         const uint32_t *sequence, uint32_t length)
{
    struct tn_books *books = tn_books_init(memory, &world->limits);
    book_twin_reset(twin);
    for (uint32_t i = 0; i < length; i++) {
        struct tn_book_message message = world->letters[sequence[i]];
        if (message.kind == TN_BOOK_SUBMIT) message.id = i;
        struct tn_book_report reports[16];
        uint32_t done;
        uint32_t count = tn_book_apply(books, reports, world->room, &done, &message, 1);
        while (tn_book_unfinished(books)) {
            count += tn_book_continue(books, &reports[count], world->room);
        }
        book_twin_handle(twin, &message);
        bool same = count == twin->reports_count &&
                    memcmp(reports, twin->reports, count * sizeof(reports[0])) == 0;
        if (same && i + 1 < length) continue;
        if (same && book_twin_same(twin, books)) continue;
        print_error("the sequence of letters");
        for (uint32_t j = 0; j <= i; j++)
            print_error(" %u", sequence[j]);
        print_error(" differs from the twin's\n");
        fail();
    }
    tn_book_check(books, false);
}

/* run_all counts through all sequences of a length as through numbers in base letters_count. */
static void run_all(const struct shrunken *world, uint32_t length)
{
    void *memory = aligned_alloc(64, tn_books_size(&world->limits));
    struct book_twin twin;
    uint32_t sequence[LENGTH_MAX] = {0};
    assert_non_null(memory);
    memset(memory, 0, tn_books_size(&world->limits));
    book_twin_open(&twin, &world->limits);
    for (;;) {
        run_sequence(world, memory, &twin, sequence, length);
        uint32_t at = 0;
        while (at < length && ++sequence[at] == world->letters_count)
            sequence[at++] = 0;
        if (at == length) break;
    }
    book_twin_close(&twin);
    free(memory);
}

static uint32_t length_in_ci_or_nightly(uint32_t ci)
{
    return getenv("TENOR_NIGHTLY") != NULL ? ci + 1 : ci;
}

static void add_letter(struct shrunken *world, struct tn_book_message letter)
{
    assert_true(world->letters_count < LETTERS_MAX);
    world->letters[world->letters_count++] = letter;
}

/* 2 sides × 3 prices × 2 sizes of resting orders, and the cancels of the first three: 15. */
static void add_plain_letters(struct shrunken *world)
{
    for (uint8_t side = 0; side < 2; side++) {
        for (tn_ticks price = 62; price < 65; price++) {
            add_letter(world,
                       (struct tn_book_message){.price = price, .quantity = 1, .side = side});
            add_letter(world,
                       (struct tn_book_message){.price = price, .quantity = 2, .side = side});
        }
    }
    for (uint64_t id = 0; id < 3; id++) {
        add_letter(world, (struct tn_book_message){.id = id, .kind = TN_BOOK_CANCEL});
    }
}

static void test_book_all_short_sequences_of_orders_and_cancels(void **state)
{
    (void)state;
    struct shrunken world = {.limits = {1, 8, 8, 1}, .room = 16};
    add_plain_letters(&world);
    run_all(&world, length_in_ci_or_nightly(5));
}

static void test_book_all_short_sequences_with_room_for_one_report(void **state)
{
    (void)state;
    struct shrunken world = {.limits = {1, 8, 8, 1}, .room = 1};
    add_plain_letters(&world);
    run_all(&world, length_in_ci_or_nightly(4));
}

static void test_book_all_short_sequences_at_its_limits(void **state)
{
    (void)state;
    struct shrunken two_orders = {.limits = {1, 2, 2, 1}, .room = 16};
    add_plain_letters(&two_orders);
    run_all(&two_orders, length_in_ci_or_nightly(4));
    struct shrunken one_level = {.limits = {1, 4, 1, 1}, .room = 16};
    add_plain_letters(&one_level);
    run_all(&one_level, length_in_ci_or_nightly(4));
}

/* Every time in force at two prices, and replaces of the first two orders: 2 × 2 × 5 + 8 = 28. */
static void test_book_all_short_sequences_of_every_time_in_force_and_replaces(void **state)
{
    (void)state;
    struct shrunken world = {.limits = {1, 8, 8, 1}, .room = 16};
    static const struct tn_book_message kinds[] = {{.quantity = 1, .tif = TN_BOOK_GTC},
                                                   {.quantity = 2, .tif = TN_BOOK_GTC},
                                                   {.quantity = 2, .tif = TN_BOOK_IOC},
                                                   {.quantity = 2, .tif = TN_BOOK_FOK},
                                                   {.quantity = 1, .tif = TN_BOOK_POST_ONLY}};
    for (tn_ticks price = 63; price < 65; price++) {
        for (uint8_t side = 0; side < 2; side++) {
            for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct tn_book_message letter = kinds[i];
                letter.price = price;
                letter.side = side;
                add_letter(&world, letter);
            }
        }
        for (uint64_t id = 0; id < 2; id++) {
            for (tn_lots quantity = 1; quantity < 3; quantity++) {
                add_letter(&world, (struct tn_book_message){.id = id,
                                                            .price = price,
                                                            .quantity = quantity,
                                                            .kind = TN_BOOK_REPLACE});
            }
        }
    }
    run_all(&world, length_in_ci_or_nightly(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_book_all_short_sequences_of_orders_and_cancels),
        cmocka_unit_test(test_book_all_short_sequences_with_room_for_one_report),
        cmocka_unit_test(test_book_all_short_sequences_at_its_limits),
        cmocka_unit_test(test_book_all_short_sequences_of_every_time_in_force_and_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
