/* books: the orders of every book as trees that are kept, so that an order that moved costs its own
 * leaf and the nodes above it, and not those of the whole book.
 *
 * A list of orders is a tree of blocks: a block holds eight hashes and the seven nodes above them,
 * which are three levels of the binary tree that is hashed; the eight are leaves, or the tops of
 * blocks below. Blocks come from one pool and go back to it when a list gets shorter. The topmost
 * block is hashed only as far up as the list's depth asks.
 *
 * What changed is a bit for each of the eight. An update goes through all blocks with such bits,
 * level by level over all lists, so that messages of one size are hashed side by side however small
 * the lists are. Past a list's end everything is zeros of its level.
 *
 * Invariant after an update: every node of a block up to where it is hashed is the hash of its two
 * children. */
#include "state/internal.h"

#define LISTS         TN_RECORD_BOOK_LISTS
#define BOOK_HEAD     (4 * LISTS)
#define BOOK_BODY     (LISTS * (4 + TN_HASH_SIZE))
#define LEAF_HEAD     6
#define LANE          32
#define NODE_SIZE     65
#define TAG_LEAF      0
#define TAG_NODE      1
#define BLOCK_LEVELS  3
#define BLOCK_UNUSED  UINT8_MAX
#define LIST_LEVEL(k) (BLOCK_LEVELS * (k))

/* nodes[0] is the top, 1 and 2 below it, then four, then the eight. */
struct book_block {
    struct tn_hash nodes[15];
    uint32_t child[8]; /* blocks below, TN_NONE past the end; of a free block the next free one */
    uint32_t parent;   /* TN_NONE: the list's topmost */
    uint32_t list;
    uint8_t level;   /* blocks below it on the way down; BLOCK_UNUSED: free */
    uint8_t place;   /* among its parent's eight */
    uint8_t changed; /* bits of the eight */
    bool is_listed;  /* among `changed` of struct books */
};

struct book_list {
    uint32_t top; /* block, TN_NONE without orders */
    uint32_t count;
};

/* Messages of one size on their way into hashes. */
struct book_lane {
    uint32_t count;
    size_t size;
    uint8_t messages[LANE][BOOK_BODY + LEAF_HEAD + 2];
    struct tn_hash hashes[LANE];
    uint8_t *to[LANE];
};
_Static_assert(BOOK_BODY >= TN_RECORD_ORDER_SIZE, "a lane holds leaves of orders, and of books");

struct books {
    enum tn_cpu cpu;
    uint32_t blocks_max, blocks_used, free;
    uint64_t orders; /* in all lists */
    uint32_t changed_count, touched_count;
    struct book_list *lists; /* series × LISTS */
    struct book_block *blocks;
    uint32_t *changed; /* blocks with changed bits, each once; free ones may stand here too */
    uint32_t *touched; /* series whose leaf is to be made anew, each once */
    uint8_t *is_touched;
    struct book_lane lane;
};

/* A list of n orders takes at most 1 + n / 4 blocks. While lists are told one by one, an order that
 * changed lists may stand in both. */
static uint32_t blocks_max(const struct tn_state_limits *limits)
{
    uint64_t orders = 2 * (uint64_t)limits->orders_max;
    uint64_t lists = (uint64_t)limits->series_max * LISTS;
    uint64_t most = (lists < orders ? lists : orders) + orders / 4 + 1;
    TN_ASSERT(most < TN_NONE);
    return (uint32_t)most;
}

size_t tn_state_books_size(const struct tn_state_limits *limits)
{
    if (limits->orders_max == 0) return 0;
    size_t series = limits->series_max;
    return tn_align(sizeof(struct books)) + tn_align(series * LISTS * sizeof(struct book_list)) +
           tn_align(blocks_max(limits) * sizeof(struct book_block)) +
           tn_align(blocks_max(limits) * sizeof(uint32_t)) + tn_align(series * sizeof(uint32_t)) +
           tn_align(series);
}

struct books *tn_state_books_init(void *memory, const struct tn_state_limits *limits)
{
    if (limits->orders_max == 0) return NULL;
    struct books *books = memory;
    uint8_t *next = (uint8_t *)memory + tn_align(sizeof *books);
    size_t series = limits->series_max;
    memset(books, 0, sizeof *books);
    books->cpu = limits->cpu;
    books->blocks_max = blocks_max(limits);
    books->free = TN_NONE;
    books->lists = (struct book_list *)(void *)next;
    next += tn_align(series * LISTS * sizeof(struct book_list));
    books->blocks = (struct book_block *)(void *)next;
    next += tn_align(books->blocks_max * sizeof(struct book_block));
    books->changed = (uint32_t *)(void *)next;
    next += tn_align(books->blocks_max * sizeof(uint32_t));
    books->touched = (uint32_t *)(void *)next;
    next += tn_align(series * sizeof(uint32_t));
    books->is_touched = next;
    memset(books->is_touched, 0, series);
    for (size_t i = 0; i < series * LISTS; i++)
        books->lists[i] = (struct book_list){.top = TN_NONE};
    TN_ASSERT(next + tn_align(series) == (uint8_t *)memory + tn_state_books_size(limits));
    return books;
}

