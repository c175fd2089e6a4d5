/* Signatures that learn: the answers of the library whatever has a table, tables that come and go,
 * threads, and what happens when table and library differ. */
#include "crypto_case.h"
#include "tenor/signature.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLACES = 4, SEEN_ENOUGH = 4, KEYS_MAX = 64 };

static struct tn_signatures real;

static int set_up(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[1024];
    assert_true(tn_signatures_size() <= sizeof(memory));
    tn_signatures_real(&real, memory);
    return 0;
}

struct signer {
    struct tn_secret_key secret;
    struct tn_public_key key;
    struct tn_parsed_key parsed;
};

static struct signer make_signer(uint64_t *random)
{
    struct signer signer;
    fill_random(signer.secret.bytes, sizeof(signer.secret.bytes), random);
    signer.secret.bytes[0] &= 0x7f;
    assert_true(real.public_key(real.context, &signer.key, &signer.secret));
    assert_true(real.parse(real.context, &signer.parsed, &signer.key));
    return signer;
}

struct signed_digest {
    struct tn_hash digest;
    struct tn_signature signature;
};

static struct signed_digest sign_any(const struct signer *signer, uint64_t *random)
{
    struct signed_digest made;
    fill_random(made.digest.bytes, sizeof(made.digest.bytes), random);
    assert_true(real.sign(real.context, &made.signature, &made.digest, &signer->secret));
    return made;
}

struct learned {
    struct tn_signatures signatures;
    void *memory;
};

static struct learned learn(const struct tn_signatures *from, uint32_t places)
{
    struct learned learned;
    size_t size = tn_signatures_learned_size(places);
    learned.memory = aligned_alloc(64, size);
    assert_non_null(learned.memory);
    memset(learned.memory, 0, size);
    tn_signatures_learn(&learned.signatures, from, learned.memory, places);
    return learned;
}

static struct tn_signatures_counts counts_of(const struct learned *learned)
{
    struct tn_signatures_counts counts;
    tn_signatures_learned_counts(&counts, &learned->signatures);
    return counts;
}

static bool check(const struct learned *learned, const struct signer *signer,
                  const struct signed_digest *made, bool is_parsed)
{
    const struct tn_signatures *signatures = &learned->signatures;
    return is_parsed ? signatures->verify_parsed(signatures->context, &made->digest,
                                                 &made->signature, &signer->parsed)
                     : signatures->verify(signatures->context, &made->digest, &made->signature,
                                          &signer->key);
}

/* `times` good signatures of a signer. */
static void check_good(const struct learned *learned, const struct signer *signer, uint32_t times,
                       uint64_t *random)
{
    for (uint32_t i = 0; i < times; i++) {
        struct signed_digest made = sign_any(signer, random);
        assert_true(check(learned, signer, &made, i % 2 == 0));
    }
}

/* ---- Learning -------------------------------------------------------------------------------- */

static void test_crypto_a_key_has_a_table_from_its_fourth_good_signature_on(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, PLACES);
    for (uint32_t form = 0; form < 2; form++) {
        struct signer signer = make_signer(&random);
        struct tn_signatures_counts before = counts_of(&learned);
        for (uint32_t i = 0; i < 10; i++) {
            struct signed_digest made = sign_any(&signer, &random);
            assert_true(check(&learned, &signer, &made, form == 1));
            struct tn_signatures_counts counts = counts_of(&learned);
            assert_int_equal(counts.made - before.made, i + 1 >= SEEN_ENOUGH ? 1 : 0);
            assert_int_equal(counts.by_table - before.by_table,
                             i < SEEN_ENOUGH ? 0 : i + 1 - SEEN_ENOUGH);
        }
        /* The same table serves the other form of the key. */
        struct signed_digest made = sign_any(&signer, &random);
        assert_true(check(&learned, &signer, &made, form == 0));
        assert_int_equal(counts_of(&learned).by_table - before.by_table, 7);
    }
    assert_int_equal(counts_of(&learned).differences, 0);
    free(learned.memory);
}

