/* accounts: the accounts that somebody is logged on to: their allowances and their connections. */
#ifndef NODE_GATEWAY_ACCOUNTS_H
#define NODE_GATEWAY_ACCOUNTS_H

#include "gateway/limits.h"

struct gateway_account {
    uint32_t market, account;
    struct gateway_bucket orders, quotes, queries;
    struct gateway_connection *first; /* the connections, by their next_of_account */
    uint32_t connections_count;
    uint32_t next; /* the table's own */
};

struct gateway_accounts;
/* For so many connections. NULL: no memory. */
struct gateway_accounts *gateway_accounts_make(uint64_t sessions_max);
void gateway_accounts_free(struct gateway_accounts *accounts);
/* NULL: nobody has logged on to it lately. */
struct gateway_account *gateway_accounts_find(struct gateway_accounts *accounts, uint32_t market,
                                              uint32_t account);
/* Found or made. When the table is full, one without connections makes way. */
struct gateway_account *gateway_accounts_take(struct gateway_accounts *accounts, uint32_t market,
                                              uint32_t account);

#endif
