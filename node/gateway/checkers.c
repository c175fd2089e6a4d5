/* checkers: the line of checks, and who claims them.
 *
 * Places are numbered for ever, and a number's remainder is where it lies. Four numbers only grow:
 * taken <= done in order <= claimed <= put. The owner moves `put` and `taken`; whoever moves
 * `claimed` from n to n + 1 owns place n until it stores the result, and the owner gives the place
 * to nobody else before it has seen that result. Nothing is locked.
 *
 * Sleep, on both sides: who goes to sleep says so and then looks once more; who brings something
 * stores it and then looks whether somebody sleeps. Both in one total order, so one of them sees
 * the other. A worker that was counted among the sleepers and finds work takes itself off the
 * count; if it is not on it any more somebody has posted for it, and it takes that post. */
#include "gateway/checkers.h"

#include "tenor/frame.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OWNER_AND_NODE 2u
_Static_assert((GATEWAY_CHECKS_MAX & (GATEWAY_CHECKS_MAX - 1)) == 0, "a remainder is a mask");

struct place {
    _Alignas(64) struct gateway_check check; /* first: a check is its place */
    atomic_bool is_over;
};

struct gateway_checkers {
    const struct tn_signatures *signatures;
    uint8_t chain_id[32];
    int fd;
    bool is_asleep; /* the owner's: `awaited` may be set */
    uint64_t added, taken;
    _Alignas(64) _Atomic uint64_t put;
    _Alignas(64) _Atomic uint64_t claimed;
    _Alignas(
        64) _Atomic uint64_t awaited; /* number of the place that the owner sleeps for, plus one */
    _Alignas(64) _Atomic uint32_t sleepers;
    atomic_bool ending;
    sem_t posts;
    struct place places[GATEWAY_CHECKS_MAX];
    uint32_t workers_count;
    pthread_t workers[];
};

static struct place *place_of(struct gateway_checkers *checkers, uint64_t number)
{
    return &checkers->places[number % GATEWAY_CHECKS_MAX];
}

/* ---- Checking ----------------------------------------------------------------------------------
 */

static bool claim(struct gateway_checkers *checkers, uint64_t *number)
{
    uint64_t next = atomic_load_explicit(&checkers->claimed, memory_order_relaxed);
    do {
        if (next >= atomic_load_explicit(&checkers->put, memory_order_acquire)) return false;
    } while (!atomic_compare_exchange_weak_explicit(&checkers->claimed, &next, next + 1,
                                                    memory_order_acq_rel, memory_order_relaxed));
    *number = next;
    return true;
}

static void check(struct gateway_checkers *checkers, uint64_t number, bool by_worker)
{
    const struct tn_signatures *signatures = checkers->signatures;
    struct place *place = place_of(checkers, number);
    struct gateway_check *check = &place->check;
    tn_frame_digest(&check->checked.digest, checkers->chain_id, check->payload, check->size);
    check->is_good = signatures->verify_parsed(signatures->context, &check->checked.digest,
                                               &check->checked.signature, &check->key);
    check->by_worker = by_worker;
    atomic_store_explicit(&place->is_over, true, memory_order_seq_cst);
}

/* ---- Workers -----------------------------------------------------------------------------------
 */

/* One less, if there is one. */
static bool take_sleeper(struct gateway_checkers *checkers)
{
    uint32_t sleepers = atomic_load_explicit(&checkers->sleepers, memory_order_seq_cst);
    while (sleepers > 0) {
        if (atomic_compare_exchange_weak_explicit(&checkers->sleepers, &sleepers, sleepers - 1,
                                                  memory_order_seq_cst, memory_order_seq_cst))
            return true;
    }
    return false;
}

static void sleep_until_posted(struct gateway_checkers *checkers)
{
    atomic_fetch_add_explicit(&checkers->sleepers, 1, memory_order_seq_cst);
    bool has_work = atomic_load_explicit(&checkers->claimed, memory_order_seq_cst) <
                        atomic_load_explicit(&checkers->put, memory_order_seq_cst) ||
                    atomic_load_explicit(&checkers->ending, memory_order_seq_cst);
    if (has_work && take_sleeper(checkers)) return;
    while (sem_wait(&checkers->posts) != 0 && errno == EINTR) {
    }
}

static void tell_owner(struct gateway_checkers *checkers, uint64_t number)
{
    uint64_t awaited = number + 1;
    if (atomic_load_explicit(&checkers->awaited, memory_order_seq_cst) != awaited) return;
    if (atomic_compare_exchange_strong_explicit(&checkers->awaited, &awaited, 0,
                                                memory_order_seq_cst, memory_order_seq_cst))
        eventfd_write(checkers->fd, 1);
}

static void *work(void *context)
{
    struct gateway_checkers *checkers = context;
    uint64_t number;
    while (!atomic_load_explicit(&checkers->ending, memory_order_seq_cst)) {
        if (claim(checkers, &number)) {
            check(checkers, number, true);
            tell_owner(checkers, number);
        } else {
            sleep_until_posted(checkers);
        }
    }
    return NULL;
}