static void test_crypto_bad_signatures_teach_nothing(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, PLACES);
    struct signer signer = make_signer(&random);
    struct signed_digest made = sign_any(&signer, &random);
    made.signature.bytes[40] ^= 1;
    for (uint32_t i = 0; i < 20; i++)
        assert_false(check(&learned, &signer, &made, i % 2 == 0));
    assert_int_equal(counts_of(&learned).made, 0);
    assert_int_equal(counts_of(&learned).by_library, 20);
    free(learned.memory);
}

static void test_crypto_learned_answers_are_the_librarys(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, 1);
    struct signer signer = make_signer(&random);
    check_good(&learned, &signer, SEEN_ENOUGH, &random);
    struct signed_digest good = sign_any(&signer, &random);
    for (uint32_t bit = 0; bit < 8 * (TN_SIGNATURE_SIZE + TN_HASH_SIZE); bit++) {
        struct signed_digest bad = good;
        uint8_t *bytes = bit < 512 ? bad.signature.bytes : bad.digest.bytes;
        bytes[bit % 512 / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(check(&learned, &signer, &bad, bit % 2 == 0));
    }
    for (uint32_t bit = 0; bit < 8 * TN_PUBLIC_KEY_SIZE; bit++) {
        struct signer other = signer;
        other.key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(check(&learned, &other, &good, false));
    }
    assert_true(check(&learned, &signer, &good, false));
    struct tn_signatures_counts counts = counts_of(&learned);
    assert_int_equal(counts.differences, 0);
    assert_int_equal(counts.by_table, 769);
    free(learned.memory);
}

enum { TOGETHER_MAX = 21 };

/* Checks of any keys, some of them changed in a bit. */
static void make_checks(struct tn_signature_check *checks, struct signed_digest *made,
                        const struct signer *signers, uint32_t count, uint64_t *random)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct signer *signer = &signers[tn_random_below(random, PLACES)];
        const uint64_t bit = tn_random_below(random, 8 * TN_SIGNATURE_SIZE);
        made[i] = sign_any(signer, random);
        if (tn_random_below(random, 3) == 0)
            made[i].signature.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        checks[i] =
            (struct tn_signature_check){&made[i].digest, &made[i].signature, &signer->parsed};
    }
}

/* Keys learn on the way: a group has some with tables, some without, and one that gets its own. */
static void test_crypto_checks_together_are_those_one_by_one(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned together = learn(&real, 8 * PLACES), alone = learn(&real, 8 * PLACES);
    const struct tn_signatures *signatures = &together.signatures;
    struct signer signers[PLACES];
    struct tn_signature_check checks[TOGETHER_MAX];
    struct signed_digest made[TOGETHER_MAX];
    uint32_t checks_count = 0, bad_count = 0;
    for (uint32_t round = 0; round < 120; round++) {
        if (round % 20 == 0) {
            for (uint32_t i = 0; i < PLACES; i++)
                signers[i] = make_signer(&random);
        }
        const uint32_t count = round % (TOGETHER_MAX + 1);
        bool good[TOGETHER_MAX];
        make_checks(checks, made, signers, count, &random);
        signatures->verify_many(signatures->context, good, checks, count);
        for (uint32_t i = 0; i < count; i++) {
            bool is_good = alone.signatures.verify_parsed(
                alone.signatures.context, checks[i].digest, checks[i].signature, checks[i].key);
            assert_true(good[i] == is_good);
            assert_true(is_good == real.verify_parsed(real.context, checks[i].digest,
                                                      checks[i].signature, checks[i].key));
            bad_count += !is_good;
        }
        checks_count += count;
    }
    struct tn_signatures_counts counts = counts_of(&together), one_by_one = counts_of(&alone);
    assert_memory_equal(&counts, &one_by_one, sizeof(counts));
    assert_int_equal(counts.by_table + counts.by_library, checks_count);
    assert_true(bad_count > checks_count / 5 && counts.by_table > checks_count / 2);
    assert_true(counts.made >= 5 * PLACES && counts.differences == 0);
    free(together.memory);
    free(alone.memory);
}

