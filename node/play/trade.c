/* trade: accounts are opened and funded, sessions made, frames signed, and what came of them is
 * counted. Makers quote, takers take; each has an owner of its own, so they may trade. */
#include "play/play.h"

#include "tenor/frame.h"

#include <stdlib.h>

enum { MARKET = 1, IN_FLIGHT = 48, FRAME_COMMANDS_MAX = 64, WAIT_MS = 60000 };

/* Turns the wires until *what has reached wanted; false after wait_ms. */
bool play_until(struct play *play, const uint32_t *what, uint32_t wanted, int64_t wait_ms)
{
    static int64_t fed_us;
    play_clock(play);
    int64_t until_us = play->now_us + wait_ms * 1000;
    while (*what < wanted && play->now_us < until_us) {
        wires_wait(play, 5000);
        play_clock(play);
        if (play->now_us - fed_us > play->set.limits.mark_ms * 1000) {
            fed_us = play->now_us;
            play_feed(play);
        }
    }
    return *what >= wanted;
}

/* ---- Accounts ----------------------------------------------------------------------------------
 */

/* The first half are the makers', the rest the takers'; an owner's accounts are opened some at a
 * time, all its own, so it does not matter which of them comes first. */
static bool open_accounts(struct play *play, uint32_t owner, uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        uint32_t some = count - done < IN_FLIGHT ? count - done : IN_FLIGHT;
        uint32_t wanted = play->opened_count + some;
        for (uint32_t i = 0; i < some; i++)
            play_open(play, owner, done + i + 1);
        if (!play_until(play, &play->opened_count, wanted, WAIT_MS)) return false;
        done += some;
    }
    return true;
}

static bool open_sessions(struct play *play, uint32_t from, uint32_t count, uint32_t owner)
{
    for (uint32_t done = 0; done < count;) {
        uint32_t some = count - done < IN_FLIGHT ? count - done : IN_FLIGHT;
        uint32_t wanted = play->sessions_count + some;
        for (uint32_t i = 0; i < some; i++)
            play_session(play, owner, &play->accounts[from + done + i]);
        if (!play_until(play, &play->sessions_count, wanted, WAIT_MS)) return false;
        done += some;
    }
    return true;
}

bool play_set_accounts(struct play *play)
{
    uint32_t count = (uint32_t)play->options.accounts;
    uint32_t makers = count / 2;
    for (uint32_t i = 0; i < count; i++) {
        play_derive(&play->accounts[i].key, play, "session", i);
    }
    play->accounts_count = count;
    if (!open_accounts(play, 0, makers) || !open_accounts(play, 1, count - makers)) return false;
    for (uint32_t i = 0; i < count; i++)
        play_deposit(play, play->accounts[i].account, INT64_C(10000000) * 1000000);
    return open_sessions(play, 0, makers, 0) && open_sessions(play, makers, count - makers, 1);
}

/* ---- Frames ------------------------------------------------------------------------------------
 */

static void send_frame(struct play *play, const struct play_frame *frame, const uint8_t *bytes)
{
    play->times[(frame->session * 7919 + frame->nonce) % PLAY_TIMES_MAX] =
        (struct play_time){.session = frame->session,
                           .nonce = frame->nonce,
                           .sent_us = play->now_us,
                           .commands = frame->commands};
    play->figures.frames_sent++;
    wire_ask(&play->wires[play->options.node], CLIENT_FRAME, bytes, frame->size);
}

/* Sent at once, or kept where frames are signed ahead. */
static void sign_frame(struct play *play, struct play_account *account,
                       const struct tn_command *commands, uint32_t count)
{
    static uint8_t payload[TN_PAYLOAD_BYTES_MAX], bytes[TN_PAYLOAD_BYTES_MAX + 256];
    struct tn_stream_item item = {.version = TN_ENTRY_VERSION_2};
    struct tn_frame *frame = &item.as.frame;
    struct tn_hash digest;
    item.entry.kind = TN_ENTRY_FRAME;
    frame->market = MARKET;
    frame->term = play->term;
    frame->session = account->session;
    frame->nonce = ++account->nonce;
    frame->valid_until_block = play->height + 100000;
    frame->commands = commands;
    frame->commands_count = count;
    frame->payload_size = (uint32_t)tn_stream_write_payload(payload, sizeof payload, frame);
    TN_ASSERT(frame->payload_size > 0 && frame->payload_size <= sizeof payload);
    frame->payload = payload;
    tn_frame_digest(&digest, play->set.limits.chain_id, payload, frame->payload_size);
    bool is_signed =
        play->signatures.sign(play->signatures.context, &frame->signature, &digest, &account->key);
    TN_ASSERT(is_signed);
    size_t size = tn_stream_write_item(bytes, sizeof bytes, &item);
    TN_ASSERT(size > 0 && size <= sizeof bytes);
    const struct play_frame made = {.session = frame->session,
                                    .nonce = frame->nonce,
                                    .commands = count,
                                    .size = (uint32_t)size};
    if (play->ahead.is_signing) {
        play_keep_frame(play, &made, bytes);
    } else {
        send_frame(play, &made, bytes);
    }
}

