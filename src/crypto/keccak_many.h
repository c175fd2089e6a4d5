/* keccak_many: hashes of many messages of one size, TN_LANES at a time; one text for every width.
 *
 * A message that is left alone is cheaper by itself; two or more take one more pass. The includer
 * sets TN_LANES (2, 4 or 8) and PATH, the name of the function. */
#include "crypto/keccak_together.h"

tn_keccak_path PATH;
void PATH(struct tn_hash *hashes, const uint8_t *messages, size_t stride, size_t size,
          uint32_t count)
{
    while (count > 1) {
        uint32_t together = count < TN_LANES ? count : TN_LANES;
        hash_together(hashes, messages, stride, size, together);
        hashes += together;
        count -= together;
        if (count > 0) messages += together * stride;
    }
    if (count == 1) tn_keccak256(hashes, messages, size);
}