/* What does not verify is the library's, word for word. */
static void test_crypto_learned_signatures_sign_and_recover_as_the_library(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, 1);
    const struct tn_signatures *made = &learned.signatures;
    struct signer signer = make_signer(&random);
    struct tn_hash digest = {{9}};
    struct tn_signature signatures[2];
    struct tn_recoverable recoverables[2];
    struct tn_public_key key;
    struct tn_parsed_key parsed;
    struct tn_address addresses[3];
    assert_true(real.sign(real.context, &signatures[0], &digest, &signer.secret));
    assert_true(made->sign(made->context, &signatures[1], &digest, &signer.secret));
    assert_memory_equal(&signatures[0], &signatures[1], sizeof(signatures[0]));
    assert_true(real.sign_recoverable(real.context, &recoverables[0], &digest, &signer.secret));
    assert_true(made->sign_recoverable(made->context, &recoverables[1], &digest, &signer.secret));
    assert_memory_equal(&recoverables[0], &recoverables[1], sizeof(recoverables[0]));
    assert_true(made->public_key(made->context, &key, &signer.secret));
    assert_true(tn_public_key_equal(&key, &signer.key));
    assert_true(made->parse(made->context, &parsed, &key));
    assert_memory_equal(&parsed, &signer.parsed, sizeof(parsed));
    assert_true(real.address(real.context, &addresses[0], &key));
    assert_true(made->address(made->context, &addresses[1], &key));
    assert_true(made->recover(made->context, &addresses[2], &digest, &recoverables[0]));
    assert_true(tn_address_equal(&addresses[0], &addresses[1]));
    assert_true(tn_address_equal(&addresses[0], &addresses[2]));
    free(learned.memory);
}

/* ---- Places ---------------------------------------------------------------------------------- */

static void test_crypto_tables_in_use_are_not_given_away(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, PLACES);
    struct signer regulars[PLACES];
    for (uint32_t i = 0; i < PLACES; i++) {
        regulars[i] = make_signer(&random);
        check_good(&learned, &regulars[i], SEEN_ENOUGH, &random);
    }
    assert_int_equal(counts_of(&learned).made, PLACES);
    /* Strangers come and stay long enough, each between two signatures of the regulars. */
    for (uint32_t i = 0; i < 20; i++) {
        struct signer stranger = make_signer(&random);
        check_good(&learned, &stranger, SEEN_ENOUGH + 2, &random);
        uint64_t by_table = counts_of(&learned).by_table;
        for (uint32_t j = 0; j < PLACES; j++)
            check_good(&learned, &regulars[j], 1, &random);
        assert_int_equal(counts_of(&learned).by_table - by_table, PLACES);
    }
    assert_int_equal(counts_of(&learned).made, PLACES);
    free(learned.memory);
}

static void test_crypto_a_table_that_idles_gives_way(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, 1);
    struct signer first = make_signer(&random), second = make_signer(&random);
    check_good(&learned, &first, SEEN_ENOUGH + 1, &random);
    /* One place is idle after 16 checks: the second is due at its 4th, 8th, 12th and 16th. */
    check_good(&learned, &second, 15, &random);
    assert_int_equal(counts_of(&learned).made, 1);
    check_good(&learned, &second, 2, &random);
    assert_int_equal(counts_of(&learned).made, 2);
    uint64_t by_table = counts_of(&learned).by_table;
    check_good(&learned, &first, 1, &random);
    assert_int_equal(counts_of(&learned).by_table, by_table);
    check_good(&learned, &second, 1, &random);
    assert_int_equal(counts_of(&learned).by_table, by_table + 1);
    free(learned.memory);
}

