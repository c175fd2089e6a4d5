/* main: the play from the opening of a market to the last figure. */
#include "play/play.h"

#include "clock.h"
#include "tenor/reject.h"
#include "tenord/tenord.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Noreturn void tn_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "tenor-play: bug at %s:%d: %s\n", file, line, what);
    abort();
}

void play_clock(struct play *play)
{
    play->now_us = clock_us(CLOCK_MONOTONIC);
    play->unix_ms = clock_us(CLOCK_REALTIME) / 1000;
}

uint64_t play_random(struct play *play)
{
    uint64_t x = play->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* ---- Answers -----------------------------------------------------------------------------------
 */

static struct play_time *time_of(struct play *play, uint64_t session, uint64_t nonce)
{
    struct play_time *found = &play->times[(session * 7919 + nonce) % PLAY_TIMES_MAX];
    return found->session == session && found->nonce == nonce ? found : NULL;
}

static void sample(struct play *play, uint64_t *samples, size_t *count, int64_t us)
{
    if (*count < play->samples_room) samples[(*count)++] = us < 0 ? 0 : (uint64_t)us;
}

static void take_answer(struct play *play, const uint8_t *bytes, size_t size)
{
    if (size < 47) return;
    struct play_figures *figures = &play->figures;
    uint64_t session = tn_get_be(bytes + 25, 8), nonce = tn_get_be(bytes + 33, 8);
    uint32_t reject = (uint32_t)tn_get_be(bytes + 41, 2);
    struct play_time *time = time_of(play, session, nonce);
    switch ((enum tn_member_answer_kind)bytes[4]) {
        case TN_MEMBER_SOFT:
            figures->frames_soft++;
            play->term = (uint32_t)tn_get_be(bytes + 9, 4);
            if (time == NULL || time->soft_us != 0) return;
            time->soft_us = play->now_us;
            time->term = play->term;
            time->sequence = tn_get_be(bytes + 13, 8);
            sample(play, play->soft_us, &play->soft_count, play->now_us - time->sent_us);
            return;
        case TN_MEMBER_REFUSED:
            figures->frames_refused++;
            if (reject < sizeof figures->refusals / sizeof figures->refusals[0]) {
                figures->refusals[reject]++;
            }
            return;
        case TN_MEMBER_REVERTED:
            figures->frames_reverted++;
            if (time != NULL) *time = (struct play_time){0};
            return;
        case TN_MEMBER_AWAY: figures->frames_away++; return;
    }
}

static struct play_account *account_of(struct play *play, uint32_t account)
{
    for (uint32_t i = 0; i < play->opened_count; i++) {
        if (play->accounts[i].account == account) return &play->accounts[i];
    }
    return NULL;
}

/* What an inbox's item brought about: accounts and sessions that exist now. */
static void take_item_events(struct play *play, const struct tn_event *event, uint8_t item)
{
    if (event->kind == TN_EVENT_OPENED && play->opened_count < PLAY_ACCOUNTS_MAX) {
        play->accounts[play->opened_count++].account = event->account;
    }
    if (event->kind != TN_EVENT_RESULT) return;
    if (event->reject != TN_REJECT_NONE) {
        if (event->reject < 4096) play->figures.refusals[event->reject]++;
        return;
    }
    struct play_account *account =
        item == TN_INBOX_SESSION_OPEN ? account_of(play, event->account) : NULL;
    if (account == NULL) return;
    if (account->session == 0) play->sessions_count++;
    account->session = event->order_id;
}

static void count_event(struct play *play, const struct tn_event *event)
{
    struct play_figures *figures = &play->figures;
    figures->trades_final += event->kind == TN_EVENT_TRADE;
    figures->quotes_final += event->kind == TN_EVENT_QUOTED && event->reject == TN_REJECT_NONE;
    if (event->kind != TN_EVENT_RESULT) return;
    figures->commands_final++;
    if (event->reject != TN_REJECT_NONE && event->reject < 4096) figures->refusals[event->reject]++;
}

static void take_final(struct play *play, const uint8_t *bytes, size_t size)
{
    if (size < 41) return;
    uint64_t session = tn_get_be(bytes + 20, 8), nonce = tn_get_be(bytes + 28, 8);
    uint32_t count = (uint32_t)tn_get_be(bytes + 37, 4);
    if (size - 41 != (size_t)count * TN_EVENT_BYTES) return;
    for (uint32_t i = 0; i < count; i++) {
        struct tn_event event;
        if (!tn_stream_read_event(&event, bytes + 41 + (size_t)i * TN_EVENT_BYTES)) return;
        if (bytes[36] != 0) {
            take_item_events(play, &event, bytes[36]);
        } else if (session != 0) {
            count_event(play, &event);
        }
    }
    if (session == 0 || bytes[36] != 0) return;
    play->figures.frames_final++;
    if (play->last_final_us != 0 && play->now_us - play->last_final_us > play->longest_gap_us) {
        play->longest_gap_us = play->now_us - play->last_final_us;
    }
    play->last_final_us = play->now_us;
    struct play_time *time = time_of(play, session, nonce);
    if (time == NULL || play->final_count >= play->samples_room) return;
    int64_t soft_us = time->soft_us != 0 ? time->soft_us : play->now_us;
    play->after_soft_us[play->final_count] = (uint64_t)(play->now_us - soft_us);
    sample(play, play->final_us, &play->final_count, play->now_us - time->sent_us);
    *time = (struct play_time){0};
}

/* Every node's root at every height must be that of the node which said it first. */
static void compare_root(struct play *play, uint64_t height, const uint8_t *root)
{
    const uint64_t kept = sizeof play->roots / sizeof play->roots[0];
    struct play_root *known = &play->roots[height % kept];
    if (known->height != height) {
        if (known->height > height) return;
        known->height = height;
        memcpy(known->root.bytes, root, TN_HASH_SIZE);
        return;
    }
    play->roots_compared++;
    if (memcmp(known->root.bytes, root, TN_HASH_SIZE) == 0) return;
    play->roots_differ++;
    complain("two nodes have different roots at height %llu", (unsigned long long)height);
}

static void take_block(struct play *play, const uint8_t *bytes, size_t size, bool is_watched)
{
    if (size < 20 + 2 * TN_HASH_SIZE) return;
    compare_root(play, tn_get_be(bytes, 8), bytes + 20 + TN_HASH_SIZE);
    if (!is_watched) return;
    play->height = tn_get_be(bytes, 8);
    play->block_ms = (int64_t)tn_get_be(bytes + 8, 8);
    play->figures.blocks++;
    if (play->last_block_us != 0 && play->now_us - play->last_block_us > play->longest_block_us) {
        play->longest_block_us = play->now_us - play->last_block_us;
    }
    play->last_block_us = play->now_us;
}

/* A term has ended: what was soft in it, and is not final, is lost, and now this is known. */
static void take_term(struct play *play, const uint8_t *bytes, size_t size)
{
    if (size != 16) return;
    play->term = (uint32_t)tn_get_be(bytes + 4, 4);
    uint64_t last = tn_get_be(bytes + 8, 8);
    for (uint32_t i = 0; i < PLAY_TIMES_MAX; i++) {
        struct play_time *time = &play->times[i];
        if (time->soft_us == 0 || time->term >= play->term || time->sequence <= last) continue;
        play->figures.frames_told++;
        *time = (struct play_time){0};
    }
}

/* Of the market's term, as a node sees it. */
static void take_status(struct play *play, const uint8_t *bytes, size_t size)
{
    if (size < 4 || size - 4 >= sizeof play->status) return;
    memcpy(play->status, bytes + 4, size - 4);
    play->status[size - 4] = '\0';
    const char *term = strstr(play->status, "market1.term=");
    const char *governance = strstr(play->status, " governance=");
    const char *deposits = strstr(play->status, " deposits=");
    if (play->numbers_known == 0 && governance != NULL && deposits != NULL) {
        play->governance_number = strtoull(governance + strlen(" governance="), NULL, 10);
        play->deposit_number = strtoull(deposits + strlen(" deposits="), NULL, 10);
        play->numbers_known = 1;
    }
    if (term != NULL) play->term = (uint32_t)strtoul(term + strlen("market1.term="), NULL, 10);
}

void play_take(struct play *play, struct wire *wire, uint8_t kind, const uint8_t *bytes,
               size_t size)
{
    bool is_watched = wire->index == play->options.watch;
    switch ((enum client_answer)kind) {
        case CLIENT_ANSWERED: take_answer(play, bytes, size); return;
        case CLIENT_ITEM_TAKEN: return;
        case CLIENT_STATUS_IS: take_status(play, bytes, size); return;
        case CLIENT_BLOCK: take_block(play, bytes, size, is_watched); return;
        case CLIENT_TERM:
            if (is_watched) take_term(play, bytes, size);
            return;
        case CLIENT_FINAL:
            if (is_watched) take_final(play, bytes, size);
            return;
    }
}

/* ---- The play ----------------------------------------------------------------------------------
 */

static bool connect_all(struct play *play)
{
    play_clock(play);
    int64_t until_us = play->now_us + 30000000;
    for (uint32_t i = 0; i < play->set.validators_count; i++) {
        struct wire *wire = &play->wires[play->wires_count++];
        wire->socket = -1;
        wire->index = i;
        snprintf(wire->path, sizeof wire->path, "%s/node-%u/clients.sock", play->options.net, i);
        while (!wire_open(wire, wire->path) && play->now_us < until_us) {
            usleep(50000);
            play_clock(play);
        }
        if (wire->socket < 0) {
            complain("no node answers at %s", wire->path);
            return false;
        }
        wire_watch(play, wire);
        wire->requests = 0;
    }
    return true;
}

static bool prepare(struct play *play)
{
    char home[CONF_PATH_SIZE], name[64];
    void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
    play->samples_room = 1 << 22;
    play->soft_us = malloc(play->samples_room * sizeof(uint64_t));
    play->final_us = malloc(play->samples_room * sizeof(uint64_t));
    play->after_soft_us = malloc(play->samples_room * sizeof(uint64_t));
    if (memory == NULL || play->soft_us == NULL || play->final_us == NULL ||
        play->after_soft_us == NULL) {
        complain("out of memory");
        return false;
    }
    tn_signatures_real(&play->signatures, memory);
    play_clock(play);
    snprintf(home, sizeof home, "%s/node-0", play->options.net);
    if (!set_conf_read(&play->set, home, &play->signatures) ||
        !play_read_key(&play->governance, play->options.net, "governance.key") ||
        !play_read_key(&play->faucet, play->options.net, "faucet.key")) {
        return false;
    }
    for (uint32_t i = 0; i < play->set.commands_count; i++)
        play->feeders_count += play->set.commands[i].kind == TN_REGISTRY_FEEDER;
    for (uint32_t i = 0; i < play->feeders_count; i++) {
        snprintf(name, sizeof name, "feeder-%u.key", i + 1);
        if (!play_read_key(&play->feeders[i], play->options.net, name)) return false;
    }
    play->report_sequence = (uint64_t)play->unix_ms * 1000;
    play_derive(&play->owners[0], play, "makers", 0);
    play_derive(&play->owners[1], play, "takers", 0);
    play->random = play->options.seed;
    return connect_all(play);
}

static bool open_market(struct play *play)
{
    uint32_t never = 0;
    play_scene(play);
    wire_ask(&play->wires[play->options.node], CLIENT_STATUS, NULL, 0);
    if (!play_until(play, &play->numbers_known, 1, 10000)) {
        complain("node %llu does not say where it stands", (unsigned long long)play->options.node);
        return false;
    }
    play_until(play, &never, 1, 300); /* heights come in */
    if (play->governance_number == 0) play_set_market(play);
    if (!play_set_accounts(play)) {
        complain("the set did not open accounts and sessions in time: %u opened, %u sessions, "
                 "height %llu",
                 play->opened_count, play->sessions_count, (unsigned long long)play->height);
        return false;
    }
    play_until(play, &never, 1, 1500); /* marks settle */
    return true;
}

/* A test ends the trading when it has seen enough; the figures come all the same. */
static volatile sig_atomic_t stop_asked;
static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* Until the next frame is due. */
static int64_t until_next_us(const struct play *play, int64_t start_us, uint64_t sent)
{
    enum { LEAST_US = 300, MOST_US = 2000 };
    const uint64_t rate = play->options.frames_a_second;
    if (rate == 0) return MOST_US;
    const int64_t due_us = start_us + (int64_t)((sent + 1) * 1000000 / rate);
    if (due_us - play->now_us < LEAST_US) return LEAST_US;
    return due_us - play->now_us < MOST_US ? due_us - play->now_us : MOST_US;
}

static void run(struct play *play)
{
    signal(SIGTERM, ask_to_stop);
    play_clock(play);
    int64_t start_us = play->now_us, fed_us = 0, asked_us = 0, told_us = 0;
    int64_t end_us = start_us + (int64_t)play->options.seconds * 1000000;
    uint64_t sent = 0;
    while (play->now_us < end_us && !stop_asked) {
        uint64_t due =
            (uint64_t)(play->now_us - start_us) * play->options.frames_a_second / 1000000;
        uint32_t now = due - sent > 256 ? 256 : (uint32_t)(due - sent);
        /* Behind by more than can be caught up: the rate is what it is. */
        if (due - sent > 4096) sent = due;
        bool is_choked = play->wires[play->options.node].out_size > 1 << 20;
        if (now > 0 && !is_choked) play_trade(play, now);
        sent += now;
        if (play->now_us - fed_us > play->set.limits.mark_ms * 1000) {
            fed_us = play->now_us;
            play_feed(play);
        }
        if (play->now_us - asked_us > 200000) {
            asked_us = play->now_us;
            wire_ask(&play->wires[play->options.node], CLIENT_STATUS, NULL, 0);
        }
        if (play->options.tell && play->now_us - told_us > 200000) {
            told_us = play->now_us;
            note("msg=trades final=%llu", (unsigned long long)play->figures.frames_final);
        }
        wires_wait(play, until_next_us(play, start_us, sent));
        play_clock(play);
    }
    play->traded_us = play->now_us - start_us;
}

/* What is on its way arrives, or is known to be lost. */
static uint32_t frames_open(const struct play *play)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < PLAY_TIMES_MAX; i++)
        open += play->times[i].soft_us != 0;
    return open;
}

