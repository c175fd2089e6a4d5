/* Whom a thin client believes: a quorum, by weight, of those whom a file of its own names. */
#include "tenor/sequencers.h" /* node/tenor */
#include "tenor/words.h"

#include "tenor/hex.h"
#include "tenor/peer.h"

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
        cmocka_unit_test(a_file_that_is_wrong_is_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
