/* inspect_order: what became of an order. A solo home has an index of orders, with what was last
 * known of each. In a set's home the rows of accounts' streams lead to the block in which the order
 * was placed, and its owner's messages tell all of its life. */
#include "inspect.h"
#include "tenord.h"

#include "tenor/stateview.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void print_head(const struct inspect *inspect, const struct store_order *order)
{
    printf("order        %" PRIu64 "\naccount      %u\nseries       %s\nopen         %" PRId64
           " lots%s\n",
           order->order_id, order->account, inspect_series_name(inspect, order->series_id),
           order->open_lots, order->closed ? ", closed" : "");
}

static int order_of_solo(struct inspect *inspect, uint64_t id)
{
    struct store_order order;
    enum store_err err = store_get_order(inspect->reading.view, &order, id);
    if (err == STORE_ABSENT) {
        complain("the store knows no order %" PRIu64 ": there was none, or it is pruned", id);
        return END_REFUSED;
    }
    if (err != STORE_OK) return inspect_damaged();
    print_head(inspect, &order);
    printf("last touched at height %" PRIu64 "\n", order.height);
    return END_GOOD;
}

/* ---- A set's -----------------------------------------------------------------------------------
 */

/* Of an account, by the client's own id: the last that was placed under it. */
struct client_order {
    uint64_t client_id, order_id, height, count;
};

static bool see_client_order(void *context, const struct gateway_record *record)
{
    struct client_order *wanted = context;
    const struct tn_event *event = &record->event;
    if (event->kind != TN_EVENT_ACCEPTED || event->client_id != wanted->client_id) return true;
    wanted->order_id = event->order_id;
    wanted->height = record->at.block;
    wanted->count++;
    return true;
}

static bool read_number(uint64_t *number, const char *word, size_t size)
{
    *number = 0;
    for (size_t i = 0; i < size; i++) {
        if (word[i] < '0' || word[i] > '9') return false;
        if (__builtin_mul_overflow(*number, UINT64_C(10), number) ||
            __builtin_add_overflow(*number, (uint64_t)(word[i] - '0'), number)) {
            return false;
        }
    }
    return size > 0;
}

/* ACCOUNT/CLIENT_ID. */
static int find_client_order(const struct past_rows *rows, const struct inspect *inspect,
                             struct past_order *order, uint64_t *id)
{
    const char *word = inspect->words[1], *slash = strchr(word, '/');
    struct client_order wanted = {.order_id = 0};
    uint64_t account, first;
    if (!read_number(&account, word, (size_t)(slash - word)) ||
        !read_number(&wanted.client_id, slash + 1, strlen(slash + 1)) ||
        account >= tn_exchange_accounts_count(inspect->exchange) || wanted.client_id == 0) {
        complain("'%s' names no order: it takes an account and a client id, as in 3/17", word);
        return END_REFUSED;
    }
    if (past_rows_walk(rows, (uint32_t)account, 0, see_client_order, &wanted) != STORE_OK ||
        past_rows_first(&first, rows) != STORE_OK) {
        return inspect_damaged();
    }
    if (wanted.count == 0) {
        complain("account %" PRIu64 " placed no order under client id %" PRIu64
                 " in blocks %" PRIu64 " to %" PRIu64,
                 account, wanted.client_id, first, rows->through);
        return END_REFUSED;
    }
    if (wanted.count > 1)
        complain("%" PRIu64 " orders were placed under that client id: this is the last",
                 wanted.count);
    *id = wanted.order_id;
    *order = (struct past_order){
        .answer = PAST_ORDER_FOUND, .account = (uint32_t)account, .height = wanted.height};
    return END_GOOD;
}

static bool is_resting(const struct inspect *inspect, struct tn_order_view *order, uint64_t id)
{
    const uint32_t slot = tn_book_find(tn_exchange_books(inspect->exchange), id);
    if (slot == TN_NONE) return false;
    tn_exchange_order_at(inspect->exchange, order, slot);
    return true;
}

/* Whose an order is that was placed before the rows begin: its own word if it rests, else what the
 * command says. */
