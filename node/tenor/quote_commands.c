/* tenor quote, mmp, bid: what makers do, by hand. */
#include "commands.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_MAX = 255, HOUR_MS = 3600000, FEE_MAX_PPM = 10000, PPB = 1000000000 };

/* ---- Quotes -----------------------------------------------------------------------------------
 */

/* "12.5x0.4": a price and a quantity; "-": this side goes; "=": it stays as it is. */
static bool read_quote_side(struct thin *thin, tn_ticks *price, tn_lots *quantity,
                            const struct instrument *instrument, const char *text)
{
    char price_text[DECIMAL_SIZE];
    const char *cross = strchr(text, 'x');
    *price = 0;
    if (strcmp(text, "-") == 0 || strcmp(text, "=") == 0) {
        *quantity = text[0] == '-' ? 0 : TN_QUOTE_KEEP;
        return true;
    }
    if (cross == NULL || cross == text || cross[1] == '\0' ||
        (size_t)(cross - text) >= sizeof price_text) {
        return thin_refuse(thin,
                           "a side is PRICExQUANTITY like 1250x0.5, '-' to take it away or "
                           "'=' to leave it, not '%.40s'",
                           text);
    }
    memcpy(price_text, text, (size_t)(cross - text));
    price_text[cross - text] = '\0';
    return thin_price(thin, price, instrument, price_text) &&
           thin_quantity(thin, quantity, instrument, cross + 1);
}

int quote_send(struct thin *thin)
{
    static struct tn_quote quotes[ARGUMENTS_WORDS_MAX / 3];
    struct tn_command command = {.kind = TN_COMMAND_MASS_QUOTE};
    struct tn_mass_quote *quote = &command.as.mass_quote;
    uint64_t group = 0, label = 0;
    bool post = false;
    const struct argument own[] = {
        {"--group", ARGUMENT_NUMBER, &group, GROUP_MAX, "N", "of protection (0: none)"},
        {"--label", ARGUMENT_NUMBER, &label, UINT32_MAX, "N", "for cancel-all (0)"},
        {"--post", ARGUMENT_FLAG, &post, 0, NULL, "a side that would trade is rejected"},
    };
    if (!thin_options(thin, own, 3, 3, ARGUMENTS_WORDS_MAX)) return thin->end;
    if (thin->arguments.words_count % 3 != 0) {
        thin_refuse(thin, "each quote is SERIES BID ASK");
        return thin->end;
    }
    if (!thin_log_on(thin)) return thin->end;
    for (size_t i = 0; i < thin->arguments.words_count; i += 3) {
        const char *const *words = thin->arguments.words + i;
        const struct instrument *instrument = thin_find(thin, words[0]);
        struct tn_quote *one = &quotes[quote->quotes_count++];
        if (instrument == NULL) return thin->end;
        one->series_id = instrument->series_id;
        if (!read_quote_side(thin, &one->bid_price, &one->bid_quantity, instrument, words[1]) ||
            !read_quote_side(thin, &one->ask_price, &one->ask_quantity, instrument, words[2])) {
            return thin->end;
        }
    }
    quote->quotes = quotes;
    quote->group = (uint8_t)group;
    quote->label = (uint32_t)label;
    quote->post_only = post;
    quote->fee_max_ppm = FEE_MAX_PPM;
    return thin_frame(thin, &command, 1, 0);
}

/* ---- Protection -------------------------------------------------------------------------------
 */