/* Quotes so many series around their fair value, from one on. */
static void quote(struct play *play, struct play_account *account, uint32_t count)
{
    static struct tn_quote quotes[TN_QUOTES_MAX];
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    uint32_t from = (uint32_t)(play_random(play) % play->series_count);
    if (count > play->series_count) count = play->series_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t series = (from + i) % play->series_count;
        tn_ticks fair = play_fair(play, series);
        tn_ticks spread = fair / 50 + 1;
        tn_ticks jitter = (tn_ticks)(play_random(play) % 3);
        quotes[i] = (struct tn_quote){.series_id = play->series[series],
                                      .bid_price = fair - spread - jitter,
                                      .ask_price = fair + spread + jitter,
                                      .bid_quantity = fair - spread - jitter > 0 ? 5 : 0,
                                      .ask_quantity = 5};
        if (quotes[i].bid_price < 1) quotes[i].bid_price = 1;
    }
    command.as.mass_quote.quotes = quotes;
    command.as.mass_quote.quotes_count = count;
    command.as.mass_quote.fee_max_ppm = 1000000;
    command.as.mass_quote.post_only = 1;
    sign_frame(play, account, &command, 1);
}

/* Orders that now and then meet a quote, and cancels of what rests. */
static void take(struct play *play, struct play_account *account, uint32_t count)
{
    static struct tn_command commands[FRAME_COMMANDS_MAX];
    if (count > FRAME_COMMANDS_MAX) count = FRAME_COMMANDS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t series = (uint32_t)(play_random(play) % play->series_count);
        tn_ticks fair = play_fair(play, series);
        bool crosses = play_random(play) % 8 == 0;
        uint8_t side = (uint8_t)(play_random(play) % 2);
        tn_ticks away = crosses ? -(fair / 40 + 2) : fair / 50 + 1;
        tn_ticks price = side == TN_BUY ? fair - away : fair + away;
        commands[i] = (struct tn_command){.kind = TN_COMMAND_PLACE};
        commands[i].as.terms[0] = (struct tn_order_terms){.series_id = play->series[series],
                                                          .price = price < 1 ? 1 : price,
                                                          .quantity = 1,
                                                          .fee_max_ppm = 1000000,
                                                          .side = side,
                                                          .type = TN_LIMIT,
                                                          .tif = TN_IOC};
    }
    sign_frame(play, account, commands, count);
}

/* A maker quotes, or a taker takes. */
static void make_frame(struct play *play)
{
    const uint32_t makers = play->accounts_count / 2;
    bool quotes =
        play->options.commands == 0 || (play->options.quotes > 0 && play_random(play) % 2 == 0);
    uint32_t of = quotes ? makers : play->accounts_count - makers;
    uint32_t which = (uint32_t)(play_random(play) % of) + (quotes ? 0 : makers);
    struct play_account *account = &play->accounts[which];
    if (account->session == 0) return;
    if (quotes) {
        quote(play, account, (uint32_t)play->options.quotes);
    } else {
        take(play, account, (uint32_t)play->options.commands);
    }
}

void play_trade(struct play *play, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        struct play_frame frame;
        const uint8_t *bytes;
        if (play_next_frame(play, &frame, &bytes)) {
            send_frame(play, &frame, bytes);
        } else {
            make_frame(play);
        }
    }
}

/* ---- Figures -----------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t percentile(const uint64_t *sorted, size_t count, uint32_t per_mille)
{
    if (count == 0) return 0;
    size_t at = count * per_mille / 1000;
    return sorted[at < count ? at : count - 1];
}

static void print_latency(FILE *out, const char *name, uint64_t *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, compare);
    fprintf(out, ",\"%s_us\":{\"p50\":%llu,\"p99\":%llu,\"most\":%llu}", name,
            (unsigned long long)percentile(samples, count, 500),
            (unsigned long long)percentile(samples, count, 990),
            (unsigned long long)percentile(samples, count, 1000));
}

void play_report_figures(struct play *play, FILE *out, double seconds)
{
    const struct play_figures *figures = &play->figures;
    fprintf(out,
            "{\"bench\":\"play\",\"seconds\":%.1f,\"accounts\":%u,\"series\":%u,"
            "\"frames_sent\":%llu,\"frames_soft\":%llu,\"frames_final\":%llu,"
            "\"frames_refused\":%llu,\"frames_away\":%llu,\"frames_reverted\":%llu,"
            "\"frames_told\":%llu,\"frames_open\":%u,\"roots_compared\":%llu,"
            "\"commands_per_second\":%.0f,\"quotes_per_second\":%.0f,\"trades\":%llu,"
            "\"blocks_per_second\":%.1f",
            seconds, play->accounts_count, play->series_count,
            (unsigned long long)figures->frames_sent, (unsigned long long)figures->frames_soft,
            (unsigned long long)figures->frames_final, (unsigned long long)figures->frames_refused,
            (unsigned long long)figures->frames_away, (unsigned long long)figures->frames_reverted,
            (unsigned long long)figures->frames_told, play->frames_open,
            (unsigned long long)play->roots_compared, (double)figures->commands_final / seconds,
            (double)figures->quotes_final / seconds, (unsigned long long)figures->trades_final,
            (double)figures->blocks / seconds);
    print_latency(out, "soft", play->soft_us, play->soft_count);
    print_latency(out, "final", play->final_us, play->final_count);
    print_latency(out, "soft_to_final", play->after_soft_us, play->final_count);
    fprintf(out, ",\"longest_gap_ms\":%.1f,\"longest_block_gap_ms\":%.1f",
            (double)play->longest_gap_us / 1000, (double)play->longest_block_us / 1000);
    fputs(",\"refusals\":{", out);
    bool is_first = true;
    for (uint32_t i = 0; i < sizeof figures->refusals / sizeof figures->refusals[0]; i++) {
        if (figures->refusals[i] == 0) continue;
        const char *name = tn_reject_name((enum tn_reject)i);
        fprintf(out, "%s\"%s\":%u", is_first ? "" : ",", name == NULL ? "?" : name,
                figures->refusals[i]);
        is_first = false;
    }
    fputs("}}\n", out);
    fflush(out);
}