static int find_owner(const struct inspect *inspect, struct past_order *order, uint64_t id)
{
    struct tn_order_view resting;
    uint64_t account;
    if (is_resting(inspect, &resting, id)) {
        order->account = resting.account;
        return END_GOOD;
    }
    if (inspect->words_count > 2) {
        if (!inspect_number(inspect, &account, 2, "account",
                            tn_exchange_accounts_count(inspect->exchange)))
            return END_REFUSED;
        order->account = (uint32_t)account;
        return END_GOOD;
    }
    complain(
        "order %" PRIu64 " was placed before block %" PRIu64
        ", with which the accounts' streams that are kept begin, or never: if you know whose it "
        "is, say order %" PRIu64 " ACCOUNT for what became of it since",
        id, order->height, id);
    return END_REFUSED;
}

static int find_order(const struct past_rows *rows, const struct inspect *inspect,
                      struct past_order *order, uint64_t *id)
{
    if (inspect->words_count > 1 && strchr(inspect->words[1], '/') != NULL)
        return find_client_order(rows, inspect, order, id);
    if (!inspect_number(inspect, id, 1, "order", UINT64_MAX)) return END_REFUSED;
    if (*id == 0) {
        complain("there is no order 0: ids begin with 1");
        return END_REFUSED;
    }
    if (past_order_find(order, rows, *id) != STORE_OK) return inspect_damaged();
    switch (order->answer) {
        case PAST_ORDER_FOUND: return END_GOOD;
        case PAST_ORDER_BEFORE: return find_owner(inspect, order, *id);
        case PAST_ORDER_NONE:
            complain("there was no order %" PRIu64 ": what got that id was refused", *id);
            return END_REFUSED;
        case PAST_ORDER_COMING:
            complain("there is no order %" PRIu64 " yet: the last is %" PRIu64, *id, order->last);
            return END_REFUSED;
    }
    return END_REFUSED;
}

static int print_life(struct inspect_life *life, const struct past_order *found, const char *text)
{
    const struct inspect *inspect = life->inspect;
    struct tn_order_view resting;
    const bool rests = is_resting(inspect, &resting, life->order_id);
    if (life->series_id == 0 && !rests) {
        complain("account %u has no message of order %" PRIu64 " in blocks %" PRIu64 " to %" PRIu64,
                 found->account, life->order_id, found->height, inspect->height);
        return END_REFUSED;
    }
    const struct store_order order = {.order_id = life->order_id,
                                      .account = found->account,
                                      .series_id = rests ? resting.series_id : life->series_id,
                                      .open_lots = rests ? resting.open : 0,
                                      .closed = !rests};
    print_head(inspect, &order);
    if (life->series_id != 0) printf("last touched at height %" PRIu64 "\n", life->height);
    if (found->answer == PAST_ORDER_BEFORE)
        printf("placed before block %" PRIu64 ", with which the accounts' streams begin\n",
               found->height);
    fputs(text, stdout);
    return END_GOOD;
}

static int order_of_set(struct inspect *inspect)
{
    struct past_rows rows;
    struct past_order order;
    struct inspect_life life = {.inspect = inspect, .open = -1};
    char *text = NULL;
    size_t size;
    int end = inspect_rows(&rows, inspect);
    if (end == END_GOOD) end = find_order(&rows, inspect, &order, &life.order_id);
    if (end != END_GOOD) return end;
    life.out = open_memstream(&text, &size);
    if (life.out == NULL) {
        complain("out of memory");
        return END_FAILED;
    }
    const enum store_err err =
        past_rows_walk(&rows, order.account, order.height, inspect_life_add, &life);
    inspect_life_end(&life);
    const bool is_written = fclose(life.out) == 0;
    if (err != STORE_OK) {
        end = inspect_damaged();
    } else if (!is_written) {
        complain("out of memory");
        end = END_FAILED;
    } else {
        end = print_life(&life, &order, text);
    }
    free(text);
    return end;
}

int inspect_order(struct inspect *inspect)
{
    uint64_t id;
    if (inspect->set != NULL) return order_of_set(inspect);
    if (!inspect_number(inspect, &id, 1, "order", UINT64_MAX)) return END_REFUSED;
    return order_of_solo(inspect, id);
}
