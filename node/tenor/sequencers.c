/* sequencers: reads who they are, and counts their signatures under a checkpoint.
 *
 * A certificate has a bit for each member of its set and the signatures of those whose bit is set.
 * A signature there has no v, so its signer's address comes out by one of two recoveries, and must
 * be the one that the file names at that place: keys are not needed, as on the base layer. */
#include "sequencers.h"

#include "tenor/hex.h"
#include "tenor/peer.h"
#include "words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 256, ADDRESS_DIGITS = 2 * TN_ADDRESS_SIZE, KEY_DIGITS = 2 * TN_PUBLIC_KEY_SIZE };

/* ---- The file ---------------------------------------------------------------------------------
 */

static bool add(struct sequencers *sequencers, const struct tn_signatures *signatures,
                const char *who, const char *weight_text, const char **what)
{
    struct tn_public_key key;
    struct tn_address address;
    char *end;
    *what = "a validator is a public key of 66 hex digits, or an address of 40";
    if (strncmp(who, "0x", 2) == 0) who += 2;
    if (strlen(who) == ADDRESS_DIGITS) {
        if (!tn_hex_read(address.bytes, sizeof address.bytes, who)) return false;
    } else if (!tn_hex_read(key.bytes, sizeof key.bytes, who) ||
               !signatures->address(signatures->context, &address, &key)) {
        return false;
    }
    *what = "its weight is a number of at least 1";
    uint64_t weight = strtoull(weight_text, &end, 10);
    if (*end != '\0' || weight < 1 || weight > TN_WEIGHT_MAX) return false;
    *what = "there are too many validators";
    if (sequencers->count == TN_VALIDATORS_MAX) return false;
    *what = "the same validator comes twice";
    for (uint32_t i = 0; i < sequencers->count; i++)
        if (tn_address_equal(&sequencers->addresses[i], &address)) return false;
    sequencers->addresses[sequencers->count] = address;
    sequencers->weights[sequencers->count++] = weight;
    sequencers->weight += weight;
    return true;
}

static bool take_line(struct sequencers *sequencers, const struct tn_signatures *signatures,
                      char *line, const char **what)
{
    char *rest = NULL;
    line[strcspn(line, "#\r")] = '\0';
    const char *word = strtok_r(line, " \t", &rest);
    const char *one = word == NULL ? NULL : strtok_r(NULL, " \t", &rest);
    const char *two = one == NULL ? NULL : strtok_r(NULL, " \t", &rest);
    if (word == NULL) return true;
    if (strcmp(word, "validator") == 0) {
        *what = "a validator has a key and a weight";
        return two != NULL && add(sequencers, signatures, one, two, what);
    }
    if (strcmp(word, "chain") == 0) {
        *what = "a chain's id has 64 hex digits";
        sequencers->has_chain = true;
        return one != NULL && tn_hex_read(sequencers->chain_id, sizeof sequencers->chain_id, one);
    }
    if (strcmp(word, "domain") == 0) {
        *what = "a domain has 64 hex digits";
        return one != NULL && tn_hex_read(sequencers->domain.bytes, TN_HASH_SIZE, one);
    }
    if (strcmp(word, "epoch") == 0) {
        char *end = NULL;
        *what = "an epoch is a number";
        sequencers->has_epoch = true;
        if (one == NULL || *one < '0' || *one > '9') return false;
        sequencers->epoch = strtoull(one, &end, 10);
        return *end == '\0';
    }
    return true;
}

bool sequencers_read(struct sequencers *sequencers, const struct tn_signatures *signatures,
                     const char *text, size_t size, char why[SEQUENCERS_WHY_SIZE])
{
    const char *end = text + size;
    *sequencers = (struct sequencers){0};
    for (uint32_t number = 1; text < end; number++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((stop == NULL ? end : stop) - text);
        char line[LINE_SIZE];
        const char *what = "a line is longer than 255 bytes";
        bool is_good = length < sizeof line && memchr(text, '\0', length) == NULL;
        if (is_good) {
            memcpy(line, text, length);
            line[length] = '\0';
            is_good = take_line(sequencers, signatures, line, &what);
        }
        if (!is_good) {
            snprintf(why, SEQUENCERS_WHY_SIZE, "line %" PRIu32 ": %s", number, what);
            return false;
        }
        text += length + (stop != NULL);
    }
    if (sequencers->count > 0) return true;
    snprintf(why, SEQUENCERS_WHY_SIZE, "it names no sequencer: lines 'validator KEY WEIGHT'");
    return false;
}

