/* teller_parts: what parts of a snapshot are made of, for the teller of what is final (teller.c)
 * and that of what desks have applied (desk_teller.c). */
#ifndef NODE_CLUSTER_TELLER_PARTS_H
#define NODE_CLUSTER_TELLER_PARTS_H

#include "gateway/port.h"

#include "tenor/stateview.h"

/* A part ends with the series that reaches one of these. */
#define TELLER_PART_ORDERS 4096u
#define TELLER_PART_SERIES 512u

struct teller_orders { /* of the part that is made; all zero: none */
    struct port_order *list;
    uint64_t count, room;
};

/* Adds all orders of a book, in the order in which they would trade. False: no memory; those that
 * are there already stay. */
bool teller_orders_take(struct teller_orders *orders, const struct tn_exchange *exchange,
                        uint32_t book);
void teller_orders_drop(struct teller_orders *orders); /* and their memory */

/* Copies an array to where the next one of a part goes, and moves that on. */
const void *teller_lay_down(uint8_t **at, const void *from, size_t size);

#endif
