/* keyfile: a secret key in a file of its own: 32 bytes in hex, mode 0600. */
#ifndef NODE_TENORD_KEYFILE_H
#define NODE_TENORD_KEYFILE_H

#include "tenor/signature.h"

/* All false after a complaint, the writers with errno. A file that anybody but its owner can read,
 * or that is a link or no file, is refused: whoever could read it may have. */
bool keyfile_read(struct tn_secret_key *key, const char *path);
/* A new file; one that is there is never overwritten. */
bool keyfile_write(const char *path, const struct tn_secret_key *key);
/* A new key with randomness of the system, into a new file. */
bool keyfile_make(struct tn_public_key *public_key, const char *path,
                  const struct tn_signatures *signatures);

/* Real signatures in memory of their own, to be freed; NULL after a complaint. */
void *keyfile_signatures(struct tn_signatures *signatures);

#endif
