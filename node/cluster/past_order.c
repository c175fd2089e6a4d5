/* Rows are looked at as they lie, of each its head, which has a CRC of its own; one that is read
 * further is got by its key, so that all of it is checked. Rows that do not say which order was the
 * last count as belonging to the next one that does: the halving ends with the last row that is
 * surely before the order and the first that surely is not, and all between are searched. */
#include "cluster/past_order.h"

/* ---- Rows --------------------------------------------------------------------------------------
 */

struct scan {
    const struct past_rows *rows;
    /* Says whether to go on; may set err. */
    bool (*see)(struct scan *scan, const struct past_row_head *head);
    uint64_t end; /* rows from here on are not looked at */
    enum store_err err;
    /* What comes of it, or is asked: of whichever of the two below it is. */
    uint64_t height, order_id;
    uint32_t account;
    bool is_found;
    past_visitor *visit;
    void *context;
};

static bool see_row(void *context, const uint8_t *key, size_t key_size, const uint8_t *value,
                    size_t value_size)
{
    struct scan *scan = context;
    struct past_row_head head;
    const uint64_t height = key_size == 8 ? tn_get_be(key, 8) : UINT64_MAX;
    if (height >= scan->end) return false;
    if (!past_row_open(&head, scan->rows->cpu, value, value_size) || head.height != height) {
        scan->err = STORE_CORRUPT;
        return false;
    }
    return scan->see(scan, &head) && scan->err == STORE_OK;
}

static enum store_err look_through(struct scan *scan, uint64_t from, uint64_t end)
{
    uint8_t key[8];
    if (from < scan->rows->since) from = scan->rows->since;
    tn_put_be(key, from, sizeof key);
    scan->end = end <= scan->rows->through ? end : scan->rows->through + 1;
    scan->err = STORE_OK;
    const enum store_err err =
        store_scan(scan->rows->view, STORE_RECEIPTS, key, sizeof key, see_row, scan);
    return err == STORE_OK ? scan->err : err;
}

/* The same row, all of it checked. */
static bool read_whole(struct scan *scan, struct past_row_head *head)
{
    struct store_bytes row;
    scan->err = store_get_receipts(scan->rows->view, &row, head->height);
    if (scan->err != STORE_OK) return false;
    if (!past_row_open(head, scan->rows->cpu, row.bytes, row.size)) scan->err = STORE_CORRUPT;
    return scan->err == STORE_OK;
}

static bool see_first(struct scan *scan, const struct past_row_head *head)
{
    scan->height = head->height;
    return false;
}

enum store_err past_rows_first(uint64_t *height, const struct past_rows *rows)
{
    struct scan scan = {.rows = rows, .see = see_first, .height = rows->through + 1};
    const enum store_err err = look_through(&scan, 0, UINT64_MAX);
    *height = scan.height;
    return err;
}

/* ---- An account --------------------------------------------------------------------------------
 */

static bool see_account(struct scan *scan, const struct past_row_head *head)
{
    struct past_row_head whole = *head;
    struct past_row_messages messages;
    struct gateway_record record;
    enum past_row_answer answer;
    bool goes_on = true;
    if (!past_row_find(&messages, head, scan->rows->market, scan->account)) return true;
    if (!read_whole(scan, &whole)) return false;
    (void)past_row_find(&messages, &whole, scan->rows->market, scan->account);
    while ((answer = past_row_next(&messages, &record)) == PAST_ROW_NEXT)
        goes_on = scan->visit(scan->context, &record) && goes_on;
    if (answer == PAST_ROW_DAMAGED) scan->err = STORE_CORRUPT;
    return goes_on;
}

enum store_err past_rows_walk(const struct past_rows *rows, uint32_t account, uint64_t from,
                              past_visitor *visit, void *context)
{
    struct scan scan = {
        .rows = rows, .see = see_account, .account = account, .visit = visit, .context = context};
    return look_through(&scan, from, UINT64_MAX);
}

