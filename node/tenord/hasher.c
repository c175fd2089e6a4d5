/* hasher: see the header. Between begin and wait the work's data belong to the thread, else to the
 * caller: the lock passes them on. */
#include "hasher.h"
#include "tenord.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct hasher {
    void (*work)(void *);
    void *context;
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_busy, is_ending; /* under the lock */
};

static void *serve(void *context)
{
    struct hasher *hasher = context;
    pthread_mutex_lock(&hasher->lock);
    for (;;) {
        while (!hasher->is_busy && !hasher->is_ending)
            pthread_cond_wait(&hasher->changed, &hasher->lock);
        if (!hasher->is_busy) break;
        pthread_mutex_unlock(&hasher->lock);
        hasher->work(hasher->context);
        pthread_mutex_lock(&hasher->lock);
        hasher->is_busy = false;
        pthread_cond_broadcast(&hasher->changed);
    }
    pthread_mutex_unlock(&hasher->lock);
    return NULL;
}

struct hasher *hasher_open(void (*work)(void *), void *context, bool threaded)
{
    struct hasher *hasher = calloc(1, sizeof *hasher);
    if (hasher == NULL) {
        complain("out of memory");
        return NULL;
    }
    hasher->work = work;
    hasher->context = context;
    hasher->threaded = threaded;
    pthread_mutex_init(&hasher->lock, NULL);
    pthread_cond_init(&hasher->changed, NULL);
    int code = threaded ? pthread_create(&hasher->thread, NULL, serve, hasher) : 0;
    if (code == 0) return hasher;
    complain("cannot start the thread that hashes: %s", strerror(code));
    free(hasher);
    return NULL;
}

void hasher_begin(struct hasher *hasher)
{
    if (!hasher->threaded) {
        hasher->work(hasher->context);
        return;
    }
    pthread_mutex_lock(&hasher->lock);
    TN_ASSERT(!hasher->is_busy);
    hasher->is_busy = true;
    pthread_cond_broadcast(&hasher->changed);
    pthread_mutex_unlock(&hasher->lock);
}

bool hasher_is_done(struct hasher *hasher)
{
    pthread_mutex_lock(&hasher->lock);
    bool is_done = !hasher->is_busy;
    pthread_mutex_unlock(&hasher->lock);
    return is_done;
}

void hasher_wait(struct hasher *hasher)
{
    pthread_mutex_lock(&hasher->lock);
    while (hasher->is_busy)
        pthread_cond_wait(&hasher->changed, &hasher->lock);
    pthread_mutex_unlock(&hasher->lock);
}

void hasher_close(struct hasher *hasher)
{
    if (hasher == NULL) return;
    if (hasher->threaded) {
        pthread_mutex_lock(&hasher->lock);
        hasher->is_ending = true;
        pthread_cond_broadcast(&hasher->changed);
        pthread_mutex_unlock(&hasher->lock);
        pthread_join(hasher->thread, NULL);
    }
    pthread_cond_destroy(&hasher->changed);
    pthread_mutex_destroy(&hasher->lock);
    free(hasher);
}
