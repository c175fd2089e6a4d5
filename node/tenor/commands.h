/* commands: every command of the thin client; main.c has the table. One file a group. */
#ifndef NODE_TENOR_COMMANDS_H
#define NODE_TENOR_COMMANDS_H

#include "thin.h"

/* commands.c */
extern const struct command commands[];
extern const size_t commands_count;

/* key_commands.c */
int key_new(struct thin *thin);
int key_list(struct thin *thin);
int key_show(struct thin *thin);
int key_import(struct thin *thin);
int key_export(struct thin *thin);

/* account_commands.c */
int account_show(struct thin *thin);
int account_list(struct thin *thin);
int account_open(struct thin *thin);
int account_positions(struct thin *thin);
int account_margin(struct thin *thin);
int session_new(struct thin *thin);
int session_list(struct thin *thin);
int session_revoke(struct thin *thin);
int session_export(struct thin *thin);

/* money_commands.c */
int money_faucet(struct thin *thin);
int money_deposit(struct thin *thin);
int money_withdraw(struct thin *thin);
int money_transfer(struct thin *thin);

/* market_commands.c */
int market_list(struct thin *thin);
int market_chain(struct thin *thin);
int market_book(struct thin *thin);
int market_ticker(struct thin *thin);
int market_trades(struct thin *thin);

/* order_commands.c */
int order_place(struct thin *thin);
int order_replace(struct thin *thin);
int order_cancel(struct thin *thin);
int order_cancel_all(struct thin *thin);
int order_list(struct thin *thin);

/* quote_commands.c */
int quote_send(struct thin *thin);
int mmp_set(struct thin *thin);
int mmp_reset(struct thin *thin);
int mmp_cancel(struct thin *thin);
int bid_send(struct thin *thin);

/* watch_command.c */
int watch_blocks(struct thin *thin);
int watch_trades(struct thin *thin);
int watch_book(struct thin *thin);
int watch_ticker(struct thin *thin);
int watch_account(struct thin *thin);
int watch_liquidations(struct thin *thin);

/* cluster_commands.c */
int cluster_show(struct thin *thin);
int cluster_block(struct thin *thin);
int liquidations_list(struct thin *thin);
int completion_bash(struct thin *thin);

/* proof_get.c, proof_check.c */
int proof_get(struct thin *thin);

#endif
