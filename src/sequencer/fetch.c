/* FETCH: asking for what is missing, and answering. A peer may ask so often in a second; an answer
 * is several messages when it is long. Nobody answers that he has nothing: whoever asks, asks
 * somebody else when no answer came. */
#include "sequencer/internal.h"

/* ---- Asking ---- */

void tn_sequencer_ask_one(struct tn_sequencer *s, uint16_t to, const struct fetch_message *fetch)
{
    uint8_t bytes[FETCH_BYTES];
    tn_sequencer_write_fetch(bytes, fetch);
    s->counters.fetches_sent++;
    tn_sequencer_send(s, to, bytes, sizeof(bytes));
}

void tn_sequencer_ask(struct tn_sequencer *s, const struct fetch_message *fetch)
{
    const bool by_height = fetch->what == FETCH_BLOCKS || fetch->what == FETCH_HEADERS;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < s->set.count; i++) {
            s->ask_peer = (uint16_t)((s->ask_peer + 1u) % s->set.count);
            if (s->ask_peer == s->index) continue;
            const uint64_t height = s->peers[s->ask_peer].final_height;
            if (round == 0 && by_height && height < fetch->at + fetch->count - 1) continue;
            tn_sequencer_ask_one(s, s->ask_peer, fetch);
            return;
        }
    }
}

/* Not twice in a while for one view. */
static bool may_ask(struct tn_sequencer *s, uint64_t number)
{
    struct view *view = tn_sequencer_make_view(s, number);
    if (view == NULL || !s->started) return false;
    if (s->now_us - view->asked_us < tn_sequencer_delta(s)) return false;
    view->asked_us = s->now_us;
    return true;
}

void tn_sequencer_fetch_block(struct tn_sequencer *s, uint64_t view, const struct tn_hash *hash)
{
    const struct fetch_message fetch = {
        .what = FETCH_BLOCK, .epoch = s->set.epoch, .at = view, .hash = *hash};
    tn_sequencer_want(s, view, hash);
    if (may_ask(s, view)) tn_sequencer_ask(s, &fetch);
}

void tn_sequencer_fetch_certs(struct tn_sequencer *s, uint64_t view)
{
    const struct fetch_message fetch = {.what = FETCH_CERTS, .epoch = s->set.epoch, .at = view};
    if (may_ask(s, view)) tn_sequencer_ask(s, &fetch);
}

static bool is_held(const struct tn_sequencer *s, uint64_t height)
{
    const struct path_step *step = &s->path[height % s->config.limits.behind_max];
    if (tn_sequencer_is_whole(tn_sequencer_find_block(s, step->view, &step->hash))) return true;
    const struct held_block *ahead = &s->ahead[height % AHEAD_MAX];
    return tn_sequencer_is_whole(ahead) && tn_hash_equal(&ahead->hash, &step->hash);
}

static bool next_headers(struct tn_sequencer *s, struct fetch_message *fetch, bool late)
{
    const uint64_t first = s->final_header.height + 1;
    fetch->what = FETCH_HEADERS;
    fetch->at = s->path_known - first >= HEADERS_MAX ? s->path_known - HEADERS_MAX + 1 : first;
    fetch->count = (uint32_t)(s->path_known - fetch->at + 1);
    if (!late && s->path_asked_top == s->path_known) return false;
    s->path_asked_top = s->path_known;
    return true;
}

/* A range behind the one that was asked for last, as soon as there is room for a whole one; or,
 * when no answer comes, from the first that is missing. So one range is under way while another is
 * executed. */
static bool next_blocks(struct tn_sequencer *s, struct fetch_message *fetch, bool late)
{
    const uint64_t first = s->final_header.height + 1;
    uint64_t last = first + AHEAD_MAX - 1;
    if (last > s->path_top) last = s->path_top;
    fetch->what = FETCH_BLOCKS;
    fetch->at = first;
    if (!late && s->path_asked_top >= first) fetch->at = s->path_asked_top + 1;
    while (fetch->at <= last && is_held(s, fetch->at))
        fetch->at++;
    if (fetch->at > last) return false;
    if (last - fetch->at >= TN_SEQUENCER_RANGE_MAX) last = fetch->at + TN_SEQUENCER_RANGE_MAX - 1;
    fetch->count = (uint32_t)(last - fetch->at + 1);
    if (!late && fetch->count < TN_SEQUENCER_RANGE_MAX && last < s->path_top) return false;
    s->path_asked_top = last;
    return true;
}

/* The next piece of the path: headers from above until it is whole, then blocks from below. */
void tn_sequencer_fetch_path(struct tn_sequencer *s)
{
    struct fetch_message fetch = {.epoch = s->set.epoch};
    const bool late = s->now_us - s->path_asked_us >= 2 * tn_sequencer_delta(s);
    const bool is_whole = s->path_known <= s->final_header.height + 1;
    if (is_whole ? !next_blocks(s, &fetch, late) : !next_headers(s, &fetch, late)) return;
    if (!s->started) return;
    s->path_asked_us = s->now_us;
    tn_sequencer_ask(s, &fetch);
}

/* ---- Answering ---- */

bool tn_sequencer_take_tokens(struct tn_sequencer *s, uint16_t from, uint32_t count)
{
    struct peer *peer = &s->peers[from];
    const int64_t token_us = 1000000 / FETCH_TOKENS_MAX;
    const int64_t earned = (s->now_us - peer->tokens_us) / token_us;
    if (earned > 0) {
        const int64_t tokens = (int64_t)peer->tokens + earned;
        peer->tokens = tokens > FETCH_TOKENS_MAX ? FETCH_TOKENS_MAX : (uint32_t)tokens;
        peer->tokens_us = s->now_us;
    }
    if (peer->tokens < count) {
        s->counters.fetches_refused++;
        return false;
    }
    peer->tokens -= count;
    return true;
}

