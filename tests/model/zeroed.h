/* zeroed: memory as the modules of src/ want it from their caller. */
#ifndef ZEROED_H
#define ZEROED_H

#include "tenor/base.h"

#include <stdlib.h>
#include <string.h>

static inline void *take_zeroed(size_t size)
{
    void *memory = aligned_alloc(64, tn_align(size));
    TN_ASSERT(memory != NULL);
    return memset(memory, 0, size);
}

#endif
