/* Test programs print the broken assertion before they stop. */
#include "tenor/base.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
