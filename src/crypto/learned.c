/* learned: signatures that check by tables where they can, and trust themselves little.
 *
 * The arithmetic of the tables is our own, libsecp256k1's is older and read by more: a no of ours
 * is always asked of the library, which has the last word, and a yes now and then. Which yes is
 * told by a hash of the signature, the digest and a count of checks, so that whoever makes
 * signatures cannot choose those that are not asked. */
#include "crypto/ecdsa.h"
#include "crypto/internal.h"
#include "crypto/places.h"

enum { AUDITED_ONE_IN = 64 };

struct learned {
    struct tn_signatures real;
    struct tn_places places;
    const struct tn_curve_affine *generator;
    _Alignas(64) uint64_t checks; /* also the clock of the places */
    uint64_t by_library;
    uint64_t audited;
    uint64_t differences;
    uint64_t made;
};

/* Whoever sees it counted sees what this thread counted before. */
static uint64_t count(uint64_t *counter)
{
    return __atomic_fetch_add(counter, 1, __ATOMIC_RELEASE);
}

/* ---- Checks ---------------------------------------------------------------------------------- */

/* What is checked: the key in both forms, of which the caller had one. */
struct question {
    const struct tn_hash *digest;
    const struct tn_signature *signature;
    const struct tn_public_key *key;
    const struct tn_parsed_key *parsed; /* or NULL */
};

static bool ask_library(const struct learned *learned, const struct question *question)
{
    const struct tn_signatures *real = &learned->real;
    if (question->parsed != NULL) {
        return real->verify_parsed(real->context, question->digest, question->signature,
                                   question->parsed);
    }
    return real->verify(real->context, question->digest, question->signature, question->key);
}

static bool is_audited(const struct question *question, uint64_t now)
{
    uint64_t mixed = now * UINT64_C(0x9E3779B97F4A7C15);
    mixed ^= tn_crypto_load(question->digest->bytes + 8);
    mixed = (mixed ^ mixed >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed ^= tn_crypto_load(question->signature->bytes + 40);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x94D049BB133111EB);
    return (mixed >> 32) % AUDITED_ONE_IN == 0;
}

/* What counts, after a table said whether it is good. */
static bool confirm(struct learned *learned, const struct question *question, bool is_good,
                    uint64_t now)
{
    if (!is_good) {
        bool is_good_after_all = ask_library(learned, question);
        if (is_good_after_all) count(&learned->differences);
        return is_good_after_all;
    }
    if (is_audited(question, now)) {
        count(&learned->audited);
        if (!ask_library(learned, question)) {
            tn_panic(__FILE__, __LINE__,
                     "a check by a key's table confirmed a signature that libsecp256k1 denies");
        }
    }
    return true;
}

static bool check_by_table(struct learned *learned, const struct question *question, uint32_t place,
                           uint64_t now)
{
    bool is_good = tn_ecdsa_check(learned->generator, tn_places_table(&learned->places, place),
                                  question->digest, question->signature);
    tn_places_release(&learned->places, place);
    return confirm(learned, question, is_good, now);
}

static void learn_key(struct learned *learned, const struct question *question, uint64_t now)
{
    const struct tn_signatures *real = &learned->real;
    struct tn_parsed_key parsed;
    struct tn_curve_affine point;
    uint8_t coordinates[64];
    if (question->parsed != NULL) {
        parsed = *question->parsed;
    } else if (!real->parse(real->context, &parsed, question->key)) {
        return;
    }
    tn_signatures_coordinates(real, coordinates, &parsed);
    tn_field_from_bytes(&point.x, coordinates);
    tn_field_from_bytes(&point.y, coordinates + 32);
    if (tn_places_fill(&learned->places, question->key, &point, now)) count(&learned->made);
}

