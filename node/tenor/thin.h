/* thin: what a command of the thin client has in its hands: its options, a connection, the market's
 * series, and a place to say things.
 *
 * A command is a straight line: it reads its options, connects, asks and waits, prints, ends. Each
 * step is false when the command is over; `end` then says how, and the complaint is already made.
 *
 *     if (!thin_options(thin, …) || !thin_connect(thin)) return thin->end;
 *     if (!thin_ask(thin, &question, take, &answer)) return thin->end;
 *     output_…(thin->output, …);
 *     return thin_done(thin); */
#ifndef NODE_TENOR_THIN_H
#define NODE_TENOR_THIN_H

#include "arguments.h"
#include "instrument.h"
#include "keyring.h"
#include "output.h"
#include "tenor/client.h"
#include "tenor/client_net.h"

struct thin_with { /* options that all share */
    const char *net, *node, *trust, *chain, *key;
    uint64_t market, seconds;
    bool has_seconds; /* --timeout was given */
    uint32_t format;  /* 0 not said, 1 table, 2 json */
    uint32_t wait;    /* 0 final, 1 soft */
    bool forced;      /* by a block, past the leader */
};

/* What a wait is for. take: true when it is over. */
struct thin_wait {
    uint64_t tag;
    bool (*take)(void *context, const struct tn_client_news *news);
    void *context;
    bool is_done, is_refused;
};

struct thin {
    const struct command *command;
    int texts_count;
    char **texts; /* behind the command's words */
    struct arguments arguments;
    struct thin_with with;
    int end;
    struct output *output;

    struct tn_client_net net;
    struct tn_client *client;
    struct keyring_session session; /* after thin_log_on */
    struct instruments instruments; /* after thin_series */
    uint64_t tag;                   /* the last one used */
    struct thin_wait wait;
    uint32_t lost_count; /* connections that failed or broke */
    bool is_closed;      /* and the client tries no more */
    bool is_reported;    /* the reason of the end was told */
    bool is_wait_told;   /* that it waits was told */
    char why[TN_CLIENT_WHY_SIZE];
    struct tn_news_error error; /* the last one that no question had; text in `why` */
    /* Everything that no wait took. */
    void (*heard)(void *context, const struct tn_client_news *news);
    void *heard_context;
};

/* ---- thin.c ------------------------------------------------------------------------------------
 */

/* Reads the arguments; false after --help or a complaint. */
bool thin_options(struct thin *thin, const struct argument *own, size_t own_count, size_t words_min,
                  size_t words_max);
/* For a command whose answer is a stream of lines. */
bool thin_options_stream(struct thin *thin, const struct argument *own, size_t own_count,
                         size_t words_min, size_t words_max);
/* A usage that is wrong: "tenor order place: …; see …"; always false. */
bool thin_refuse(struct thin *thin, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Anything else that ends it; always false. */
bool thin_fail(struct thin *thin, int end, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A no by its number (docs/errors.md): number, name, sentence, hint; always false. */
bool thin_reject(struct thin *thin, uint32_t code, const char *text);

/* Where the net is: chain, nodes, keys of a testnet. */
bool thin_net(struct thin *thin);
uint32_t thin_market(const struct thin *thin);
const char *thin_key(const struct thin *thin); /* its name */

bool thin_connect(struct thin *thin);
/* With the session of the key's account. */
bool thin_log_on(struct thin *thin);
bool thin_ask(struct thin *thin, const struct tn_question *question,
              bool (*take)(void *context, const struct tn_client_news *news), void *context);
bool thin_item(struct thin *thin, const struct tn_block_item *item,
               const struct tn_secret_key *signer);
/* Turns until wait.is_done, or so long. False: over, with `end`. */
bool thin_turn_until_done(struct thin *thin, int64_t wait_ms, const char *what);
/* Turns for that long, whatever happens; false when the client has given up. */
bool thin_turn_for(struct thin *thin, int64_t wait_ms);
int64_t thin_clock_ms(void);

/* Prints what there is; the command's end. */
int thin_done(struct thin *thin);
void thin_free(struct thin *thin);

/* ---- thin_market.c: series
 * -----------------------------------------------------------------------
 */
/* Once: the market's series by name and id. */
bool thin_series(struct thin *thin);
const struct instrument *thin_find(struct thin *thin, const char *name); /* NULL: complained */
bool thin_price(struct thin *thin, tn_ticks *price, const struct instrument *instrument,
                const char *text);
bool thin_quantity(struct thin *thin, tn_lots *quantity, const struct instrument *instrument,
                   const char *text);
/* "12.50" of money; of any sign when `any`. */
bool thin_money(struct thin *thin, tn_micros *micros, const char *what, const char *text, bool any);
bool thin_side(struct thin *thin, uint8_t *side, const char *text); /* buy, sell */
void thin_put_price(struct thin *thin, const char *name, uint64_t series_id, tn_ticks price);
void thin_put_quantity(struct thin *thin, const char *name, uint64_t series_id, tn_lots quantity);
void thin_put_series(struct thin *thin, uint64_t series_id); /* "series" */
/* Micros of one lot, as those of one unit. */
void thin_put_of_unit(struct thin *thin, const char *name, uint64_t series_id, tn_micros micros);

/* ---- thin_frame.c: frames and their results
 * ------------------------------------------------------
 */
/* Sends, waits, prints the results; the command's end. client_id 0: none, for what to do when it is
 * not known what became of it. */
int thin_frame(struct thin *thin, const struct tn_command *commands, uint32_t count,
               uint64_t client_id);
/* A row of a table of EVENT_COLUMNS. */
#define EVENT_COLUMNS "event series side?? price# quantity# remaining#? order_id# money# note"
void thin_put_event(struct thin *thin, const struct tn_event *event);
/* Fields of an event in a stream. */
const char *event_name(uint8_t kind);
const char *event_reason(uint8_t reason);

/* ---- thin_account.c: accounts and sessions
 * -------------------------------------------------------
 */
struct thin_account {
    bool exists;
    uint32_t account;
    struct tn_address owner;
    tn_micros cash_micros;
    uint64_t nonce_top;
};
/* The address of the key's owner, and the key. */
bool thin_owner(struct thin *thin, struct tn_secret_key *key, struct tn_address *owner);
/* Its first account in the market; exists false: none yet. */
bool thin_first_account(struct thin *thin, struct thin_account *account,
                        const struct tn_address *owner);
bool thin_account_state(struct thin *thin, struct thin_account *account, uint32_t number);
/* The account that a command is about: --account, else the key's. */
bool thin_account_of(struct thin *thin, uint32_t *account, uint64_t number);
bool thin_open_account(struct thin *thin, struct thin_account *account,
                       const struct tn_secret_key *key, const struct tn_address *owner,
                       uint8_t model);
/* A new session of the account, into the keyring. */
bool thin_open_session(struct thin *thin, const struct thin_account *account,
                       const struct tn_secret_key *owner, uint32_t scope, int64_t expires_ms);
bool thin_deposit(struct thin *thin, uint32_t account, uint32_t asset, int64_t amount);

#define THIN_ANY_ACCOUNT UINT64_MAX

#endif
