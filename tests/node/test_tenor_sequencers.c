/* Whom a thin client believes: a quorum, by weight, of those whom a file of its own names. */
#include "tenor/sequencers.h" /* node/tenor */
#include "tenor/words.h"

#include "tenor/hex.h"
#include "tenor/peer.h"
#include "tenor/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 4, CERTIFICATE_MAX = 1 + TN_CHECKPOINT_BYTES + 1 + COUNT * TN_SIGNATURE_SIZE };

static struct tn_signatures real;
static struct tn_secret_key keys[COUNT];
static struct tn_public_key public_keys[COUNT];
static struct sequencers sequencers;
static char why[SEQUENCERS_WHY_SIZE];
static const struct tn_checkpoint checkpoint = {
    .epoch = 3, .height = 640, .state_root = {{1, 2, 3}}, .data_root = {{9}}};

/* The file of all four, as keys (or, every other one, as addresses), with these weights. */
static size_t names(char text[2048], const unsigned weights[COUNT], bool by_address)
{
    size_t used = (size_t)snprintf(text, 2048, "# whom I trust\nmarkets 1\nfeeder ff 1\n");
    for (unsigned i = 0; i < COUNT; i++) {
        char who[2 * TN_PUBLIC_KEY_SIZE + 1];
        struct tn_address address;
        assert_true(real.address(real.context, &address, &public_keys[i]));
        tn_hex_write(who, public_keys[i].bytes, TN_PUBLIC_KEY_SIZE);
        if (by_address && i % 2 == 0) tn_hex_write(who, address.bytes, TN_ADDRESS_SIZE);
        used += (size_t)snprintf(text + used, 2048 - used, "validator %s%s %u 1000 # stake\n",
                                 i == 0 ? "0x" : "", who, weights[i]);
    }
    return used;
}

static void trust(const unsigned weights[COUNT], bool by_address)
{
    char text[2048];
    size_t size = names(text, weights, by_address);
    if (!sequencers_read(&sequencers, &real, text, size, why)) fail_msg("%s", why);
}

/* A certificate by those whose bit is set in `who`. */
static size_t certify(uint8_t out[CERTIFICATE_MAX], unsigned who)
{
    const struct tn_hash zero = {{0}};
    struct tn_hash digest;
    tn_checkpoint_digest(&digest, &zero, &checkpoint);
    out[0] = TN_PEER_CKPT_CERT;
    tn_checkpoint_write(out + 1, &checkpoint);
    out[1 + TN_CHECKPOINT_BYTES] = (uint8_t)who;
    size_t size = 2 + TN_CHECKPOINT_BYTES;
    for (unsigned i = 0; i < COUNT; i++) {
        struct tn_signature signature;
        if ((who >> i & 1) == 0) continue;
        assert_true(real.sign(real.context, &signature, &digest, &keys[i]));
        memcpy(out + size, signature.bytes, TN_SIGNATURE_SIZE);
        size += TN_SIGNATURE_SIZE;
    }
    return size;
}

static bool holds(const uint8_t *bytes, size_t size)
{
    struct tn_checkpoint read;
    bool is_good = sequencers_check(&read, &sequencers, &real, bytes, size, why);
    if (is_good) {
        assert_int_equal(read.height, 640);
        assert_memory_equal(read.state_root.bytes, checkpoint.state_root.bytes, TN_HASH_SIZE);
    }
    return is_good;
}

static void exactly_more_than_two_thirds_of_the_weight_are_enough(void **state)
{
    (void)state;
    static const unsigned weights[COUNT] = {1, 2, 3, 4};
    uint8_t bytes[CERTIFICATE_MAX];
    for (int by_address = 0; by_address < 2; by_address++) {
        trust(weights, by_address != 0);
        for (unsigned who = 0; who < 1u << COUNT; who++) {
            unsigned weight = 0;
            for (unsigned i = 0; i < COUNT; i++)
                weight += (who >> i & 1) != 0 ? weights[i] : 0;
            size_t size = certify(bytes, who);
            assert_int_equal(holds(bytes, size), 3 * weight > 20);
        }
    }
}

static void no_changed_byte_and_no_other_length_holds(void **state)
{
    (void)state;
    static const unsigned weights[COUNT] = {1, 1, 1, 1};
    uint8_t bytes[CERTIFICATE_MAX + 1] = {0};
    trust(weights, false);
    size_t size = certify(bytes, 7);
    assert_true(holds(bytes, size));
    for (size_t i = 0; i < size; i += 1 + i / 16) {
        bytes[i] ^= 0x10;
        assert_false(holds(bytes, size));
        bytes[i] ^= 0x10;
    }
    for (size_t less = 0; less < size; less += 13)
        assert_false(holds(bytes, less));
    assert_false(holds(bytes, size + 1));
}

