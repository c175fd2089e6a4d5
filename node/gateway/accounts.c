/* A hash table of fixed size with twice as many places as there can be connections. So there is
 * always one without connections to make way; a hand goes round to find it, which makes it one that
 * has been there for long: its allowance has refilled since, or soon will have. */
#include "gateway/accounts.h"

#include <stdlib.h>
#include <string.h>

struct gateway_accounts {
    uint32_t count, made, hand, mask;
    struct gateway_account *list;
    uint32_t *buckets;
};

struct gateway_accounts *gateway_accounts_make(uint64_t sessions_max)
{
    struct gateway_accounts *accounts = calloc(1, sizeof *accounts);
    if (accounts == NULL) return NULL;
    uint32_t buckets = 16;
    accounts->count = (uint32_t)sessions_max * 2;
    while (buckets < accounts->count)
        buckets *= 2;
    accounts->mask = buckets - 1;
    accounts->list = calloc(accounts->count, sizeof *accounts->list);
    accounts->buckets = malloc(buckets * sizeof(uint32_t));
    if (accounts->list == NULL || accounts->buckets == NULL) {
        gateway_accounts_free(accounts);
        return NULL;
    }
    memset(accounts->buckets, 0xff, buckets * sizeof(uint32_t));
    return accounts;
}

void gateway_accounts_free(struct gateway_accounts *accounts)
{
    if (accounts == NULL) return;
    free(accounts->list);
    free(accounts->buckets);
    free(accounts);
}

static uint32_t *bucket_of(const struct gateway_accounts *accounts, uint32_t market,
                           uint32_t account)
{
    uint64_t key = (((uint64_t)market << 32) | account) * UINT64_C(0x9e3779b97f4a7c15);
    return &accounts->buckets[(key >> 32) & accounts->mask];
}

struct gateway_account *gateway_accounts_find(struct gateway_accounts *accounts, uint32_t market,
                                              uint32_t account)
{
    uint32_t index = *bucket_of(accounts, market, account);
    while (index != TN_NONE) {
        struct gateway_account *found = &accounts->list[index];
        if (found->market == market && found->account == account) return found;
        index = found->next;
    }
    return NULL;
}

static uint32_t make_room(struct gateway_accounts *accounts)
{
    if (accounts->made < accounts->count) return accounts->made++;
    while (accounts->list[accounts->hand].connections_count > 0)
        accounts->hand = (accounts->hand + 1) % accounts->count;
    uint32_t index = accounts->hand;
    accounts->hand = (accounts->hand + 1) % accounts->count;
    const struct gateway_account *old = &accounts->list[index];
    uint32_t *link = bucket_of(accounts, old->market, old->account);
    while (*link != index)
        link = &accounts->list[*link].next;
    *link = old->next;
    return index;
}

struct gateway_account *gateway_accounts_take(struct gateway_accounts *accounts, uint32_t market,
                                              uint32_t account)
{
    struct gateway_account *found = gateway_accounts_find(accounts, market, account);
    if (found != NULL) return found;
    uint32_t index = make_room(accounts);
    uint32_t *bucket = bucket_of(accounts, market, account);
    accounts->list[index] =
        (struct gateway_account){.market = market, .account = account, .next = *bucket};
    *bucket = index;
    return &accounts->list[index];
}
