/* words: what was typed and what was probably meant; bytes in hexadecimal. */
#ifndef NODE_TENOR_WORDS_H
#define NODE_TENOR_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The word that `text` is a slip of, or NULL when none is near: at most a third of its letters
 * differ. O(words × letters²). */
const char *words_nearest(const char *text, const char *const *words, size_t words_count);

#endif