/* ---- The lane ---- */

static void flush(struct books *books)
{
    struct book_lane *lane = &books->lane;
    tn_keccak256_many(lane->hashes, books->cpu, lane->messages[0], sizeof lane->messages[0],
                      lane->size, lane->count);
    for (uint32_t i = 0; i < lane->count; i++)
        memcpy(lane->to[i], lane->hashes[i].bytes, TN_HASH_SIZE);
    lane->count = 0;
}

static uint8_t *push(struct books *books, size_t size, uint8_t *to)
{
    struct book_lane *lane = &books->lane;
    if (lane->count == LANE || (lane->count > 0 && lane->size != size)) flush(books);
    lane->size = size;
    lane->to[lane->count] = to;
    return lane->messages[lane->count++];
}

static uint8_t *push_leaf(struct books *books, uint32_t index, size_t size, uint8_t *to)
{
    uint8_t *message = push(books, LEAF_HEAD + size, to);
    message[0] = TAG_LEAF;
    message[1] = TN_RECORD_BOOK;
    tn_put_be(message + 2, index, 4);
    return message + LEAF_HEAD;
}

/* ---- Blocks ---- */

static void note_changed(struct books *books, uint32_t index, uint8_t bits)
{
    struct book_block *block = &books->blocks[index];
    block->changed |= bits;
    if (block->is_listed) return;
    TN_ASSERT(books->changed_count < books->blocks_max);
    books->changed[books->changed_count++] = index;
    block->is_listed = true;
}

static uint32_t take_block(struct books *books, uint32_t list, uint32_t level, uint32_t parent,
                           uint32_t place)
{
    uint32_t index = books->free;
    bool is_listed = false;
    if (index != TN_NONE) {
        books->free = books->blocks[index].child[0];
        is_listed = books->blocks[index].is_listed;
    } else {
        TN_ASSERT(books->blocks_used < books->blocks_max);
        index = books->blocks_used++;
    }
    struct book_block *block = &books->blocks[index];
    for (uint32_t step = 0, first = 7; step <= BLOCK_LEVELS; step++, first /= 2) {
        struct tn_hash hash;
        tn_proof_zero(&hash, false, LIST_LEVEL(level) + step);
        for (uint32_t i = first; i < 2 * first + 1; i++)
            block->nodes[i] = hash;
    }
    for (uint32_t i = 0; i < 8; i++)
        block->child[i] = TN_NONE;
    block->parent = parent;
    block->list = list;
    block->level = (uint8_t)level;
    block->place = (uint8_t)place;
    block->changed = 0;
    block->is_listed = is_listed;
    return index;
}

static void free_block(struct books *books, uint32_t index)
{
    struct book_block *block = &books->blocks[index];
    block->level = BLOCK_UNUSED;
    block->changed = 0;
    block->child[0] = books->free;
    books->free = index;
}

/* A block and all below it. */
static void free_tree(struct books *books, uint32_t index)
{
    uint32_t at = index;
    uint32_t end = books->blocks[index].parent;
    while (at != end) {
        struct book_block *block = &books->blocks[at];
        uint32_t i = 0;
        while (i < 8 && (block->level == 0 || block->child[i] == TN_NONE))
            i++;
        if (i < 8) { /* down first */
            uint32_t below = block->child[i];
            block->child[i] = TN_NONE;
            at = below;
            continue;
        }
        uint32_t above = block->parent;
        free_block(books, at);
        at = above;
    }
}

/* ---- Lists ---- */

static void note_touched(struct books *books, uint32_t series)
{
    if (books->is_touched[series]) return;
    books->is_touched[series] = 1;
    books->touched[books->touched_count++] = series;
}

static uint32_t height_of(const struct books *books, const struct book_list *list)
{
    return list->top == TN_NONE ? 0 : books->blocks[list->top].level + 1u;
}

static uint64_t span_of(uint32_t height)
{
    return UINT64_C(1) << LIST_LEVEL(height);
}

