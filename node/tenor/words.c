/* words: the nearest word, and hexadecimal.
 *
 * "Near" is the number of letters to insert, drop or change, against a third of the word's length:
 * enough for a slip of the fingers, too little to guess. */
#include "words.h"

#include <string.h>

#define WORD_MAX 40 /* longer words are never near */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, drop or change to turn one word into the other. */
static size_t distance(const char *one, const char *other)
{
    size_t row[WORD_MAX + 1];
    size_t length = strlen(other);
    if (length > WORD_MAX || strlen(one) > WORD_MAX) return WORD_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 0; one[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t change = diagonal + (one[i] != other[j]);
            diagonal = row[j + 1];
            row[j + 1] = least_of(change, least_of(row[j], row[j + 1]) + 1);
        }
    }
    return row[length];
}

const char *words_nearest(const char *text, const char *const *words, size_t words_count)
{
    const char *nearest = NULL;
    size_t nearest_distance = WORD_MAX;
    for (size_t i = 0; i < words_count; i++) {
        size_t far = distance(text, words[i]);
        if (far < nearest_distance) {
            nearest = words[i];
            nearest_distance = far;
        }
    }
    if (nearest == NULL || nearest_distance > (strlen(nearest) + 1) / 3) return NULL;
    return nearest;
}