static size_t resident_size(void *memory, size_t size)
{
    static unsigned char pages[1 << 16];
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t resident = 0;
    assert_true(size / page < sizeof(pages));
    assert_int_equal(mincore(memory, size, pages), 0);
    for (size_t i = 0; i < (size + page - 1) / page; i++)
        resident += pages[i] & 1 ? page : 0;
    return resident;
}

static void test_crypto_tables_that_no_key_has_take_no_memory(void **state)
{
    (void)state;
    enum { MANY = 1024, GENERATOR = 5 << 19, TABLE = 96 << 10, HEADS = 16 << 10 };
    uint64_t random = test_seed("test_crypto_learned");
    const size_t size = tn_signatures_learned_size(MANY);
    struct learned learned;
    assert_true(size > (size_t)40 << 20);
    learned.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(learned.memory != MAP_FAILED);
    (void)madvise(learned.memory, size, MADV_NOHUGEPAGE);
    tn_signatures_learn(&learned.signatures, &real, learned.memory, MANY);
    assert_true(resident_size(learned.memory, size) < GENERATOR);
    for (uint32_t i = 0; i < 4; i++) {
        struct signer signer = make_signer(&random);
        check_good(&learned, &signer, SEEN_ENOUGH + 1, &random);
    }
    assert_int_equal(counts_of(&learned).made, 4);
    assert_true(resident_size(learned.memory, size) < GENERATOR + 4 * (TABLE + HEADS));
    munmap(learned.memory, size);
}

/* Whoever signs: as many keys as there may be, each often enough to be due again and again. */
static void test_crypto_tables_are_made_at_most_once_in_sixteen_checks(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, PLACES);
    struct signer signers[KEYS_MAX];
    uint32_t checks_count = 0;
    for (uint32_t i = 0; i < KEYS_MAX; i++)
        signers[i] = make_signer(&random);
    for (uint32_t i = 0; i < 400; i++) {
        const struct signer *signer = &signers[tn_random_below(&random, KEYS_MAX)];
        check_good(&learned, signer, SEEN_ENOUGH, &random);
        checks_count += SEEN_ENOUGH;
        assert_true(counts_of(&learned).made <= PLACES + checks_count / 16);
    }
    assert_true(counts_of(&learned).made > 2 * PLACES);
    assert_int_equal(counts_of(&learned).differences, 0);
    free(learned.memory);
}

/* ---- Distrust -------------------------------------------------------------------------------- */

/* A library that says what it is told to, under the tables of the real one. */
static bool library_says;
static uint32_t library_asked_count;

static bool say(void *context, const struct tn_hash *digest, const struct tn_signature *signature,
                const struct tn_public_key *key)
{
    (void)context, (void)digest, (void)signature, (void)key;
    library_asked_count++;
    return library_says;
}

static bool say_parsed(void *context, const struct tn_hash *digest,
                       const struct tn_signature *signature, const struct tn_parsed_key *key)
{
    (void)context, (void)digest, (void)signature, (void)key;
    library_asked_count++;
    return library_says;
}

static struct learned learn_from_puppet(const struct signer *signer, uint64_t *random)
{
    struct tn_signatures puppet = real;
    puppet.verify = say;
    puppet.verify_parsed = say_parsed;
    library_says = true;
    struct learned learned = learn(&puppet, 1);
    check_good(&learned, signer, SEEN_ENOUGH, random);
    assert_int_equal(counts_of(&learned).made, 1);
    library_asked_count = 0;
    return learned;
}