static void raise_list(struct books *books, struct book_list *list)
{
    uint32_t below = list->top;
    list->top =
        take_block(books, (uint32_t)(list - books->lists), height_of(books, list), TN_NONE, 0);
    if (below == TN_NONE) return;
    books->blocks[list->top].child[0] = below;
    books->blocks[below].parent = list->top;
    books->blocks[below].place = 0;
    note_changed(books, below, 0xff); /* it was hashed only as far as the list reached */
}

/* Nothing is left in a block from the `used`-th of its eight on. */
static void cut_block(struct books *books, uint32_t index, uint32_t used)
{
    struct book_block *block = &books->blocks[index];
    for (uint32_t i = used; i < 8; i++) {
        if (block->child[i] != TN_NONE) free_tree(books, block->child[i]);
        block->child[i] = TN_NONE;
    }
    for (uint32_t step = 0; step <= BLOCK_LEVELS; step++) {
        uint32_t first = (8u >> step) - 1, width = 1u << step;
        for (uint32_t i = (used + width - 1) / width; i < 8u >> step; i++)
            tn_proof_zero(&block->nodes[first + i], false, LIST_LEVEL(block->level) + step);
    }
    note_changed(books, index, (uint8_t)(1u << (used - 1)));
}

static void cut_list(struct books *books, struct book_list *list, uint32_t count)
{
    if (count == 0) {
        free_tree(books, list->top);
        list->top = TN_NONE;
        return;
    }
    uint32_t index = list->top, left = count;
    for (uint32_t level = books->blocks[index].level;; level--) {
        uint32_t unit = (uint32_t)1 << LIST_LEVEL(level);
        uint32_t used = (left + unit - 1) / unit;
        cut_block(books, index, used);
        if (level == 0) break;
        left -= (used - 1) * unit;
        index = books->blocks[index].child[used - 1];
    }
    while (books->blocks[list->top].level > 0 && count <= span_of(books->blocks[list->top].level)) {
        uint32_t below = books->blocks[list->top].child[0];
        free_block(books, list->top);
        list->top = below;
        books->blocks[below].parent = TN_NONE;
    }
}

void tn_state_book_count(struct tn_state *state, uint32_t series, uint32_t number, uint32_t count)
{
    struct books *books = state->books;
    TN_ASSERT(books != NULL && series < state->limits.series_max && number < LISTS);
    struct book_list *list = &books->lists[(size_t)series * LISTS + number];
    TN_ASSERT(count <= state->limits.orders_max);
    state->is_updated = false;
    note_touched(books, series);
    if (count < list->count) {
        flush(books); /* what is on its way may go to blocks that are freed now */
        cut_list(books, list, count);
    }
    while (count > 0 && (list->top == TN_NONE || count > span_of(height_of(books, list))))
        raise_list(books, list);
    books->orders += count;
    books->orders -= list->count;
    list->count = count;
}

void tn_state_book_order(struct tn_state *state, uint32_t series, uint32_t number, uint32_t rank,
                         const uint8_t order[TN_RECORD_ORDER_SIZE])
{
    struct books *books = state->books;
    struct book_list *list = &books->lists[(size_t)series * LISTS + number];
    TN_ASSERT(rank < list->count && books->is_touched[series]);
    uint32_t index = list->top;
    for (uint32_t level = books->blocks[index].level; level > 0; level--) {
        uint32_t place = rank >> LIST_LEVEL(level) & 7;
        uint32_t below = books->blocks[index].child[place];
        if (below == TN_NONE) {
            below = take_block(books, (uint32_t)(list - books->lists), level - 1, index, place);
            books->blocks[index].child[place] = below;
        }
        index = below;
    }
    note_changed(books, index, (uint8_t)(1u << rank % 8));
    uint8_t *to = books->blocks[index].nodes[7 + rank % 8].bytes;
    memcpy(push_leaf(books, rank, TN_RECORD_ORDER_SIZE, to), order, TN_RECORD_ORDER_SIZE);
}

bool tn_state_set_book(struct tn_state *state, uint32_t series, const uint8_t *record, size_t size)
{
    uint64_t orders = 0;
    if (size != 0 && (size < BOOK_HEAD || (size - BOOK_HEAD) % TN_RECORD_ORDER_SIZE != 0))
        return false;
    for (uint32_t i = 0; i < LISTS && size != 0; i++)
        orders += tn_get_be(record + 4 * i, 4);
    if (size != 0 && orders != (size - BOOK_HEAD) / TN_RECORD_ORDER_SIZE) return false;
    if (orders > state->limits.orders_max) return false;
    /* Bytes of a disk or of a stranger: the blocks are for so many, old and new together. */
    if (state->books->orders + orders > 2 * (uint64_t)state->limits.orders_max) return false;
    const uint8_t *at = size == 0 ? NULL : record + BOOK_HEAD;
    for (uint32_t list = 0; list < LISTS; list++) {
        uint32_t count = size == 0 ? 0 : (uint32_t)tn_get_be(record + 4 * list, 4);
        tn_state_book_count(state, series, list, count);
        for (uint32_t rank = 0; rank < count; rank++, at += TN_RECORD_ORDER_SIZE)
            tn_state_book_order(state, series, list, rank, at);
    }
    return true;
}