static void another_set_or_another_order_is_found_out(void **state)
{
    (void)state;
    static const unsigned weights[COUNT] = {1, 1, 1, 1};
    uint8_t bytes[CERTIFICATE_MAX];
    trust(weights, false);
    size_t size = certify(bytes, 7);
    struct tn_address first = sequencers.addresses[0];
    sequencers.addresses[0] = sequencers.addresses[1];
    sequencers.addresses[1] = first;
    assert_false(holds(bytes, size));
    assert_non_null(strstr(why, "sequencer 0"));
    trust(weights, false);
    sequencers.domain.bytes[0] = 1; /* signed for another base layer */
    assert_false(holds(bytes, size));
}

/* ---- From one epoch to the next ----------------------------------------------------------------
 */

enum { END_MAX = 4096 };
static const uint8_t chain[32] = {7, 7, 7};
static const unsigned even[COUNT] = {1, 1, 1, 1};

/* The four of them from `first` on, with weights, as they stand in a handover and as they are
 * known.
 */
static struct sequencers set_of(unsigned first, const unsigned weights[COUNT], uint64_t epoch)
{
    struct sequencers set = {.count = COUNT, .has_chain = true, .has_epoch = true, .epoch = epoch};
    memcpy(set.chain_id, chain, sizeof chain);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_true(
            real.address(real.context, &set.addresses[i], &public_keys[(first + i) % COUNT]));
        set.weights[i] = weights[i];
        set.weight += weights[i];
    }
    return set;
}

static size_t put_set(uint8_t *out, const struct sequencers *set)
{
    tn_put_be(out, set->count, 2);
    for (unsigned i = 0; i < COUNT; i++) {
        memcpy(out + 2 + 28 * i, set->addresses[i].bytes, 20);
        tn_put_be(out + 22 + 28 * i, set->weights[i], 8);
    }
    return 2 + 28 * COUNT;
}

/* The end of an epoch: F in view 8, one SEAL in view 9, which those of `who` have made final. */
static size_t put_end(uint8_t *out, uint64_t epoch, unsigned first, unsigned who,
                      const struct sequencers *next)
{
    uint8_t preimage[300] = "TNSX1N";
    struct tn_block_header last = {.version = TN_BLOCK_VERSION,
                                   .flags = TN_BLOCK_EMPTY | TN_BLOCK_EPOCH_FINAL,
                                   .epoch = epoch,
                                   .view = 8,
                                   .height = 100 * epoch + 100,
                                   .parent_view = 7};
    tn_put_be(preimage + 6, epoch + 1, 8);
    tn_keccak256(&last.next_set_hash, preimage, 14 + put_set(preimage + 14, next));
    struct tn_block_header seal = last;
    seal.flags = TN_BLOCK_EMPTY | TN_BLOCK_SEAL;
    seal.view = 9;
    seal.parent_view = 8;
    tn_stream_block_hash(&seal.parent_hash, chain, &last);
    struct tn_hash hash, digest;
    tn_stream_block_hash(&hash, chain, &seal);
    tn_vote_digest(&digest, chain, epoch, TN_VOTE_FINALIZE, 9, &hash);
    uint8_t *at = out + 4;
    memcpy(at, "\5\3\0\2", 4);
    tn_stream_write_block_header(at + 4, &seal);
    tn_stream_write_block_header(at + 4 + TN_BLOCK_HEADER_BYTES, &last);
    at += 4 + 2 * TN_BLOCK_HEADER_BYTES;
    at[0] = TN_PEER_CERT;
    tn_put_be(at + 1, epoch, 8);
    at[9] = TN_VOTE_FINALIZE;
    tn_put_be(at + 10, 9, 8);
    memcpy(at + 18, hash.bytes, TN_HASH_SIZE);
    at[50] = (uint8_t)who;
    at += 51;
    for (unsigned i = 0; i < COUNT; i++) {
        struct tn_signature signature;
        if ((who >> i & 1) == 0) continue;
        assert_true(real.sign(real.context, &signature, &digest, &keys[(first + i) % COUNT]));
        memcpy(at, signature.bytes, TN_SIGNATURE_SIZE);
        at += TN_SIGNATURE_SIZE;
    }
    at += put_set(at, next);
    tn_put_be(out, (uint64_t)(at - out - 4), 4);
    return (size_t)(at - out);
}

/* Epochs 0, 1 and 2, each with the set turned by one, and the checkpoint of epoch 3: whose set is
 * the four in the order of their numbers once more. */
static size_t put_way(uint8_t out[END_MAX], const unsigned weights[COUNT], unsigned who)
{
    size_t size = 0;
    for (unsigned epoch = 0; epoch < 3; epoch++) {
        struct sequencers next = set_of(epoch + 2, epoch == 2 ? weights : even, epoch + 1);
        size += put_end(out + size, epoch, epoch + 1, epoch == 1 ? who : 7, &next);
    }
    return size + certify(out + size, 14);
}

static bool leads(const uint8_t *bytes, size_t size, const struct sequencers *from)
{
    sequencers = *from;
    return sequencers_follow(&sequencers, &real, &bytes, &size, why) && holds(bytes, size);
}

