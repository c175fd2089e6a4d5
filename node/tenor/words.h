/* words: what was typed and what was probably meant; bytes in hexadecimal. */
#ifndef NODE_TENOR_WORDS_H
#define NODE_TENOR_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The word that `text` is a slip of, or NULL when none is near: at most a third of its letters
 * differ. O(words × letters²). */
const char *words_nearest(const char *text, const char *const *words, size_t words_count);

/* 2 × count digits and a closing zero. */
void words_hex(char *text, const uint8_t *bytes, size_t count);
/* False, and the bytes mean nothing, unless the text is exactly so many bytes; "0x" before it is
 * allowed. */
bool words_unhex(uint8_t *bytes, size_t count, const char *text);

#endif