/* `now` is the count of checks that this one has drawn. */
static bool check_at(struct learned *learned, const struct question *question, uint64_t now)
{
    uint32_t place = tn_places_hold(&learned->places, question->key, now);
    if (place != TN_NONE) return check_by_table(learned, question, place, now);
    count(&learned->by_library);
    bool is_good = ask_library(learned, question);
    /* Only a good signature says that somebody has the key: none is learned for nothing. */
    if (is_good && tn_places_is_due(&learned->places, question->key)) {
        learn_key(learned, question, now);
    }
    return is_good;
}

static bool check(struct learned *learned, const struct question *question)
{
    return check_at(learned, question, count(&learned->checks));
}

static bool verify(void *context, const struct tn_hash *digest,
                   const struct tn_signature *signature, const struct tn_public_key *key)
{
    struct question question = {digest, signature, key, NULL};
    return check(context, &question);
}

static void compress(const struct learned *learned, struct tn_public_key *compressed,
                     const struct tn_parsed_key *key)
{
    uint8_t coordinates[64];
    tn_signatures_coordinates(&learned->real, coordinates, key);
    compressed->bytes[0] = 2 + (coordinates[63] & 1);
    memcpy(compressed->bytes + 1, coordinates, 32);
}

static bool verify_parsed(void *context, const struct tn_hash *digest,
                          const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    struct learned *learned = context;
    struct tn_public_key compressed;
    compress(learned, &compressed, key);
    struct question question = {digest, signature, &compressed, key};
    return check(learned, &question);
}

/* ---- Several --------------------------------------------------------------------------------- */

/* So many as have tables are checked together. */
struct several {
    uint32_t count;
    struct tn_public_key keys[TN_ECDSA_TOGETHER];
    struct question questions[TN_ECDSA_TOGETHER];
    uint64_t now[TN_ECDSA_TOGETHER];
    uint32_t places[TN_ECDSA_TOGETHER]; /* TN_NONE: no table */
};

static void hold_several(struct learned *learned, struct several *several,
                         const struct tn_signature_check *checks)
{
    for (uint32_t i = 0; i < several->count; i++) {
        const struct tn_signature_check *one = &checks[i];
        struct tn_public_key *key = &several->keys[i];
        compress(learned, key, one->key);
        several->questions[i] = (struct question){one->digest, one->signature, key, one->key};
        several->now[i] = count(&learned->checks);
        several->places[i] = tn_places_hold(&learned->places, key, several->now[i]);
    }
}

/* What their tables say, one after another, and the tables are let go. */
static void ask_tables(struct learned *learned, bool said[TN_ECDSA_TOGETHER],
                       const struct several *several)
{
    struct tn_ecdsa_question questions[TN_ECDSA_TOGETHER];
    uint32_t asked_count = 0;
    for (uint32_t i = 0; i < several->count; i++) {
        if (several->places[i] == TN_NONE) continue;
        questions[asked_count++] = (struct tn_ecdsa_question){
            tn_places_table(&learned->places, several->places[i]), several->questions[i].digest,
            several->questions[i].signature};
    }
    tn_ecdsa_check_many(said, learned->generator, questions, asked_count);
    for (uint32_t i = 0; i < several->count; i++) {
        if (several->places[i] != TN_NONE) tn_places_release(&learned->places, several->places[i]);
    }
}

/* A key without a table is looked up again: a check just before may have made it one. */
static void check_several(struct learned *learned, bool *good,
                          const struct tn_signature_check *checks, uint32_t checks_count)
{
    struct several several = {.count = checks_count};
    bool said[TN_ECDSA_TOGETHER];
    uint32_t next = 0;
    hold_several(learned, &several, checks);
    ask_tables(learned, said, &several);
    for (uint32_t i = 0; i < checks_count; i++) {
        const struct question *question = &several.questions[i];
        good[i] = several.places[i] == TN_NONE
                      ? check_at(learned, question, several.now[i])
                      : confirm(learned, question, said[next++], several.now[i]);
    }
}