static void test_crypto_the_library_has_the_last_word_on_a_no(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct signer signer = make_signer(&random);
    struct learned learned = learn_from_puppet(&signer, &random);
    for (uint32_t i = 0; i < 40; i++) {
        struct signed_digest bad = sign_any(&signer, &random);
        bad.digest.bytes[3] ^= 4;
        library_says = i % 2 == 0;
        assert_true(check(&learned, &signer, &bad, i % 4 < 2) == library_says);
    }
    assert_int_equal(library_asked_count, 40);
    assert_int_equal(counts_of(&learned).differences, 20);
    free(learned.memory);
}

static void test_crypto_the_library_has_the_last_word_on_each_of_several(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct signer signer = make_signer(&random);
    struct learned learned = learn_from_puppet(&signer, &random);
    const struct tn_signatures *signatures = &learned.signatures;
    struct tn_signature_check checks[6];
    struct signed_digest made[6];
    bool good[6];
    for (uint32_t i = 0; i < 6; i++) {
        made[i] = sign_any(&signer, &random);
        if (i % 2 == 0) made[i].digest.bytes[3] ^= 4;
        checks[i] =
            (struct tn_signature_check){&made[i].digest, &made[i].signature, &signer.parsed};
    }
    signatures->verify_many(signatures->context, good, checks, 6);
    for (uint32_t i = 0; i < 6; i++)
        assert_true(good[i]);
    struct tn_signatures_counts counts = counts_of(&learned);
    assert_int_equal(counts.differences, 3);
    assert_int_equal(library_asked_count, 3 + counts.audited);
    free(learned.memory);
}

static void test_crypto_the_library_is_asked_about_one_yes_in_64(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct signer signer = make_signer(&random);
    struct learned learned = learn_from_puppet(&signer, &random);
    struct signed_digest good = sign_any(&signer, &random);
    uint32_t longest = 0, waited = 0;
    for (uint32_t i = 0; i < 6400; i++) { /* the same one again: the count alone moves on */
        uint32_t before = library_asked_count;
        assert_true(check(&learned, &signer, &good, i % 2 == 0));
        waited = library_asked_count == before ? waited + 1 : 0;
        if (waited > longest) longest = waited;
    }
    struct tn_signatures_counts counts = counts_of(&learned);
    assert_int_equal(counts.audited, library_asked_count);
    assert_true(counts.audited > 50 && counts.audited < 200);
    assert_true(longest < 1000);
    free(learned.memory);
}

/* Of the two that the library and the tests have, neither is sure to be linked here. */
_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

static void write_of_liar(const struct learned *learned, const struct signer *signer,
                          uint64_t *random, int written)
{
    dup2(written, STDERR_FILENO);
    library_says = false;
    for (uint32_t i = 0; i < 1000; i++) {
        struct signed_digest good = sign_any(signer, random);
        check(learned, signer, &good, false);
    }
    _exit(0);
}

static void test_crypto_a_yes_that_the_library_denies_ends_the_program(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct signer signer = make_signer(&random);
    struct learned learned = learn_from_puppet(&signer, &random);
    char text[512] = {0};
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) write_of_liar(&learned, &signer, &random, ends[1]);
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "confirmed a signature that libsecp256k1 denies"));
    free(learned.memory);
}

/* ---- Threads --------------------------------------------------------------------------------- */

enum { THREADS = 4, THREAD_KEYS = 3 * PLACES, THREAD_CHECKS = 500, THREAD_GROUP_MAX = 5 };

struct thread {
    const struct learned *learned;
    const struct signer *signers;
    const struct signed_digest *made; /* two of each signer */
    uint64_t random;
    uint32_t wrong_count;
    pthread_t id;
};

