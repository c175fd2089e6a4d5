/* certificate: a node's own TLS certificate and key, made, kept and compared.
 *
 * Self-signed, ECDSA on P-256, valid for so long that time plays no part: who may connect is
 * decided by the list of pinned certificates, not by an authority or a date. */
#ifndef NODE_LINK_CERTIFICATE_H
#define NODE_LINK_CERTIFICATE_H

#include "link/link.h"
#include "tenor/crypto.h"

#define CERTIFICATE_TEXT_SIZE 2048
/* The name that every certificate has and every dialler asks for: who it is is told by its bytes.
 */
#define CERTIFICATE_NAME "tenor-node"

struct certificate {
    char certificate[CERTIFICATE_TEXT_SIZE]; /* PEM */
    char private_key[CERTIFICATE_TEXT_SIZE]; /* PEM */
};

/* certificate_make makes a pair with randomness of the system. On failure problem says why. */
bool certificate_make(struct certificate *certificate, char problem[LINK_PROBLEM_SIZE]);

/* certificate_fingerprint is keccak256 of the certificate's DER bytes. The text must hold exactly
 * one certificate. */
bool certificate_fingerprint(struct tn_hash *fingerprint, char problem[LINK_PROBLEM_SIZE],
                             const char *certificate_pem);

/* certificate_save writes both texts to one new file that only its owner may read (0600) and syncs
 * it; a file that is there is never overwritten. certificate_load reads it back. */
bool certificate_save(const struct certificate *certificate, char problem[LINK_PROBLEM_SIZE],
                      const char *path);
bool certificate_load(struct certificate *certificate, char problem[LINK_PROBLEM_SIZE],
                      const char *path);

#endif