static void drain(struct play *play)
{
    enum { DRAIN_US = 10000000 };
    uint32_t never = 0;
    play_clock(play);
    int64_t until_us = play->now_us + DRAIN_US;
    while (frames_open(play) > 0 && play->now_us < until_us)
        play_until(play, &never, 1, 50);
    play->frames_open = frames_open(play);
}

static void forget_figures(struct play *play)
{
    play->figures = (struct play_figures){0};
    play->soft_count = play->final_count = 0;
    play->longest_gap_us = play->longest_block_us = 0;
    play->last_final_us = play->last_block_us = 0;
}

int main(int arguments_count, char **arguments)
{
    static struct play play;
    struct play_options *with = &play.options;
    *with = (struct play_options){.seconds = 10,
                                  .accounts = 16,
                                  .series = 33,
                                  .frames_a_second = 100,
                                  .commands = 4,
                                  .quotes = 16,
                                  .seed = 1};
    const struct option options[] = {
        {"--net", OPTION_TEXT, &with->net, 0, "folder that tenord testnet made"},
        {"--node", OPTION_NUMBER, &with->node, PLAY_NODES_MAX - 1, "frames go to this node (0)"},
        {"--watch", OPTION_NUMBER, &with->watch, PLAY_NODES_MAX - 1,
         "final news come from this one (0)"},
        {"--seconds", OPTION_NUMBER, &with->seconds, 1000000, "of trading (10)"},
        {"--accounts", OPTION_NUMBER, &with->accounts, PLAY_ACCOUNTS_MAX,
         "half make, half take (16)"},
        {"--series", OPTION_NUMBER, &with->series, PLAY_SERIES_MAX, "listed (33)"},
        {"--frames", OPTION_NUMBER, &with->frames_a_second, 1000000, "a second (100)"},
        {"--commands", OPTION_NUMBER, &with->commands, 64, "in a taker's frame; 0: no takers (4)"},
        {"--quotes", OPTION_NUMBER, &with->quotes, 128, "in a maker's frame; 0: no makers (16)"},
        {"--seed", OPTION_NUMBER, &with->seed, UINT64_MAX, "of prices and keys (1)"},
        {"--keep-going", OPTION_FLAG, &with->keep_going, 0, "connect again to a node that died"},
        {"--ahead", OPTION_FLAG, &with->ahead, 0, "sign frames before the clock starts"},
        {"--tell", OPTION_FLAG, &with->tell, 0, "say five times a second how much is final"},
    };
    struct option_set set = {.usage = "usage: tenor-play --net DIR [OPTION...]\n\n"
                                      "Plays everybody who is no node against a testnet.\n",
                             .options = options,
                             .options_count = sizeof options / sizeof options[0]};
    if (!options_read(&set, arguments_count - 1, arguments + 1)) {
        return set.help_printed ? END_GOOD : END_REFUSED;
    }
    if (with->net == NULL || with->accounts < 2 || with->series < 1) {
        complain("tenor-play needs --net DIR, two accounts and a series");
        return END_REFUSED;
    }
    if (!prepare(&play) || !open_market(&play)) return END_FAILED;
    if (with->ahead) play_sign_ahead(&play);
    forget_figures(&play);
    play.only_feeds = with->frames_a_second == 0;
    for (uint32_t i = 0; play.only_feeds && i < play.wires_count; i++)
        wire_watch(&play, &play.wires[i]);
    run(&play);
    drain(&play);
    play_report_figures(&play, stdout, (double)play.traded_us / 1e6);
    for (uint32_t i = 0; i < play.wires_count; i++)
        wire_close(&play.wires[i]);
    return play.roots_differ > 0 || play.frames_open > 0 ? END_WRONG : END_GOOD;
}