static size_t send_block(struct tn_sequencer *s, uint16_t to,
                         const struct tn_sequencer_block *block)
{
    uint8_t *at = s->message;
    at[0] = TN_PEER_DATA;
    at[1] = DATA_BLOCK;
    tn_stream_write_block_header(at + DATA_HEAD_BYTES, block->header);
    at += DATA_HEAD_BYTES + TN_BLOCK_HEADER_BYTES;
    if (block->body_size > 0) memcpy(at, block->body, block->body_size);
    const size_t size = DATA_HEAD_BYTES + TN_BLOCK_HEADER_BYTES + block->body_size;
    tn_sequencer_send(s, to, s->message, size);
    return size;
}

/* A delivered block by its view, which rises with the height: for a view that is not kept any more,
 * as after a restart. Some twenty questions to the app. */
static bool find_delivered(struct tn_sequencer *s, struct tn_sequencer_block *shown,
                           const struct fetch_message *fetch)
{
    const struct tn_sequencer_app *app = &s->config.app;
    uint64_t low = 1, high = s->final_header.height;
    while (low <= high) {
        const uint64_t middle = low + (high - low) / 2;
        const bool kept = app->block(app->context, shown, middle);
        const struct tn_block_header *header = shown->header;
        if (kept && header->epoch == fetch->epoch && header->view == fetch->at) {
            return tn_hash_equal(&shown->hash, &fetch->hash);
        }
        if (kept && (header->epoch > fetch->epoch ||
                     (header->epoch == fetch->epoch && header->view > fetch->at))) {
            high = middle - 1;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

static void answer_block(struct tn_sequencer *s, uint16_t to, const struct fetch_message *fetch)
{
    struct tn_sequencer_block shown = {.header = NULL};
    if (fetch->epoch != s->set.epoch) return;
    const struct held_block *block = tn_sequencer_find_block(s, fetch->at, &fetch->hash);
    if (tn_sequencer_is_whole(block)) {
        tn_sequencer_show_block(s, &shown, block);
        send_block(s, to, &shown);
    } else if (fetch->at <= s->final_view && find_delivered(s, &shown, fetch)) {
        send_block(s, to, &shown);
    }
}

/* Many small blocks cost little, so a node that was away for a while is back soon; large ones pay
 * for their bytes, which the next question waits for. */
static void answer_blocks(struct tn_sequencer *s, uint16_t to, const struct fetch_message *fetch)
{
    const struct tn_sequencer_app *app = &s->config.app;
    struct tn_sequencer_block shown;
    size_t sent = 0;
    for (uint64_t i = 0; i < fetch->count && sent < RANGE_BYTES_MAX; i++) {
        if (fetch->at + i > s->final_header.height) break;
        if (!app->block(app->context, &shown, fetch->at + i)) break;
        sent += send_block(s, to, &shown);
    }
    struct peer *peer = &s->peers[to];
    const uint32_t cost = (uint32_t)(sent / RANGE_TOKEN_BYTES);
    peer->tokens -= cost < peer->tokens ? cost : peer->tokens;
}

static void answer_headers(struct tn_sequencer *s, uint16_t to, const struct fetch_message *fetch)
{
    const struct tn_sequencer_app *app = &s->config.app;
    struct tn_sequencer_block shown;
    uint8_t *at = s->message + DATA_HEADERS_BYTES;
    for (uint64_t i = 0; i < fetch->count; i++) {
        if (fetch->at + i > s->final_header.height) return;
        if (!app->block(app->context, &shown, fetch->at + i)) return;
        tn_stream_write_block_header(at, shown.header);
        at += TN_BLOCK_HEADER_BYTES;
    }
    s->message[0] = TN_PEER_DATA;
    s->message[1] = DATA_HEADERS;
    tn_put_be(s->message + DATA_HEAD_BYTES, fetch->at, 8);
    tn_put_be(s->message + DATA_HEAD_BYTES + 8, fetch->count, 2);
    tn_sequencer_send(s, to, s->message, (size_t)(at - s->message));
}

void tn_sequencer_on_fetch(struct tn_sequencer *s, uint16_t from, const uint8_t *bytes, size_t size)
{
    struct fetch_message fetch;
    if (!tn_sequencer_read_fetch(&fetch, bytes, size)) {
        s->counters.malformed++;
        tn_sequencer_ban(s, from, "a malformed fetch");
        return;
    }
    uint32_t tokens = 1;
    if (fetch.what == FETCH_HEADERS) tokens = LONG_TOKENS;
    if (fetch.what == FETCH_BLOCKS) tokens = RANGE_TOKENS;
    if (!tn_sequencer_take_tokens(s, from, tokens)) return;
    s->counters.fetches_served++;
    switch (fetch.what) {
        case FETCH_BLOCK: answer_block(s, from, &fetch); break;
        case FETCH_BLOCKS: answer_blocks(s, from, &fetch); break;
        case FETCH_HEADERS: answer_headers(s, from, &fetch); break;
        case FETCH_CERTS: {
            const struct view *view = tn_sequencer_find_view(s, fetch.at);
            if (view != NULL && fetch.epoch == s->set.epoch) tn_sequencer_send_certs(s, from, view);
            break;
        }
        case FETCH_HANDOVER:
            if (fetch.epoch < s->set.epoch) tn_sequencer_help_epoch(s, from, fetch.epoch);
            break;
    }
}