/* ---- Beginning and end -------------------------------------------------------------------------
 */

uint32_t gateway_checkers_workers(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    uint32_t count = (uint32_t)CPU_COUNT(&set);
    if (count > OWNER_AND_NODE) return count - OWNER_AND_NODE;
    return count == OWNER_AND_NODE ? 1 : 0;
}

struct gateway_checkers *gateway_checkers_make(const struct tn_signatures *signatures,
                                               const uint8_t chain_id[32], uint32_t workers)
{
    struct gateway_checkers *checkers;
    size_t size = sizeof *checkers + workers * sizeof(pthread_t);
    checkers = aligned_alloc(64, (size + 63) / 64 * 64);
    if (checkers == NULL) return NULL;
    memset(checkers, 0, size);
    checkers->signatures = signatures;
    memcpy(checkers->chain_id, chain_id, sizeof checkers->chain_id);
    checkers->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bool done = sem_init(&checkers->posts, 0, 0) == 0 && checkers->fd >= 0;
    while (done && checkers->workers_count < workers) {
        done =
            pthread_create(&checkers->workers[checkers->workers_count], NULL, work, checkers) == 0;
        if (done) checkers->workers_count++;
    }
    if (done) return checkers;
    gateway_checkers_free(checkers);
    return NULL;
}

void gateway_checkers_free(struct gateway_checkers *checkers)
{
    if (checkers == NULL) return;
    atomic_store_explicit(&checkers->ending, true, memory_order_seq_cst);
    while (take_sleeper(checkers))
        sem_post(&checkers->posts);
    for (uint32_t i = 0; i < checkers->workers_count; i++)
        pthread_join(checkers->workers[i], NULL);
    sem_destroy(&checkers->posts);
    if (checkers->fd >= 0) close(checkers->fd);
    free(checkers);
}

/* ---- The owner ---------------------------------------------------------------------------------
 */

struct gateway_check *gateway_checkers_add(struct gateway_checkers *checkers)
{
    if (checkers->added - checkers->taken == GATEWAY_CHECKS_MAX) return NULL;
    struct place *place = place_of(checkers, checkers->added++);
    atomic_store_explicit(&place->is_over, false, memory_order_relaxed);
    return &place->check;
}

uint32_t gateway_checkers_place(const struct gateway_checkers *checkers,
                                const struct gateway_check *check)
{
    return (uint32_t)((const struct place *)(const void *)check - checkers->places);
}

uint32_t gateway_checkers_start(struct gateway_checkers *checkers)
{
    uint32_t woken = 0;
    if (atomic_load_explicit(&checkers->put, memory_order_relaxed) == checkers->added) return 0;
    atomic_store_explicit(&checkers->put, checkers->added, memory_order_seq_cst);
    uint64_t waiting =
        checkers->added - atomic_load_explicit(&checkers->claimed, memory_order_seq_cst);
    while (woken + 1 < waiting && take_sleeper(checkers)) {
        sem_post(&checkers->posts);
        woken++;
    }
    return woken;
}

bool gateway_checkers_help(struct gateway_checkers *checkers)
{
    uint64_t number;
    if (!claim(checkers, &number)) return false;
    check(checkers, number, false);
    return true;
}

const struct gateway_check *gateway_checkers_first(const struct gateway_checkers *checkers)
{
    const struct place *place = &checkers->places[checkers->taken % GATEWAY_CHECKS_MAX];
    if (checkers->taken == checkers->added) return NULL;
    return atomic_load_explicit(&place->is_over, memory_order_acquire) ? &place->check : NULL;
}

void gateway_checkers_drop(struct gateway_checkers *checkers)
{
    TN_ASSERT(gateway_checkers_first(checkers) != NULL);
    checkers->taken++;
}

uint32_t gateway_checkers_count(const struct gateway_checkers *checkers)
{
    return (uint32_t)(checkers->added - checkers->taken);
}

int gateway_checkers_fd(const struct gateway_checkers *checkers)
{
    return checkers->fd;
}

bool gateway_checkers_sleep(struct gateway_checkers *checkers)
{
    if (checkers->taken == checkers->added) return true;
    TN_ASSERT(atomic_load_explicit(&checkers->put, memory_order_relaxed) == checkers->added);
    if (atomic_load_explicit(&checkers->claimed, memory_order_relaxed) < checkers->added)
        return false;
    atomic_store_explicit(&checkers->awaited, checkers->taken + 1, memory_order_seq_cst);
    checkers->is_asleep = true;
    const struct place *place = place_of(checkers, checkers->taken);
    if (!atomic_load_explicit(&place->is_over, memory_order_seq_cst)) return true;
    gateway_checkers_wake(checkers);
    return false;
}

void gateway_checkers_wake(struct gateway_checkers *checkers)
{
    if (checkers->is_asleep) atomic_store_explicit(&checkers->awaited, 0, memory_order_relaxed);
    checkers->is_asleep = false;
}

void gateway_checkers_heard(struct gateway_checkers *checkers)
{
    eventfd_t times;
    eventfd_read(checkers->fd, &times);
}