/* Each thread stays a while with few of the keys, so that tables are made and idle. */
static void run_group(struct thread *thread, uint32_t first, uint32_t count)
{
    const struct tn_signatures *signatures = &thread->learned->signatures;
    struct tn_signature_check checks[THREAD_GROUP_MAX];
    struct signed_digest made[THREAD_GROUP_MAX];
    bool is_bad[THREAD_GROUP_MAX], good[THREAD_GROUP_MAX];
    for (uint32_t k = 0; k < count; k++) {
        const uint32_t i = first + k;
        uint32_t base = i / 100 * 5 + (uint32_t)(thread->random & 1);
        uint32_t key = (base + (uint32_t)tn_random_below(&thread->random, 4)) % THREAD_KEYS;
        made[k] = thread->made[2 * key + i % 2];
        is_bad[k] = tn_random_below(&thread->random, 8) == 0;
        if (is_bad[k]) made[k].digest.bytes[i % 32] ^= 1;
        checks[k] = (struct tn_signature_check){&made[k].digest, &made[k].signature,
                                                &thread->signers[key].parsed};
        if (count == 1) good[k] = check(thread->learned, &thread->signers[key], &made[k], i % 2);
    }
    if (count > 1) signatures->verify_many(signatures->context, good, checks, count);
    for (uint32_t k = 0; k < count; k++)
        thread->wrong_count += good[k] == is_bad[k];
}

/* Half of all by themselves. */
static void *run_thread(void *argument)
{
    struct thread *thread = argument;
    for (uint32_t i = 0; i < THREAD_CHECKS; i += 2 * THREAD_GROUP_MAX) {
        run_group(thread, i, THREAD_GROUP_MAX);
        for (uint32_t k = 0; k < THREAD_GROUP_MAX; k++)
            run_group(thread, i + THREAD_GROUP_MAX + k, 1);
    }
    return NULL;
}

static void test_crypto_threads_get_right_answers_while_tables_come_and_go(void **state)
{
    (void)state;
    uint64_t random = test_seed("test_crypto_learned");
    struct learned learned = learn(&real, PLACES);
    struct signer signers[THREAD_KEYS];
    struct signed_digest made[2 * THREAD_KEYS];
    struct thread threads[THREADS];
    for (uint32_t i = 0; i < THREAD_KEYS; i++) {
        signers[i] = make_signer(&random);
        made[2 * i] = sign_any(&signers[i], &random);
        made[2 * i + 1] = sign_any(&signers[i], &random);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){&learned, signers, made, random + i, 0, 0};
        assert_int_equal(pthread_create(&threads[i].id, NULL, run_thread, &threads[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i].id, NULL);
        assert_int_equal(threads[i].wrong_count, 0);
    }
    struct tn_signatures_counts counts = counts_of(&learned);
    assert_int_equal(counts.by_table + counts.by_library, THREADS * THREAD_CHECKS);
    assert_int_equal(counts.differences, 0);
    assert_true(counts.by_table > THREADS * THREAD_CHECKS / 10);
    assert_true(counts.made > PLACES);
    free(learned.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crypto_a_key_has_a_table_from_its_fourth_good_signature_on),
        cmocka_unit_test(test_crypto_bad_signatures_teach_nothing),
        cmocka_unit_test(test_crypto_learned_answers_are_the_librarys),
        cmocka_unit_test(test_crypto_checks_together_are_those_one_by_one),
        cmocka_unit_test(test_crypto_learned_signatures_sign_and_recover_as_the_library),
        cmocka_unit_test(test_crypto_tables_in_use_are_not_given_away),
        cmocka_unit_test(test_crypto_a_table_that_idles_gives_way),
        cmocka_unit_test(test_crypto_tables_that_no_key_has_take_no_memory),
        cmocka_unit_test(test_crypto_tables_are_made_at_most_once_in_sixteen_checks),
        cmocka_unit_test(test_crypto_the_library_has_the_last_word_on_a_no),
        cmocka_unit_test(test_crypto_the_library_has_the_last_word_on_each_of_several),
        cmocka_unit_test(test_crypto_the_library_is_asked_about_one_yes_in_64),
        cmocka_unit_test(test_crypto_a_yes_that_the_library_denies_ends_the_program),
        cmocka_unit_test(test_crypto_threads_get_right_answers_while_tables_come_and_go),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
