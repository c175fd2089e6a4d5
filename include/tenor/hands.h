/* hands: who helps a replica or a chain with what can be done in pieces, beside each other.
 *
 * The library has no threads. Where there is much to do at once (an exit checkpoint) it cuts the
 * work into pieces that write nothing in common, and whoever has threads may have them take
 * some. In which order the pieces are done, and by whom, changes no byte of what comes out. */
#ifndef TENOR_HANDS_H
#define TENOR_HANDS_H

#include <stdint.h>

struct tn_chain;
struct tn_replica;

/* work calls piece(of, i) for each i below count, each once, on any thread, and returns when all
 * have returned; what they wrote is seen by its caller. work NULL: the caller does them in a row.
 */
struct tn_hands {
    void (*work)(void *context, void (*piece)(void *of, uint32_t index), void *of, uint32_t count);
    void *context;
};

/* Copied. Of a replica they are asked at an exit checkpoint within tn_replica_end_block_begin and
 * tn_replica_hash, of a chain within tn_chain_execute. */
void tn_replica_lend_hands(struct tn_replica *replica, const struct tn_hands *hands);
void tn_chain_lend_hands(struct tn_chain *chain, const struct tn_hands *hands);

#endif
