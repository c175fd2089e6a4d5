/* hello: how two nodes prove to each other who they are, inside TLS (docs/specs/link.md).
 *
 *   dialler  → listener  HELLO   who I am, whom I mean, my nonce
 *   listener → dialler   REPLY   my nonce
 *   dialler  → listener  PROOF   signature over all of it, as the dialler
 *   listener → dialler   PROOF   signature over all of it, as the listener
 *
 * This part is bytes alone: it neither signs nor keeps time. */
#ifndef NODE_LINK_HELLO_H
#define NODE_LINK_HELLO_H

#include "link/internal.h"
#include "tenor/crypto.h"
#include "tenor/signature.h"

#define HELLO_NONCE_BYTES 32
/* kind, "TNLK1", chain, class, epoch, two keys, the sender's certificate, nonce */
#define HELLO_BYTES       (1 + 5 + 32 + 1 + 8 + 33 + 33 + 32 + HELLO_NONCE_BYTES)
#define HELLO_REPLY_BYTES (1 + 8 + HELLO_NONCE_BYTES) /* kind, epoch, nonce */
#define HELLO_PROOF_BYTES (1 + TN_SIGNATURE_SIZE)

/* All that the two agree on; what is signed is a hash of all of it. */
struct hello {
    struct tn_hash chain_id;
    enum link_class class;
    struct tn_public_key dialler_key, listener_key;
    struct tn_hash dialler_certificate, listener_certificate;
    uint64_t dialler_epoch, listener_epoch;
    uint8_t dialler_nonce[HELLO_NONCE_BYTES], listener_nonce[HELLO_NONCE_BYTES];
};

enum hello_role { HELLO_DIALLER = 1, HELLO_LISTENER = 2 };

/* What goes out, with the kind's byte. */
void hello_write(uint8_t bytes[HELLO_BYTES], const struct hello *hello);
void hello_write_reply(uint8_t bytes[HELLO_REPLY_BYTES], const struct hello *hello);
void hello_write_proof(uint8_t bytes[HELLO_PROOF_BYTES], const struct tn_signature *signature);

/* What came in; false: it is not that message. hello_read sets all but what the listener says, and
 * judges nothing: whether the chain, the keys and the certificate are those expected is for the
 * caller to compare. */
bool hello_read(struct hello *hello, const uint8_t *bytes, size_t size);
bool hello_read_reply(struct hello *hello, const uint8_t *bytes, size_t size);
bool hello_read_proof(struct tn_signature *signature, const uint8_t *bytes, size_t size);

/* What each of them signs. */
void hello_digest(struct tn_hash *digest, const struct hello *hello, enum hello_role role);

#endif
