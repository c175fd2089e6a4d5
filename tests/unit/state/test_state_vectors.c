/* The vectors of docs/specs/state.md: what the code makes today is what the files say, byte by
 * byte. A change of any hash or format shows here first. TENOR_WRITE_VECTORS=1 writes the files
 * anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "claim_text.h"
#include "state_gallery.h"

#define SEED 20260101 /* fixed: the files are made with it */

static const char *const names[GALLERY_TYPES] = {
    "empty_record", "account",    "position",     "record",   "series", "order",
    "block",        "withdrawal", "conservation", "solvency", "exit",   "leaves"};

/* The file says this text; or is made to. */
static void check_file(const char *name, const char *ending, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, TENOR_STATE_VECTORS "/%s.%s", name, ending);
    if (getenv("TENOR_WRITE_VECTORS") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
    }
    static char said[1 << 16];
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("%s: cannot be read", path);
    size_t size = fread(said, 1, sizeof said - 1, file);
    said[size] = '\0';
    fclose(file);
    assert_string_equal(said, text);
}

static char *hex_of(const void *bytes, size_t size)
{
    static char text[1 << 16];
    const uint8_t *at = bytes;
    TN_ASSERT(2 * size + 2 <= sizeof text);
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", at[i]);
    text[2 * size] = '\n';
    text[2 * size + 1] = '\0';
    return text;
}

static void test_state_vectors_are_what_the_code_makes(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(SEED, 13, 5);
    check_file("state", "root", hex_of(gallery->root.bytes, 32));
    for (int type = 0; type < GALLERY_TYPES; type++) {
        char *text = NULL;
        size_t size = 0;
        struct tn_proof_fault fault;
        FILE *to = open_memstream(&text, &size);
        assert_non_null(to);
        if (type == TN_PROOF_LEAVES) {
            struct tn_proof_leaves leaves;
            struct tn_proof_fold fold;
            gallery_fold(gallery, &fold);
            assert_true(tn_proof_verify_leaves(&leaves, &fault, gallery->proofs[type],
                                               gallery->sizes[type], &gallery->root, &fold));
            claim_write_leaves(to, &leaves);
        } else {
            struct tn_proof_claim claim;
            assert_true(tn_proof_verify(&claim, &fault, gallery->proofs[type], gallery->sizes[type],
                                        &gallery->root));
            claim_write(to, &claim);
        }
        fclose(to);
        check_file(names[type], "hex", hex_of(gallery->proofs[type], gallery->sizes[type]));
        check_file(names[type], "claim", text);
        free(text);
    }
    gallery_close(gallery);
}

static void test_state_vectors_have_the_leaves_of_a_run(void **unused)
{
    (void)unused;
    struct gallery *gallery = gallery_open(SEED, 13, 5);
    struct twin_node *leaves = world_leaves(gallery->world, TN_RECORD_ACCOUNT);
    char text[4096] = "";
    size_t used = 0;
    for (int i = 4; i < 8; i++) {
        for (int byte = 0; byte < 32; byte++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%02x",
                                     leaves[i].hash.bytes[byte]);
        used += (size_t)snprintf(text + used, sizeof text - used, " %" PRId64 "\n",
                                 (int64_t)leaves[i].sum);
    }
    check_file("leaves", "leaves", text);
    free(leaves);
    gallery_close(gallery);
}

/* One of each preimage: name, what is hashed, its hash. */
static void test_state_vectors_have_every_kind_of_hash(void **unused)
{
    (void)unused;
    struct hashed {
        const char *name;
        struct tn_hash hash;
    } lines[12];
    uint8_t body[128];
    tn_i128 sum;
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)i;
    struct tn_hash one;
    struct tn_hash two;
    tn_keccak256(&one, "one", 3);
    tn_keccak256(&two, "two", 3);
    lines[count].name = "keccak256 of nothing";
    tn_keccak256(&lines[count++].hash, "", 0);
    lines[count].name = "leaf MARGIN 7, body 00 01 .. 6f";
    tn_proof_leaf_body(&lines[count++].hash, TN_RECORD_MARGIN, 7, body, 112);
    lines[count].name = "leaf MARKET 7, body 00 01 .. 39 (58 bytes: tag 05 and a zero)";
    tn_proof_leaf_body(&lines[count++].hash, TN_RECORD_MARKET, 7, body, 58);
    lines[count].name = "node of keccak256(one), keccak256(two)";
    tn_proof_node(&lines[count++].hash, &one, &two);
    lines[count].name = "node with sums of keccak256(one) -5, keccak256(two) 2^64";
    assert_true(tn_proof_sum_node(&lines[count++].hash, &sum, &one, -5, &two, (tn_i128)1 << 64));
    lines[count].name = "root of FEEDS, 3 leaves, top keccak256(one)";
    tn_proof_root(&lines[count++].hash, TN_RECORD_FEEDS, 3, &one);
    lines[count].name = "root of ACCOUNT, 3 leaves, top keccak256(one), sum -5";
    tn_proof_sum_root(&lines[count++].hash, TN_RECORD_ACCOUNT, 3, &one, -5);
    struct tn_hash sections[TN_PROOF_SECTIONS] = {one, two};
    lines[count].name = "root of market 3, sections keccak256(one), keccak256(two), zeros";
    tn_proof_market_root(&lines[count++].hash, 3, sections);
    lines[count].name = "top of globals keccak256(one), keccak256(two), zeros";
    tn_proof_globals_top(&lines[count++].hash, sections);
    lines[count].name = "state root: chain 00 .. 1f, height 9, markets keccak256(one), globals "
                        "keccak256(two)";
    tn_proof_state_root(&lines[count++].hash, body, 9, &one, &two);
    lines[count].name = "range leaf of BLOCKS, number 7, body 00 .. 1f";
    tn_proof_range_leaf(&lines[count++].hash, TN_PROOF_BLOCKS, 7, body, 32);
    char text[4096] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%.64s %s\n",
                                 hex_of(lines[i].hash.bytes, 32), lines[i].name);
    check_file("hashes", "txt", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_vectors_are_what_the_code_makes),
        cmocka_unit_test(test_state_vectors_have_the_leaves_of_a_run),
        cmocka_unit_test(test_state_vectors_have_every_kind_of_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
