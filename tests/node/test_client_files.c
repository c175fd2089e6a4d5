/* client.conf, key files, and books kept from messages. */
#include "tenor/client_book.h"
#include "tenor/client_net.h"
#include "tenor/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CHAIN "chain 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static int make_folder(void **state)
{
    char *folder = malloc(256);
    assert_non_null(folder);
    snprintf(folder, 256, "%s/tenor-files-XXXXXX",
             getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static void path_in(char path[320], const char *folder, const char *name)
{
    snprintf(path, 320, "%s/%s", folder, name);
}

static int remove_folder(void **state)
{
    char path[320];
    path_in(path, *state, "client.conf");
    unlink(path);
    path_in(path, *state, "a.key");
    unlink(path);
    rmdir(*state);
    free(*state);
    return 0;
}

static void write_file(const char *folder, const char *name, const char *text, mode_t mode)
{
    char path[320];
    path_in(path, folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static bool read_conf(struct tn_client_net *net, const char *folder, const char *text,
                      char why[TN_CLIENT_WHY_SIZE])
{
    write_file(folder, "client.conf", text, 0644);
    why[0] = '\0';
    return tn_client_net_read(net, folder, why);
}

static void test_client_conf_is_read_with_paths_below_its_folder(void **state)
{
    static struct tn_client_net net;
    char why[TN_CLIENT_WHY_SIZE], path[320];
    if (!read_conf(&net, *state,
                   "# a net\n" CHAIN "\n"
                   "node 127.0.0.1:7500 node-0.crt # first\n"
                   "node [::1]:7501 /else/node-1.crt\r\n"
                   "market 1\nmarket 2\nfaucet faucet.key\nfeeder feeder-1.key\n"
                   "validator 02000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 7",
                   why))
        fail_msg("%s", why);
    assert_int_equal(net.chain_id[31], 31);
    assert_int_equal(net.nodes_count, 2);
    assert_string_equal(net.nodes[0].host, "127.0.0.1");
    assert_int_equal(net.nodes[0].port, 7500);
    path_in(path, *state, "node-0.crt");
    assert_string_equal(net.nodes[0].certificate, path);
    assert_string_equal(net.nodes[1].host, "::1");
    assert_string_equal(net.nodes[1].certificate, "/else/node-1.crt");
    assert_int_equal(net.markets_count, 2);
    assert_int_equal(net.markets[1], 2);
    path_in(path, *state, "faucet.key");
    assert_string_equal(net.faucet, path);
    assert_string_equal(net.governance, "");
    assert_int_equal(net.feeders_count, 1);
    assert_int_equal(net.validators_count, 1);
    assert_int_equal(net.weights[0], 7);
}

static void test_what_is_wrong_in_client_conf_is_said_with_its_line(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "names no chain"},
        {CHAIN, "names no node"},
        {"chain 00\n", ":1: one chain, of 64"},
        {CHAIN CHAIN, ":2: one chain"},
        {CHAIN "node 127.0.0.1 x\n", ":2: a node is HOST:PORT, with a port"},
        {CHAIN "node 127.0.0.1:0 x\n", ":2: a node is HOST:PORT, with a port"},
        {CHAIN "node 127.0.0.1:65536 x\n", ":2: a node is HOST:PORT, with a port"},
        {CHAIN "node :1 x\n", ":2: the host has"},
        {CHAIN "node 127.0.0.1:1\n", ":2: a node is HOST:PORT CERTFILE"},
        {CHAIN "\n\nmarket 0\n", ":4: a market is a number"},
        {CHAIN "market x\n", ":2: a market is a number"},
        {CHAIN "validator 02 1\n", ":2: a validator is a public key"},
        {CHAIN "faucet\n", ":2: one file belongs here"},
        {CHAIN "nodes 127.0.0.1:1 x\n", ":2: none of chain, node"},
        {CHAIN "node a b c d e\n", ":2: too many words"},
    };
    static struct tn_client_net net;
    char why[TN_CLIENT_WHY_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_false(read_conf(&net, *state, cases[i].text, why));
        if (strstr(why, cases[i].says) == NULL) fail_msg("case %zu says: %s", i, why);
    }
    assert_false(tn_client_net_read(&net, "/nowhere", why));
    assert_non_null(strstr(why, "cannot open /nowhere/client.conf"));
}

static void test_a_key_file_that_others_can_read_is_refused(void **state)
{
    static const char good[] = "0101010101010101010101010101010101010101010101010101010101010101\n";
    struct tn_secret_key key;
    char why[TN_CLIENT_WHY_SIZE], path[320];
    path_in(path, *state, "a.key");
    write_file(*state, "a.key", good, 0600);
    assert_true(tn_client_key_read(&key, path, why));
    assert_int_equal(key.bytes[31], 1);
    write_file(*state, "a.key", good, 0640);
    assert_false(tn_client_key_read(&key, path, why));
    assert_non_null(strstr(why, "may be read by others (mode 640)"));
    write_file(*state, "a.key", "zz\n", 0600);
    assert_false(tn_client_key_read(&key, path, why));
    assert_non_null(strstr(why, "holds no secret key"));
    write_file(*state, "a.key",
               "0000000000000000000000000000000000000000000000000000000000000000\n", 0600);
    assert_false(tn_client_key_read(&key, path, why));
}

static void test_a_new_key_is_private_and_never_overwrites_one(void **state)
{
    struct tn_secret_key made, again;
    struct stat facts;
    char why[TN_CLIENT_WHY_SIZE], path[320];
    path_in(path, *state, "a.key");
    assert_true(tn_client_key_make(&made, path, why));
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_true(tn_client_key_read(&again, path, why));
    assert_memory_equal(made.bytes, again.bytes, sizeof made.bytes);
    assert_false(tn_client_key_make(&again, path, why));
    assert_non_null(strstr(why, "cannot make the key"));
}

/* ---- Books -------------------------------------------------------------------------------------
 */

enum { DEPTH = 64, PRICES = 40, SERIES = 7 };

/* The book as one number a price: bids above 0, asks below. */
struct twin {
    tn_lots at[PRICES + 1];
    uint64_t seq;
};

static uint32_t twin_crc(const struct twin *twin)
{
    uint32_t crc = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 1; i <= PRICES; i++) {
            int price = pass == 0 ? PRICES + 1 - i : i;
            tn_lots quantity = twin->at[price];
            if (quantity == 0 || (quantity > 0) != (pass == 0)) continue;
            const int64_t words[2] = {price, quantity > 0 ? quantity : -quantity};
            for (int w = 0; w < 2; w++) {
                uint8_t bytes[8];
                for (int b = 0; b < 8; b++)
                    bytes[b] = (uint8_t)((uint64_t)words[w] >> (8 * b));
                crc = tn_crc32c(crc, TN_CPU_BASE, bytes, sizeof bytes);
            }
        }
    }
    return crc;
}