/* ---- Updates ---- */

/* Up to which of its levels a block is hashed: the topmost as far as its list reaches. */
static uint32_t steps_of(const struct books *books, const struct book_block *block)
{
    if (block->parent != TN_NONE) return BLOCK_LEVELS;
    return tn_proof_depth(books->lists[block->list].count) - LIST_LEVEL(block->level);
}

/* The nodes of one level of a block that stand above what changed. */
static void push_nodes(struct books *books, struct book_block *block, uint32_t step)
{
    struct tn_hash *nodes = &block->nodes[(8u >> step) - 1];
    const struct tn_hash *below = &block->nodes[(8u >> (step - 1)) - 1];
    const uint32_t wide = (1u << (1u << step)) - 1;
    for (uint32_t i = 0; i < 8u >> step; i++) {
        if ((block->changed >> (i << step) & wide) == 0) continue;
        uint8_t *message = push(books, NODE_SIZE, nodes[i].bytes);
        message[0] = TAG_NODE;
        memcpy(message + 1, below[2 * i].bytes, 2 * TN_HASH_SIZE);
    }
}

/* Blocks of one level, then what they are to those above; true if there are any above. */
static bool update_level(struct books *books, uint32_t level)
{
    bool goes_on = false;
    for (uint32_t step = 1; step <= BLOCK_LEVELS; step++) {
        for (uint32_t i = 0; i < books->changed_count; i++) {
            struct book_block *block = &books->blocks[books->changed[i]];
            if (block->level != level || step > steps_of(books, block)) continue;
            push_nodes(books, block, step);
        }
        flush(books);
    }
    const uint32_t count = books->changed_count;
    for (uint32_t i = 0; i < count; i++) {
        struct book_block *block = &books->blocks[books->changed[i]];
        goes_on |= block->level != BLOCK_UNUSED && block->level > level;
        if (block->level != level || block->changed == 0) continue;
        block->changed = 0;
        if (block->parent == TN_NONE) continue;
        books->blocks[block->parent].nodes[7 + block->place] = block->nodes[0];
        note_changed(books, block->parent, (uint8_t)(1u << block->place));
        goes_on = true;
    }
    return goes_on;
}

static void list_top(const struct books *books, struct tn_hash *top, const struct book_list *list)
{
    *top = (struct tn_hash){{0}};
    if (list->count == 0) return;
    const struct book_block *block = &books->blocks[list->top];
    *top = block->nodes[(8u >> steps_of(books, block)) - 1];
}

static void update_leaf(struct tn_state *state, uint32_t series)
{
    struct books *books = state->books;
    struct tree *tree = &state->trees[TN_RECORD_BOOK];
    const struct book_list *lists = &books->lists[(size_t)series * LISTS];
    bool is_empty = true;
    books->is_touched[series] = 0;
    if (series >= tree->count) return;
    for (uint32_t i = 0; i < LISTS; i++)
        is_empty &= lists[i].count == 0;
    uint8_t *leaf = tn_state_tree_leaf(tree, series);
    if (is_empty) {
        memset(leaf, 0, TN_HASH_SIZE);
        return;
    }
    uint8_t *body = push_leaf(books, series, BOOK_BODY, leaf);
    for (uint32_t i = 0; i < LISTS; i++, body += 4 + TN_HASH_SIZE) {
        struct tn_hash top;
        list_top(books, &top, &lists[i]);
        tn_put_be(body, lists[i].count, 4);
        memcpy(body + 4, top.bytes, TN_HASH_SIZE);
    }
}

void tn_state_books_update(struct tn_state *state)
{
    struct books *books = state->books;
    if (books == NULL || books->touched_count == 0) return;
    flush(books);
    for (uint32_t level = 0; update_level(books, level); level++) {
    }
    while (books->changed_count > 0)
        books->blocks[books->changed[--books->changed_count]].is_listed = false;
    while (books->touched_count > 0)
        update_leaf(state, books->touched[--books->touched_count]);
    flush(books);
}