static void an_older_set_leads_to_the_one_that_signed(void **state)
{
    (void)state;
    static const unsigned heavy[COUNT] = {9, 1, 1, 1}; /* without the first there is no quorum */
    uint8_t bytes[END_MAX];
    size_t size = put_way(bytes, even, 13);
    struct sequencers genesis = set_of(1, even, 0), second = set_of(2, even, 1);
    struct sequencers present = set_of(0, even, 3);
    assert_true(leads(bytes, size, &genesis));
    assert_int_equal(sequencers.epoch, 3);
    assert_memory_equal(sequencers.addresses, present.addresses, sizeof(struct tn_address) * COUNT);
    assert_true(leads(bytes, size, &second)); /* ends before it are passed over */
    assert_true(leads(bytes, size, &present));
    genesis.has_epoch = false; /* then it is the set of the first end */
    assert_true(leads(bytes, size, &genesis));
    present.has_epoch = false;
    assert_false(leads(bytes, size, &present));
    genesis.has_epoch = true;
    assert_false(leads(bytes, put_way(bytes, heavy, 13), &genesis));
    assert_non_null(strstr(why, "no quorum"));
}

static void a_way_that_is_broken_is_told_where(void **state)
{
    (void)state;
    uint8_t bytes[END_MAX];
    struct sequencers genesis = set_of(1, even, 0);
    size_t size = put_way(bytes, even, 12);
    assert_false(leads(bytes, size, &genesis)); /* two of four */
    assert_non_null(strstr(why, "the end of epoch 1 in it is not signed by a quorum"));
    size = put_way(bytes, even, 7);
    const size_t one = 4 + (size_t)tn_get_be(bytes, 4);
    assert_false(leads(bytes + one, size - one, &genesis));
    assert_non_null(strstr(why, "get it with --from-epoch 0"));
    size_t certificate = certify(bytes + 3 * one, 14);
    assert_false(leads(bytes + 3 * one, certificate, &genesis));
    assert_non_null(strstr(why, "it is of epoch 3, and the set that is known is that of epoch 0"));
    genesis.has_epoch = false;
    assert_false(leads(bytes + 3 * one, certificate, &genesis));
    assert_non_null(strstr(why, "if you named an older set"));
    genesis.has_chain = false;
    assert_false(leads(bytes, size, &genesis));
    assert_non_null(strstr(why, "the line 'chain HEX'"));
}

static void no_changed_byte_and_no_other_length_leads_on(void **state)
{
    (void)state;
    uint8_t bytes[END_MAX + 1] = {0};
    const struct sequencers genesis = set_of(1, even, 0);
    const size_t size = put_way(bytes, even, 7);
    assert_true(leads(bytes, size, &genesis));
    for (size_t i = 0; i < size; i += 1 + i / 64) {
        bytes[i] ^= 0x10;
        assert_false(leads(bytes, size, &genesis));
        bytes[i] ^= 0x10;
    }
    for (size_t less = 0; less < size; less += 97)
        assert_false(leads(bytes, less, &genesis));
    assert_false(leads(bytes, size + 1, &genesis));
}

static void a_file_that_is_wrong_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "names no sequencer"},
        {"# nobody\nmarket 1\n", "names no sequencer"},
        {"\nvalidator\n", "line 2: a validator has a key and a weight"},
        {"validator 00 1\n", "line 1: a validator is a public key"},
        {"validator 0123456789012345678901234567890123456789\n", "a key and a weight"},
        {"validator 0123456789012345678901234567890123456789 0\n", "its weight"},
        {"validator 0123456789012345678901234567890123456789 x\n", "its weight"},
        {"validator 0123456789012345678901234567890123456789 1\n"
         "validator 0123456789012345678901234567890123456789 1\n",
         "line 2: the same validator comes twice"},
        {"chain 12\n", "line 1: a chain's id has 64 hex digits"},
        {"domain zz\n", "line 1: a domain has 64 hex digits"},
        {"epoch\n", "line 1: an epoch is a number"},
        {"epoch -1\n", "line 1: an epoch is a number"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(sequencers_read(&sequencers, &real, bad[i].text, strlen(bad[i].text), why));
        if (strstr(why, bad[i].says) == NULL) fail_msg("'%s': %s", bad[i].text, why);
    }
    char text[600];
    memset(text, 'x', sizeof text);
    assert_false(sequencers_read(&sequencers, &real, text, sizeof text, why));
    assert_false(sequencers_read(&sequencers, &real, "a\0b\n", 4, why));
}

static int begin(void **state)
{
    (void)state;
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    if (memory == NULL) return 1;
    tn_signatures_real(&real, memory);
    for (unsigned i = 0; i < COUNT; i++) {
        memset(keys[i].bytes, (int)(17 + i), sizeof keys[i].bytes);
        if (!real.public_key(real.context, &public_keys[i], &keys[i])) return 1;
    }
    *state = memory;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_more_than_two_thirds_of_the_weight_are_enough),
        cmocka_unit_test(no_changed_byte_and_no_other_length_holds),
        cmocka_unit_test(another_set_or_another_order_is_found_out),
        cmocka_unit_test(an_older_set_leads_to_the_one_that_signed),
        cmocka_unit_test(a_way_that_is_broken_is_told_where),
        cmocka_unit_test(no_changed_byte_and_no_other_length_leads_on),
        cmocka_unit_test(a_file_that_is_wrong_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