static void verify_many(void *context, bool *good, const struct tn_signature_check *checks,
                        uint32_t checks_count)
{
    for (uint32_t i = 0; i < checks_count; i += TN_ECDSA_TOGETHER) {
        const uint32_t left = checks_count - i;
        check_several(context, good + i, checks + i,
                      left < TN_ECDSA_TOGETHER ? left : TN_ECDSA_TOGETHER);
    }
}

/* ---- What is passed on ----------------------------------------------------------------------- */

static const struct tn_signatures *real_of(void *context)
{
    return &((const struct learned *)context)->real;
}

static bool sign(void *context, struct tn_signature *signature, const struct tn_hash *digest,
                 const struct tn_secret_key *key)
{
    const struct tn_signatures *real = real_of(context);
    return real->sign(real->context, signature, digest, key);
}

static bool sign_recoverable(void *context, struct tn_recoverable *signature,
                             const struct tn_hash *digest, const struct tn_secret_key *key)
{
    const struct tn_signatures *real = real_of(context);
    return real->sign_recoverable(real->context, signature, digest, key);
}

static bool public_key(void *context, struct tn_public_key *made, const struct tn_secret_key *key)
{
    const struct tn_signatures *real = real_of(context);
    return real->public_key(real->context, made, key);
}

static bool parse(void *context, struct tn_parsed_key *parsed, const struct tn_public_key *key)
{
    const struct tn_signatures *real = real_of(context);
    return real->parse(real->context, parsed, key);
}

static bool recover(void *context, struct tn_address *address, const struct tn_hash *digest,
                    const struct tn_recoverable *signature)
{
    const struct tn_signatures *real = real_of(context);
    return real->recover(real->context, address, digest, signature);
}

static bool address(void *context, struct tn_address *made, const struct tn_public_key *key)
{
    const struct tn_signatures *real = real_of(context);
    return real->address(real->context, made, key);
}

/* ---- Making ---------------------------------------------------------------------------------- */

static size_t generator_size(void)
{
    return tn_multiples_count(TN_MULTIPLES_GENERATOR_BITS) * sizeof(struct tn_curve_affine);
}

size_t tn_signatures_learned_size(uint32_t places)
{
    return tn_align(sizeof(struct learned)) + generator_size() + tn_places_size(places);
}

void tn_signatures_learn(struct tn_signatures *learned, const struct tn_signatures *real,
                         void *memory, uint32_t places)
{
    TN_ASSERT(memory != NULL && (uintptr_t)memory % 64 == 0 && places > 0);
    struct learned *made = memory;
    uint8_t *next = (uint8_t *)memory + tn_align(sizeof(*made));
    struct tn_curve_affine *generator = (struct tn_curve_affine *)(void *)next;
    tn_multiples_make(generator, TN_MULTIPLES_GENERATOR_BITS, &tn_curve_generator);
    *made = (struct learned){.real = *real, .generator = generator};
    tn_places_init(&made->places, next + generator_size(), places);
    *learned = (struct tn_signatures){
        .context = made,
        .sign = sign,
        .sign_recoverable = sign_recoverable,
        .public_key = public_key,
        .verify = verify,
        .parse = parse,
        .verify_parsed = verify_parsed,
        .verify_many = verify_many,
        .recover = recover,
        .address = address,
    };
}

void tn_signatures_learned_counts(struct tn_signatures_counts *counts,
                                  const struct tn_signatures *learned)
{
    TN_ASSERT(learned->verify == verify);
    const struct learned *l = learned->context;
    /* The part before the whole, so that it is never more. */
    counts->by_library = __atomic_load_n(&l->by_library, __ATOMIC_ACQUIRE);
    counts->audited = __atomic_load_n(&l->audited, __ATOMIC_ACQUIRE);
    counts->differences = __atomic_load_n(&l->differences, __ATOMIC_ACQUIRE);
    counts->made = __atomic_load_n(&l->made, __ATOMIC_ACQUIRE);
    counts->by_table = __atomic_load_n(&l->checks, __ATOMIC_RELAXED) - counts->by_library;
}