/* Changes some prices of the twin; the message that says so. */
static void step(struct tn_book_news *news, struct tn_level levels[2][PRICES], struct twin *twin,
                 bool is_snapshot, uint64_t *random)
{
    static struct twin before;
    before = *twin;
    if (is_snapshot) memset(before.at, 0, sizeof before.at);
    for (uint32_t i = 0; i < 1 + tn_random_below(random, 6); i++) {
        uint64_t price = 1 + tn_random_below(random, PRICES);
        tn_lots size = (tn_lots)tn_random_below(random, 5);
        twin->at[price] = price <= PRICES / 2 ? size : -size;
    }
    *news = (struct tn_book_news){.series_id = SERIES,
                                  .prev_seq = is_snapshot ? 0 : twin->seq,
                                  .seq = twin->seq + 1 + tn_random_below(random, 3),
                                  .is_snapshot = is_snapshot,
                                  .bids = levels[0],
                                  .asks = levels[1]};
    twin->seq = news->seq;
    for (int i = 1; i <= PRICES; i++) {
        int price = i;
        tn_lots was = before.at[price], is = twin->at[price];
        if (was == is) continue;
        bool is_bid = was > 0 || is > 0;
        struct tn_level *level =
            is_bid ? &levels[0][news->bids_count++] : &levels[1][news->asks_count++];
        *level = (struct tn_level){.price = price, .quantity = is > 0 ? is : -is};
    }
    news->has_crc = true;
    news->crc = twin_crc(twin);
}

