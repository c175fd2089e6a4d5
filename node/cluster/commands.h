/* The commands of tenord that are about a set of nodes. */
#ifndef NODE_CLUSTER_COMMANDS_H
#define NODE_CLUSTER_COMMANDS_H

int start_command(int arguments_count, char **arguments);
int testnet_command(int arguments_count, char **arguments);
int status_command(int arguments_count, char **arguments);
int config_command(int arguments_count, char **arguments);
int init_command(int arguments_count, char **arguments);

#endif
