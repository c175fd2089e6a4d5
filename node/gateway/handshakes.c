/* A queue for each thread and one list of what is done, all under one lock: a handshake costs
 * milliseconds, so nobody meets at the lock. How many wait is bounded by whoever adds them: each
 * connection has one at most. */
#include "gateway/handshakes.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct list {
    struct gateway_handshake *first, *last;
};

struct worker {
    struct gateway_handshakes *all;
    pthread_t thread;
    pthread_cond_t come;
    struct list waiting;
};

struct gateway_handshakes {
    pthread_mutex_t lock;
    int fd;
    bool ending;
    struct list done;
    uint32_t count;
    struct worker workers[];
};

static void push(struct list *list, struct gateway_handshake *handshake)
{
    handshake->next = NULL;
    if (list->last == NULL) {
        list->first = handshake;
    } else {
        list->last->next = handshake;
    }
    list->last = handshake;
}

static struct gateway_handshake *pop(struct list *list)
{
    struct gateway_handshake *handshake = list->first;
    if (handshake == NULL) return NULL;
    list->first = handshake->next;
    if (list->first == NULL) list->last = NULL;
    return handshake;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct gateway_handshakes *all = worker->all;
    pthread_mutex_lock(&all->lock);
    while (!all->ending) {
        struct gateway_handshake *handshake = pop(&worker->waiting);
        if (handshake == NULL) {
            pthread_cond_wait(&worker->come, &all->lock);
            continue;
        }
        pthread_mutex_unlock(&all->lock);
        handshake->step = gateway_tls_handshake(handshake->tls);
        pthread_mutex_lock(&all->lock);
        bool first = all->done.first == NULL;
        push(&all->done, handshake);
        if (first) eventfd_write(all->fd, 1);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

struct gateway_handshakes *gateway_handshakes_make(uint32_t threads)
{
    struct gateway_handshakes *all = calloc(1, sizeof *all + threads * sizeof(struct worker));
    if (all == NULL) return NULL;
    pthread_mutex_init(&all->lock, NULL);
    all->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    bool done = all->fd >= 0;
    while (done && all->count < threads) {
        struct worker *worker = &all->workers[all->count];
        worker->all = all;
        pthread_cond_init(&worker->come, NULL);
        done = pthread_create(&worker->thread, NULL, work, worker) == 0;
        if (done) all->count++;
    }
    if (done) return all;
    gateway_handshakes_free(all);
    return NULL;
}

void gateway_handshakes_free(struct gateway_handshakes *all)
{
    if (all == NULL) return;
    pthread_mutex_lock(&all->lock);
    all->ending = true;
    for (uint32_t i = 0; i < all->count; i++)
        pthread_cond_signal(&all->workers[i].come);
    pthread_mutex_unlock(&all->lock);
    for (uint32_t i = 0; i < all->count; i++) {
        pthread_join(all->workers[i].thread, NULL);
        pthread_cond_destroy(&all->workers[i].come);
    }
    pthread_mutex_destroy(&all->lock);
    if (all->fd >= 0) close(all->fd);
    free(all);
}

void gateway_handshakes_add(struct gateway_handshakes *all, uint32_t thread,
                            struct gateway_handshake *handshake)
{
    TN_ASSERT(thread < all->count);
    pthread_mutex_lock(&all->lock);
    push(&all->workers[thread].waiting, handshake);
    pthread_cond_signal(&all->workers[thread].come);
    pthread_mutex_unlock(&all->lock);
}

int gateway_handshakes_fd(const struct gateway_handshakes *all)
{
    return all->fd;
}

struct gateway_handshake *gateway_handshakes_take(struct gateway_handshakes *all)
{
    eventfd_t count;
    eventfd_read(all->fd, &count);
    pthread_mutex_lock(&all->lock);
    struct gateway_handshake *first = all->done.first;
    all->done = (struct list){0};
    pthread_mutex_unlock(&all->lock);
    return first;
}
