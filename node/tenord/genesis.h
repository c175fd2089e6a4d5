/* genesis: what all replicas of a chain agree on before its first entry: its name, and the limits
 * of its market. A text file, `name = value` a line, '#' to the end of a line is a comment; what is
 * not named has its default. The chain id is the keccak256 of the canonical text, so two chains
 * that differ in one limit are two chains. */
#ifndef NODE_TENORD_GENESIS_H
#define NODE_TENORD_GENESIS_H

#include "tenor/replica.h"

#include <stdio.h>

#define GENESIS_NAME_SIZE 64

struct genesis {
    char name[GENESIS_NAME_SIZE];
    uint64_t market;
    uint64_t exit_blocks;
    struct tn_exchange_limits limits;
};

void genesis_default(struct genesis *genesis);
/* False after a complaint with line and column. */
bool genesis_read(struct genesis *genesis, const char *path);
/* The same of a text at hand, which is changed; text[size] is there to be written. */
bool genesis_parse(struct genesis *genesis, const char *path, char *text, size_t size);
/* The canonical text: every name, in order; with comments for people. */
void genesis_print(FILE *out, const struct genesis *genesis, bool comments);
/* Everything the replica asks for; hash_seed and cpu are local. False after a complaint when the
 * limits are out of range. */
bool genesis_limits(struct tn_replica_limits *limits, const struct genesis *genesis,
                    enum tn_cpu cpu, uint64_t hash_seed);

#endif