/* ---- The certificate --------------------------------------------------------------------------
 */

bool sequencers_is_signed_by(const struct tn_signatures *signatures, const struct tn_hash *digest,
                             const uint8_t *bytes, const struct tn_address *wanted)
{
    struct tn_recoverable signature;
    struct tn_address address;
    memcpy(signature.bytes, bytes, TN_SIGNATURE_SIZE);
    for (uint8_t v = 27; v <= 28; v++) {
        signature.bytes[TN_SIGNATURE_SIZE] = v;
        if (signatures->recover(signatures->context, &address, digest, &signature) &&
            tn_address_equal(&address, wanted)) {
            return true;
        }
    }
    return false;
}

static bool refuse(char why[SEQUENCERS_WHY_SIZE], const char *what)
{
    snprintf(why, SEQUENCERS_WHY_SIZE, "%s", what);
    return false;
}

/* Whom the file names may be the set of an older epoch; then it takes the ends of the epochs
 * between.
 */
static bool refuse_signed(char why[SEQUENCERS_WHY_SIZE], const char *what,
                          const struct sequencers *sequencers,
                          const struct tn_checkpoint *checkpoint)
{
    if (sequencers->has_epoch || checkpoint->epoch == 0) return refuse(why, what);
    snprintf(why, SEQUENCERS_WHY_SIZE,
             "%s (it is of epoch %" PRIu64 " and comes without the ends of those before: if you "
             "named an older set, get it again by tenor proof get --from-epoch, and name that one)",
             what, checkpoint->epoch);
    return false;
}

bool sequencers_check(struct tn_checkpoint *checkpoint, struct sequencers *sequencers,
                      const struct tn_signatures *signatures, const uint8_t *bytes, size_t size,
                      char why[SEQUENCERS_WHY_SIZE])
{
    const size_t head = 1 + TN_CHECKPOINT_BYTES, bitmap = tn_voters_bytes(sequencers->count);
    struct tn_voters voters;
    struct tn_hash digest;
    uint64_t weight = 0;
    if (size < head + bitmap || bytes[0] != TN_PEER_CKPT_CERT) {
        return refuse(why, "it is no certificate of a checkpoint");
    }
    tn_checkpoint_read(checkpoint, bytes + 1);
    if (sequencers->has_epoch && sequencers->epoch != checkpoint->epoch) {
        snprintf(why, SEQUENCERS_WHY_SIZE,
                 "it is of epoch %" PRIu64 ", and the set that is known is that of epoch %" PRIu64
                 ": the ends of the epochs between are not in it",
                 checkpoint->epoch, sequencers->epoch);
        return false;
    }
    if (!tn_voters_read(&voters, bytes + head, sequencers->count) ||
        size != head + bitmap + (size_t)TN_SIGNATURE_SIZE * tn_voters_count(&voters)) {
        return refuse_signed(why, "it is of a set of another size", sequencers, checkpoint);
    }
    tn_checkpoint_digest(&digest, &sequencers->domain, checkpoint);
    const uint8_t *at = bytes + head + bitmap;
    for (uint32_t i = 0; i < sequencers->count; i++) {
        if (!tn_voters_has(&voters, i)) continue;
        if (!sequencers_is_signed_by(signatures, &digest, at, &sequencers->addresses[i])) {
            char what[80];
            snprintf(what, sizeof what,
                     "the signature of sequencer %" PRIu32 " is not that of the one you named", i);
            return refuse_signed(why, what, sequencers, checkpoint);
        }
        at += TN_SIGNATURE_SIZE;
        weight += sequencers->weights[i];
    }
    sequencers->signed_weight = weight;
    if (tn_weight_is_quorum(weight, sequencers->weight)) return true;
    return refuse_signed(why, "those who signed it are no quorum of those you named", sequencers,
                         checkpoint);
}
