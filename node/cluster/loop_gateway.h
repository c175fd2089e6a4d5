/* loop_gateway: the gateway at the side of the loop: what its clients ask, what they are told.
 *
 * The loop calls it where it calls the clients of the local socket. Tags of the gateway's clients
 * have GATE_TAG, those of the local socket have not. Without a gateway every function does nothing.
 */
#ifndef NODE_CLUSTER_LOOP_GATEWAY_H
#define NODE_CLUSTER_LOOP_GATEWAY_H

#include "gateway/port.h"
#include "settings/settings.h"
#include "tenor/member.h"

struct loop;
struct gate;

#define GATE_TAG (UINT64_C(1) << 47)

/* Opens the gateway when the settings have clients.listen. Before the log is read again: what is
 * executed then is told as well. False after a complaint. */
bool gate_open(struct loop *loop);
/* Takes up limits and certificate of other settings. False after a complaint: the old ones stay. */
bool gate_reload(struct loop *loop, const struct settings *settings);
/* The disk is full, or has room again: clients hear it at once. */
void gate_disk(const struct loop *loop, bool is_full);
/* What went through the port; false without a gateway. */
bool gate_counters(const struct loop *loop, struct port_counters *counters);
/* The gateway's thread ends. */
void gate_close(struct loop *loop);

/* A member was made (before its log is read), has started, or is to be laid down. */
void gate_member_made(struct loop *loop);
void gate_member_started(struct loop *loop);
void gate_member_ends(struct loop *loop);

/* To wait on (-1: nothing), and for how long at most: 0 while there is something to do, INT64_MAX
 * when the descriptor says all. gate_woken: it was readable. */
int gate_fd(const struct loop *loop);
int64_t gate_wait_us(struct loop *loop);
void gate_woken(struct loop *loop);

/* Asks of this turn, at most so many; parts of a snapshot. Also while there is no member. */
void gate_take(struct loop *loop);
/* What was told so far may be heard. */
void gate_flush(struct loop *loop);

/* The orderly end: clients are told, standby frames come as asks. True: all is said. */
void gate_begin_stop(struct loop *loop);
bool gate_has_stopped(const struct loop *loop);

/* What this node's own settings say of a validator: where it serves clients; NULL: nothing. And
 * whether it is this node. */
const char *gate_clients_of(const struct loop *loop, const struct tn_public_key *key);
bool gate_is_own(const struct loop *loop, const struct tn_public_key *key);

/* From tn_member_out. */
void gate_answer(struct loop *loop, uint64_t client, const struct tn_member_answer *answer);
void gate_step(struct loop *loop, const struct tn_chain_place *place,
               const struct tn_market_step *step);
void gate_block(struct loop *loop, const struct tn_member_block *block);
void gate_term(struct loop *loop, uint32_t market, uint32_t term, uint64_t sequence);
void gate_certified(struct loop *loop, const struct tn_checkpoint *checkpoint, const uint8_t *cert,
                    size_t size);
/* Is there room for what a block may bring? After a while of no: yes, and it will be a gap. */
bool gate_may_execute(struct loop *loop);

#endif
