/* settings: what an operator decides about a node: tenord.toml.
 *
 * One table (settings/table.c) has every setting with its kind, range, default and one sentence;
 * reading, checking, printing and docs/config.md come from it. A file that is refused changes
 * nothing, and the refusal names the file, the line, the column and the next step. */
#ifndef NODE_SETTINGS_SETTINGS_H
#define NODE_SETTINGS_SETTINGS_H

#include "gateway/gateway.h"
#include "logger/logger.h"
#include "tenor/crypto.h"
#include "tenor/peer.h"

#include <stdio.h>

#define SETTINGS_PATH_SIZE    4096u
#define SETTINGS_TEXT_SIZE    256u
#define SETTINGS_PROBLEM_SIZE 1024u
#define SETTINGS_FILE_MAX     (1u << 20) /* bytes of tenord.toml */
#define SETTINGS_PEERS_MAX    TN_PEERS_MAX
#define SETTINGS_LEVEL_SAME   4u /* of log.levels: as log.level */

/* Paths are whole: relative ones of the file stand behind the home. "" : not set. */
struct settings_peer {
    struct tn_public_key key;
    char address[SETTINGS_TEXT_SIZE]; /* HOST:PORT; "" : it dials us */
    char clients[SETTINGS_TEXT_SIZE]; /* HOST:PORT, where it serves clients; "" : not known */
    char certificate[SETTINGS_PATH_SIZE];
};

struct settings_node {
    char name[SETTINGS_TEXT_SIZE];
    char key[SETTINGS_PATH_SIZE];      /* file of the vote key */
    char identity[SETTINGS_PATH_SIZE]; /* file of the TLS certificate and its key, for peers */
    char listen[SETTINGS_TEXT_SIZE];   /* for peers; "" : nobody dials us */
    uint8_t transport;                 /* 0: own sockets, 1: nng */
    bool follow;                       /* lead no market */
    uint64_t behind_blocks;            /* 0: the engine's default */
    uint64_t sync_patience_ms;         /* for a state that nobody has, before blocks are tried */
    bool huge_pages;                   /* for the tables of markets and chain */
    uint64_t key_tables;               /* of keys whose signatures are checked often; 0: none */
};

struct settings_clients {
    char listen[SETTINGS_TEXT_SIZE];   /* TLS; "" : no gateway */
    char address[SETTINGS_TEXT_SIZE];  /* what clients are told to dial; "" : listen */
    char socket[SETTINGS_PATH_SIZE];   /* the local socket of tools */
    char identity[SETTINGS_PATH_SIZE]; /* certificate chain and key, PEM; may be renewed */
    struct gateway_limits limits;      /* [clients.limits]: its names without _ms and _bytes */
};

struct settings_metrics {
    char listen[SETTINGS_TEXT_SIZE]; /* "" : no http */
    uint64_t connections_max, request_ms;
    uint64_t ready_lag_blocks; /* further behind than that is not ready */
    uint64_t ready_feed_ms;    /* market data older than that is not ready */
};

struct settings_log {
    uint8_t format;                 /* enum logger_format */
    uint8_t levels[LOGGER_MODULES]; /* enum logger_level, or SETTINGS_LEVEL_SAME */
    uint8_t level;                  /* of all that have none of their own */
    bool blocks;                    /* one line a block */
};

struct settings_store {
    uint64_t checkpoint_blocks;
    uint64_t segment_bytes;
    uint64_t stream_hours; /* 0: accounts' messages are in memory alone */
    bool archive;
};

struct settings {
    char home[SETTINGS_PATH_SIZE];
    struct settings_node node;
    struct settings_clients clients;
    struct settings_metrics metrics;
    struct settings_log log;
    struct settings_store store;
    struct settings_peer peers[SETTINGS_PEERS_MAX];
    uint32_t peers_count;
};

/* All defaults, without peers. Cost: the size of the struct, which is some hundred KiB: take it
 * from malloc. */
void settings_default(struct settings *settings, const char *home);

/* settings_read reads HOME/tenord.toml, settings_read_text the text of a file called `name`.
 * False: problem says "FILE:LINE:COLUMN: what is wrong; what to do", and *settings is of no use.
 */
bool settings_read(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                   const char *home);
bool settings_read_text(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                        const char *home, const char *name, const char *text, size_t size);

/* Sets one setting as the command line says it: "metrics.listen=127.0.0.1:0", the value without
 * quotes. */
bool settings_override(struct settings *settings, char problem[SETTINGS_PROBLEM_SIZE],
                       const char *assignment);

/* What a running node can take up without a restart: those settings of `from` that say so are
 * copied to `to`. What differs and needs a restart is named in `rest`, separated by spaces (cut
 * when too long); the answer is how many those are. */
uint32_t settings_reload(struct settings *to, char rest[SETTINGS_PROBLEM_SIZE],
                         const struct settings *from);

/* The levels of the logger become those of the settings. */
void settings_apply_log(const struct settings *settings);

/* Effective values as a tenord.toml that reads back to the same; a secret is never among them. */
void settings_print(FILE *out, const struct settings *settings);
/* The file that `tenord init` and `tenord testnet` write: the values that are not defaults, and
 * every other setting as a comment. */
void settings_print_commented(FILE *out, const struct settings *settings);
/* docs/config.md. */
void settings_print_reference(FILE *out);

#endif
