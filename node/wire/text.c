/* Is it text? Bytes from outside end up on terminals and in logs: what these would obey instead of
 * showing it is no text, and neither is what other languages refuse, all that is not UTF-8. */
#include "wire/internal.h"

/* The bytes of the character that starts here; 0: none does. */
static size_t character(const uint8_t *bytes, size_t size)
{
    uint8_t first = bytes[0];
    if (first < 0x20 || first == 0x7f) return 0;
    if (first < 0x80) return 1;
    size_t count = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || count > size) return 0;
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return 0;
    }
    if (first == 0xc2 && bytes[1] < 0xa0) return 0; /* controls beyond ASCII */
    if (first == 0xe0 && bytes[1] < 0xa0) return 0; /* two bytes would do */
    if (first == 0xed && bytes[1] > 0x9f) return 0; /* a surrogate */
    if (first == 0xf0 && bytes[1] < 0x90) return 0; /* three bytes would do */
    if (first == 0xf4 && bytes[1] > 0x8f) return 0; /* above U+10FFFF */
    return count;
}

bool wire_is_text(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t count = character(bytes + at, size - at);
        if (count == 0) return false;
        at += count;
    }
    return true;
}
