/* keccak: keccak256 of messages of different sizes, several side by side.
 *
 * A message is two pieces, one behind the other, as most of what is hashed here is: a few bytes
 * that say what it is, then bytes that lie where they came. Both stay the caller's. */
#ifndef TENOR_KECCAK_H
#define TENOR_KECCAK_H

#include "tenor/crypto.h"

#define TN_KECCAK_HEAD_MAX 136u

struct tn_keccak_message {
    const uint8_t *head; /* head_size bytes, at most TN_KECCAK_HEAD_MAX */
    const uint8_t *bytes;
    size_t size;
    uint32_t head_size;
};

/* hashes[i] is what tn_keccak256 gives of messages[i]. Those that go side by side take as long as
 * the longest of them. */
void tn_keccak256_each(struct tn_hash *hashes, enum tn_cpu cpu,
                       const struct tn_keccak_message *messages, uint32_t count);

#endif
