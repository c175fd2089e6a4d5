/* hands: see the header. Under the lock: what the work is, and how many threads are at it. Pieces
 * are claimed by one atomic count, and the work is over when all are claimed and nobody is at it.
 * A thread that wakes later finds no work. */
#include "cluster/hands.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { THREADS_MOST = 7 };

struct hands {
    pthread_mutex_t lock;
    pthread_cond_t begun, left;
    void (*piece)(void *of, uint32_t index); /* NULL: there is no work */
    void *of;
    uint32_t count;
    uint32_t at_work; /* threads */
    bool is_ending;
    atomic_uint next; /* piece that nobody has claimed */
    uint32_t threads_count;
    pthread_t threads[THREADS_MOST];
};

static void take_pieces(struct hands *hands, void (*piece)(void *of, uint32_t index), void *of,
                        uint32_t count)
{
    for (;;) {
        const uint32_t index = atomic_fetch_add_explicit(&hands->next, 1, memory_order_relaxed);
        if (index >= count) return;
        piece(of, index);
    }
}

static bool has_pieces(struct hands *hands)
{
    return hands->piece != NULL &&
           atomic_load_explicit(&hands->next, memory_order_relaxed) < hands->count;
}

static void *serve(void *context)
{
    struct hands *hands = context;
    pthread_mutex_lock(&hands->lock);
    while (!hands->is_ending) {
        if (!has_pieces(hands)) {
            pthread_cond_wait(&hands->begun, &hands->lock);
            continue;
        }
        hands->at_work++;
        pthread_mutex_unlock(&hands->lock);
        take_pieces(hands, hands->piece, hands->of, hands->count); /* as they are while at work */
        pthread_mutex_lock(&hands->lock);
        if (--hands->at_work == 0) pthread_cond_signal(&hands->left);
    }
    pthread_mutex_unlock(&hands->lock);
    return NULL;
}

static void work(void *context, void (*piece)(void *of, uint32_t index), void *of, uint32_t count)
{
    struct hands *hands = context;
    pthread_mutex_lock(&hands->lock);
    hands->piece = piece;
    hands->of = of;
    hands->count = count;
    atomic_store_explicit(&hands->next, 0, memory_order_relaxed);
    pthread_cond_broadcast(&hands->begun);
    pthread_mutex_unlock(&hands->lock);
    take_pieces(hands, piece, of, count);
    pthread_mutex_lock(&hands->lock);
    while (hands->at_work > 0)
        pthread_cond_wait(&hands->left, &hands->lock);
    hands->piece = NULL;
    pthread_mutex_unlock(&hands->lock);
}

/* Signals are the caller's. */
static int start_threads(struct hands *hands, uint32_t threads)
{
    sigset_t all, before;
    int code = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (code == 0 && hands->threads_count < threads) {
        pthread_t *thread = &hands->threads[hands->threads_count];
        code = pthread_create(thread, NULL, serve, hands);
        if (code == 0) hands->threads_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

struct hands *hands_open(uint32_t threads)
{
    struct hands *hands = calloc(1, sizeof *hands);
    if (hands == NULL) return NULL;
    pthread_mutex_init(&hands->lock, NULL);
    pthread_cond_init(&hands->begun, NULL);
    pthread_cond_init(&hands->left, NULL);
    atomic_init(&hands->next, 0);
    const int code = start_threads(hands, threads < THREADS_MOST ? threads : THREADS_MOST);
    if (code == 0) return hands;
    hands_close(hands);
    errno = code;
    return NULL;
}

void hands_close(struct hands *hands)
{
    if (hands == NULL) return;
    pthread_mutex_lock(&hands->lock);
    hands->is_ending = true;
    pthread_cond_broadcast(&hands->begun);
    pthread_mutex_unlock(&hands->lock);
    for (uint32_t i = 0; i < hands->threads_count; i++)
        pthread_join(hands->threads[i], NULL);
    pthread_cond_destroy(&hands->left);
    pthread_cond_destroy(&hands->begun);
    pthread_mutex_destroy(&hands->lock);
    free(hands);
}

struct tn_hands hands_of(struct hands *hands)
{
    return (struct tn_hands){.work = work, .context = hands};
}

uint32_t hands_threads(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    const uint32_t count = (uint32_t)CPU_COUNT(&set);
    if (count <= 1) return 0;
    return count - 1 < THREADS_MOST ? count - 1 : THREADS_MOST;
}