/* ---- An order ----------------------------------------------------------------------------------
 */

bool past_order_is_in(const struct tn_event *event, uint64_t order_id)
{
    if (order_id == 0) return false;
    switch (event->kind) {
        case TN_EVENT_TRADE:
            return event->order_id == order_id || event->other_order_id == order_id;
        case TN_EVENT_ACCEPTED:
        case TN_EVENT_CANCELLED:
        case TN_EVENT_REDUCED:
        case TN_EVENT_REPLACED:
        case TN_EVENT_REFRESHED:
        case TN_EVENT_TRIGGERED:
        case TN_EVENT_QUOTED: return event->order_id == order_id;
        default: return false;
    }
}

static bool see_last_order(struct scan *scan, const struct past_row_head *head)
{
    scan->is_found = past_row_last_order(&scan->order_id, head, scan->rows->market);
    scan->height = head->height;
    return !scan->is_found;
}

/* Is the order among these messages? */
static bool is_among(struct scan *scan, struct past_row_messages *messages)
{
    struct gateway_record record;
    enum past_row_answer answer;
    while ((answer = past_row_next(messages, &record)) == PAST_ROW_NEXT) {
        const struct tn_event *event = &record.event;
        if (!past_order_is_in(event, scan->order_id)) continue;
        scan->account = event->order_id == scan->order_id ? event->account : event->other_account;
        scan->height = record.at.block;
        return true;
    }
    if (answer == PAST_ROW_DAMAGED) scan->err = STORE_CORRUPT;
    return false;
}

static bool see_order(struct scan *scan, const struct past_row_head *head)
{
    struct past_row_head whole = *head;
    struct past_row_messages messages;
    uint32_t account = TN_NONE;
    if (!read_whole(scan, &whole)) return false;
    while (!scan->is_found && scan->err == STORE_OK &&
           past_row_next_account(&account, &whole, scan->rows->market)) {
        if (past_row_find(&messages, &whole, scan->rows->market, account))
            scan->is_found = is_among(scan, &messages);
    }
    return !scan->is_found;
}

/* Where the order is if it is anywhere: blocks [*low, *high). *low is `since` where no row names an
 * order before it, else *last is the highest such; *high is UINT64_MAX where none names a later
 * one.
 */
static enum store_err halve(const struct past_rows *rows, uint64_t order_id, uint64_t *low,
                            uint64_t *high, uint64_t *last)
{
    uint64_t end = rows->through + 1;
    *low = rows->since;
    *high = UINT64_MAX;
    *last = 0;
    while (*low < end) {
        const uint64_t middle = *low + (end - *low) / 2;
        struct scan scan = {.rows = rows, .see = see_last_order};
        const enum store_err err = look_through(&scan, middle, end);
        if (err != STORE_OK) return err;
        if (scan.is_found && scan.order_id < order_id) {
            *low = scan.height + 1;
            *last = scan.order_id;
        } else {
            end = middle;
            if (scan.is_found) *high = scan.height + 1;
        }
    }
    return STORE_OK;
}

enum store_err past_order_find(struct past_order *order, const struct past_rows *rows,
                               uint64_t order_id)
{
    uint64_t low, high, last;
    struct scan scan = {.rows = rows, .see = see_order, .order_id = order_id};
    *order = (struct past_order){.answer = PAST_ORDER_NONE};
    if (order_id == 0) return STORE_OK;
    enum store_err err = halve(rows, order_id, &low, &high, &last);
    if (err == STORE_OK) err = look_through(&scan, low, high);
    if (err != STORE_OK) return err;
    if (scan.is_found) {
        *order = (struct past_order){
            .answer = PAST_ORDER_FOUND, .account = scan.account, .height = scan.height};
    } else if (low == rows->since) {
        order->answer = PAST_ORDER_BEFORE;
        return past_rows_first(&order->height, rows);
    } else if (high == UINT64_MAX) {
        order->answer = PAST_ORDER_COMING;
        order->last = last;
    }
    return STORE_OK;
}
