/* decimal: text to scaled integers and back, exactly. */
#ifndef NODE_TENOR_DECIMAL_H
#define NODE_TENOR_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

enum decimal_fault {
    DECIMAL_GOOD,
    DECIMAL_NOT_A_NUMBER,
    DECIMAL_TOO_FINE, /* digits that the unit does not hold */
    DECIMAL_TOO_LARGE
};

/* decimal_parse reads [-]digits[.digits] whole, scaled by 10^digits: "1.5" with 6 is 1500000. No
 * space, plus sign or needless leading zero. With `exponent`, e[+-]digits may follow: what a bare
 * number of JSON may hold. *out is left alone unless the answer is DECIMAL_GOOD. */
enum decimal_fault decimal_parse(int64_t *out, const char *text, unsigned digits, bool exponent);

#define DECIMAL_SIZE 48
/* decimal_format writes value ÷ 10^digits with at least `least` decimals and no needless zero
 * beyond them. least ≤ digits ≤ 18. Returns out. */
const char *decimal_format(char out[DECIMAL_SIZE], int64_t value, unsigned digits, unsigned least);

#endif