static void test_a_book_kept_from_changes_is_the_nodes(void **state)
{
    (void)state;
    struct tn_level memory[2 * DEPTH], levels[2][PRICES];
    struct tn_client_book book;
    struct tn_book_news news;
    uint64_t random = 5;
    struct twin twin = {.seq = 10};
    tn_client_book_init(&book, SERIES, memory, DEPTH);
    for (uint32_t i = 0; i < 20000; i++) {
        step(&news, levels, &twin, i % 1000 == 0, &random);
        assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_OK);
        assert_int_equal(tn_client_book_crc(&book), twin_crc(&twin));
        for (int side = 0; side < 2; side++) {
            for (uint32_t k = 1; k < book.counts[side]; k++) {
                tn_ticks better = book.sides[side][k - 1].price, worse = book.sides[side][k].price;
                assert_true(side == TN_BUY ? better > worse : better < worse);
            }
        }
    }
}

static void test_a_missing_or_wrong_change_is_noticed_until_the_next_snapshot(void **state)
{
    (void)state;
    struct tn_level memory[2 * DEPTH], levels[2][PRICES];
    struct tn_client_book book;
    struct tn_book_news news;
    uint64_t random = 6;
    struct twin twin = {.seq = 10};
    tn_client_book_init(&book, SERIES, memory, DEPTH);
    step(&news, levels, &twin, false, &random);
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_GAP); /* no snapshot yet */
    step(&news, levels, &twin, true, &random);
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_OK);
    assert_int_equal(tn_client_book_take(&book, &(struct tn_book_news){.series_id = 8}),
                     TN_CLIENT_BOOK_OTHER);
    assert_true(book.is_good);
    step(&news, levels, &twin, false, &random);
    step(&news, levels, &twin, false, &random);
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_GAP);
    step(&news, levels, &twin, false, &random);
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_GAP);
    step(&news, levels, &twin, true, &random);
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_OK);
    step(&news, levels, &twin, false, &random);
    news.crc ^= 1;
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_WRONG);
    assert_false(book.is_good);
}

static void test_a_book_deeper_than_its_memory_says_so(void **state)
{
    (void)state;
    struct tn_level memory[4], bids[3] = {{10, 1}, {9, 1}, {8, 1}};
    struct tn_client_book book;
    tn_client_book_init(&book, SERIES, memory, 2);
    struct tn_book_news news = {
        .series_id = SERIES, .seq = 1, .is_snapshot = true, .bids = bids, .bids_count = 3};
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_FULL);
    news.bids_count = 2;
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_OK);
    /* One leaves and one comes: there is room, in whatever order they are told. */
    const struct tn_level swap[2] = {{11, 4}, {9, 0}};
    news = (struct tn_book_news){
        .series_id = SERIES, .seq = 2, .prev_seq = 1, .bids = swap, .bids_count = 2};
    assert_int_equal(tn_client_book_take(&book, &news), TN_CLIENT_BOOK_OK);
    assert_int_equal(book.sides[TN_BUY][0].price, 11);
    assert_int_equal(book.sides[TN_BUY][1].price, 10);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(test_client_conf_is_read_with_paths_below_its_folder),
        FILE_TEST(test_what_is_wrong_in_client_conf_is_said_with_its_line),
        FILE_TEST(test_a_key_file_that_others_can_read_is_refused),
        FILE_TEST(test_a_new_key_is_private_and_never_overwrites_one),
        cmocka_unit_test(test_a_book_kept_from_changes_is_the_nodes),
        cmocka_unit_test(test_a_missing_or_wrong_change_is_noticed_until_the_next_snapshot),
        cmocka_unit_test(test_a_book_deeper_than_its_memory_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