int mmp_set(struct thin *thin)
{
    struct tn_command command = {.kind = TN_COMMAND_MMP_SET};
    struct tn_mmp_set *set = &command.as.mmp_set;
    uint64_t group = 1, interval_ms = 1000, freeze_ms = 0, quantity = 0, delta = 0, trades = 0;
    const char *vega = NULL;
    const struct argument own[] = {
        {"--group", ARGUMENT_COUNT, &group, GROUP_MAX, "N", "1 to 255 (1)"},
        {"--interval-ms", ARGUMENT_NUMBER, &interval_ms, HOUR_MS, "MS", "the window (1000)"},
        {"--freeze-ms", ARGUMENT_NUMBER, &freeze_ms, INT64_MAX, "MS", "0: until mmp reset (0)"},
        {"--lots", ARGUMENT_NUMBER, &quantity, INT64_MAX, "N", "traded in a window (no limit)"},
        {"--delta-lots", ARGUMENT_NUMBER, &delta, INT64_MAX, "N", "of delta 1 (no limit)"},
        {"--vega", ARGUMENT_TEXT, &vega, 0, "MONEY", "per volatility point (no limit)"},
        {"--trades", ARGUMENT_NUMBER, &trades, UINT32_MAX, "N", "in a window (no limit)"},
    };
    if (!thin_options(thin, own, sizeof own / sizeof own[0], 0, 0)) return thin->end;
    if (quantity == 0 && delta == 0 && trades == 0 && vega == NULL) {
        thin_refuse(thin, "which limit? at least one of --trades, --lots, --delta-lots, --vega");
        return thin->end;
    }
    if (vega != NULL && !thin_money(thin, &set->vega_limit_micros, "--vega", vega, false)) {
        return thin->end;
    }
    set->group = (uint8_t)group;
    set->interval_ms = (int64_t)interval_ms;
    set->freeze_ms = (int64_t)freeze_ms;
    set->quantity_limit = (int64_t)quantity;
    set->delta_limit = (int64_t)delta;
    set->trades_limit = (uint32_t)trades;
    if (!thin_log_on(thin)) return thin->end;
    return thin_frame(thin, &command, 1, 0);
}

static int group_command(struct thin *thin, uint8_t kind)
{
    struct tn_command command = {.kind = kind};
    uint64_t group = 1;
    const struct argument own[] = {
        {"--group", ARGUMENT_COUNT, &group, GROUP_MAX, "N", "1 to 255 (1)"}};
    if (!thin_options(thin, own, 1, 0, 0)) return thin->end;
    command.as.mmp_group = (uint8_t)group;
    if (!thin_log_on(thin) || !thin_series(thin)) return thin->end;
    return thin_frame(thin, &command, 1, 0);
}

int mmp_reset(struct thin *thin)
{
    return group_command(thin, TN_COMMAND_MMP_RESET);
}

int mmp_cancel(struct thin *thin)
{
    return group_command(thin, TN_COMMAND_MMP_CANCEL);
}

/* ---- Liquidation auctions ---------------------------------------------------------------------
 */

int bid_send(struct thin *thin)
{
    struct tn_command command = {.kind = TN_COMMAND_BID};
    uint64_t account = THIN_ANY_ACCOUNT;
    uint32_t state = 0;
    const char *share = NULL, *most = NULL;
    const struct argument own[] = {
        {"--account", ARGUMENT_NUMBER, &account, TN_NONE - 1, "N", "whose positions"},
        {"--share", ARGUMENT_TEXT, &share, 0, "PART", "of the account: 0.25 is a quarter"},
        {"--pay-most", ARGUMENT_TEXT, &most, 0, "MONEY", "for the share; negative: receives"},
        {"--state", ARGUMENT_CHOICE, &state, 0, "auction|insolvent", "that was seen (auction)"},
    };
    if (!thin_options(thin, own, 4, 0, 0)) return thin->end;
    if (account == THIN_ANY_ACCOUNT || share == NULL || most == NULL) {
        thin_refuse(thin, "a bid names --account, --share and --pay-most; tenor liquidations shows "
                          "the auctions");
        return thin->end;
    }
    if (decimal_parse(&command.as.bid.share_ppb, share, 9, false) != DECIMAL_GOOD ||
        command.as.bid.share_ppb < 1 || command.as.bid.share_ppb > PPB) {
        thin_refuse(thin, "--share is above 0 and at most 1, with up to nine decimals, not '%.40s'",
                    share);
        return thin->end;
    }
    if (!thin_money(thin, &command.as.bid.price_most, "--pay-most", most, true)) return thin->end;
    command.as.bid.account = (uint32_t)account;
    command.as.bid.state = state == 0 ? TN_LIQUIDATION_AUCTION : TN_LIQUIDATION_INSOLVENT;
    if (!thin_log_on(thin) || !thin_series(thin)) return thin->end;
    return thin_frame(thin, &command, 1, 0);
}
