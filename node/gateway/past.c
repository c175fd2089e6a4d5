/* Two rings under one lock: asks, and pieces. A piece's memory is the thread's while it is read,
 * the owner's while it is looked at, and free otherwise; there are few of them, and no more is read
 * while all are full. So what the past costs in memory does not depend on how many ask. */
#include "gateway/past.h"
#include "clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PIECES 8u

struct ask {
    uint64_t tag;
    uint32_t slot, market, account;
    struct gateway_place after;
};

struct gateway_past {
    struct gateway_past_source source;
    int fd;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ending;
    uint32_t percent;
    uint32_t asks_max;
    uint64_t asks_put, asks_taken;     /* numbers */
    uint64_t pieces_put, pieces_taken; /* taken: the owner is done with them */
    bool is_lent;                      /* the owner looks at pieces_taken */
    struct gateway_past_piece pieces[PIECES];
    struct ask asks[];
};

/* ---- The thread --------------------------------------------------------------------------------
 */

/* False: it ends. */
static bool wait_for_ask(struct gateway_past *past, struct ask *ask)
{
    pthread_mutex_lock(&past->lock);
    while (!past->ending &&
           (past->asks_taken == past->asks_put || past->pieces_put - past->pieces_taken == PIECES))
        pthread_cond_wait(&past->changed, &past->lock);
    const bool goes_on = !past->ending;
    if (goes_on) *ask = past->asks[past->asks_taken++ % past->asks_max];
    pthread_mutex_unlock(&past->lock);
    return goes_on;
}

/* The others' share. Waiting for the disk counts as work: it is shared too. */
static void rest(struct gateway_past *past, uint64_t worked_us)
{
    pthread_mutex_lock(&past->lock);
    const uint64_t until_us =
        (uint64_t)monotonic_us() + worked_us * (100 - past->percent) / past->percent;
    const struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                                   .tv_nsec = (long)(until_us % 1000000) * 1000};
    while (!past->ending && (uint64_t)monotonic_us() < until_us)
        pthread_cond_timedwait(&past->changed, &past->lock, &until);
    pthread_mutex_unlock(&past->lock);
}

static void *work(void *context)
{
    struct gateway_past *past = context;
    struct ask ask;
    while (wait_for_ask(past, &ask)) {
        struct gateway_past_piece *piece = &past->pieces[past->pieces_put % PIECES];
        const uint64_t begun_us = (uint64_t)monotonic_us();
        piece->tag = ask.tag;
        piece->slot = ask.slot;
        past->source.read(past->source.context, piece, ask.market, ask.account, ask.after);
        TN_ASSERT(piece->count <= GATEWAY_PAST_RECORDS);
        pthread_mutex_lock(&past->lock);
        past->pieces_put++;
        pthread_mutex_unlock(&past->lock);
        eventfd_write(past->fd, 1);
        rest(past, (uint64_t)monotonic_us() - begun_us);
    }
    return NULL;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

struct gateway_past *gateway_past_make(const struct gateway_past_source *source, uint32_t asks_max,
                                       uint32_t percent)
{
    struct gateway_past *past = calloc(1, sizeof *past + asks_max * sizeof past->asks[0]);
    pthread_condattr_t attributes;
    if (past == NULL) return NULL;
    past->source = *source;
    past->asks_max = asks_max;
    past->percent = percent;
    pthread_mutex_init(&past->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&past->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    past->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    past->has_thread = past->fd >= 0 && pthread_create(&past->thread, NULL, work, past) == 0;
    if (past->has_thread) return past;
    gateway_past_free(past);
    return NULL;
}

void gateway_past_free(struct gateway_past *past)
{
    if (past == NULL) return;
    pthread_mutex_lock(&past->lock);
    past->ending = true;
    pthread_cond_signal(&past->changed);
    pthread_mutex_unlock(&past->lock);
    if (past->has_thread) pthread_join(past->thread, NULL);
    if (past->fd >= 0) close(past->fd);
    pthread_cond_destroy(&past->changed);
    pthread_mutex_destroy(&past->lock);
    free(past);
}

void gateway_past_set_percent(struct gateway_past *past, uint32_t percent)
{
    pthread_mutex_lock(&past->lock);
    past->percent = percent;
    pthread_mutex_unlock(&past->lock);
}

/* ---- The owner ---------------------------------------------------------------------------------
 */

bool gateway_past_ask(struct gateway_past *past, uint64_t tag, uint32_t slot,
                      const struct gateway_cursor *cursor)
{
    pthread_mutex_lock(&past->lock);
    const bool has_room = past->asks_put - past->asks_taken < past->asks_max;
    if (has_room) {
        past->asks[past->asks_put++ % past->asks_max] = (struct ask){.tag = tag,
                                                                     .slot = slot,
                                                                     .market = cursor->market,
                                                                     .account = cursor->account,
                                                                     .after = cursor->after};
        pthread_cond_signal(&past->changed);
    }
    pthread_mutex_unlock(&past->lock);
    return has_room;
}

int gateway_past_fd(const struct gateway_past *past)
{
    return past->fd;
}

const struct gateway_past_piece *gateway_past_next(struct gateway_past *past)
{
    const struct gateway_past_piece *piece = NULL;
    eventfd_t count;
    eventfd_read(past->fd, &count); /* before the look: what comes after it is said again */
    pthread_mutex_lock(&past->lock);
    if (past->is_lent) {
        past->pieces_taken++;
        pthread_cond_signal(&past->changed);
    }
    past->is_lent = past->pieces_taken < past->pieces_put;
    if (past->is_lent) piece = &past->pieces[past->pieces_taken % PIECES];
    pthread_mutex_unlock(&past->lock);
    return piece;
}
