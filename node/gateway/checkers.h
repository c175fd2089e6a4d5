/* checkers: signatures of frames, checked by several threads and taken in the order given.
 *
 * One line of places. The owner, the gateway's thread, fills them in order; whoever is free, a
 * worker or the owner itself, claims the first that nobody has claimed; the owner takes results
 * from the front. So a worker that the system has put aside holds up one check and no queue behind
 * it, and with no workers at all the owner does everything.
 *
 * To wake a thread costs about as much as to check a signature. A check that waits alone is left to
 * the owner, who is to call gateway_checkers_help before it sleeps. */
#ifndef NODE_GATEWAY_CHECKERS_H
#define NODE_GATEWAY_CHECKERS_H

#include "gateway/port.h"

#define GATEWAY_CHECKS_MAX 256u /* that wait, or are under way, or are to be taken */

struct gateway_check {
    struct tn_parsed_key key;
    const uint8_t *payload; /* stays where it is until the check is over */
    size_t size;
    struct tn_member_signed checked; /* the digest is filled in */
    bool is_good, by_worker;         /* filled in */
};

struct gateway_checkers;

/* With so many workers. The signatures outlive it. NULL: no memory or no threads. */
struct gateway_checkers *gateway_checkers_make(const struct tn_signatures *signatures,
                                               const uint8_t chain_id[32], uint32_t workers);
/* Ends the workers; what waits is not checked any more. */
void gateway_checkers_free(struct gateway_checkers *checkers);

/* As many as the processors that this process may use, less the gateway's and the node's thread;
 * one where there are just these two, for they are not at work all the time. */
uint32_t gateway_checkers_workers(void);

/* ---- For the owner alone -----------------------------------------------------------------------
 */

/* The place for the next check, to be filled before gateway_checkers_start. NULL: all are taken. */
struct gateway_check *gateway_checkers_add(struct gateway_checkers *checkers);
/* Which of GATEWAY_CHECKS_MAX places it is. */
uint32_t gateway_checkers_place(const struct gateway_checkers *checkers,
                                const struct gateway_check *check);
/* What was added may be claimed. Returns how many workers were woken. */
uint32_t gateway_checkers_start(struct gateway_checkers *checkers);
/* Claims one and checks it here. False: all that were started are claimed. */
bool gateway_checkers_help(struct gateway_checkers *checkers);
/* The first in line, if its check is over; NULL: it is not, or there is none. */
const struct gateway_check *gateway_checkers_first(const struct gateway_checkers *checkers);
/* It was taken: its place is free. */
void gateway_checkers_drop(struct gateway_checkers *checkers);
/* Those that were started and not taken. */
uint32_t gateway_checkers_count(const struct gateway_checkers *checkers);

/* Readable when the first in line was checked while the owner slept. */
int gateway_checkers_fd(const struct gateway_checkers *checkers);
void gateway_checkers_heard(struct gateway_checkers *checkers); /* it was readable */
/* True: the owner may wait for its descriptors. False: there is something to take, or to help with.
 */
bool gateway_checkers_sleep(struct gateway_checkers *checkers);
/* After the wait, whatever ended it: the owner is not to be woken. */
void gateway_checkers_wake(struct gateway_checkers *checkers);

#endif
