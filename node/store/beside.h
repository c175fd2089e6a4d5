/* beside: all records of a view, a second time, to whoever fills trees from them while they are
 * imported.
 *
 * A thread of its own walks a second view of the same checkpoint, kinds descending: so positions
 * come before the accounts whose leaves take them in. */
#ifndef STORE_BESIDE_H
#define STORE_BESIDE_H

#include "store/store.h"
#include "tenor/state.h"

struct store_beside;

/* A group of records of one kind; the bytes live as long as the view does. count 0: all were given,
 * which is said once. False: stop. */
typedef bool store_group_visitor(void *context, struct tn_state_record *records, uint32_t count);

/* Begins. NULL when there is no thread or no second view to be had: then do without. */
struct store_beside *store_beside_begin(struct store_view *view, store_group_visitor *visit,
                                        void *context);
/* Waits for the end. NULL is allowed. */
void store_beside_end(struct store_beside *beside);
/* It need not go on: what was given will not be used. store_beside_end comes all the same. */
void store_beside_stop(struct store_beside *beside);

#endif
