/* exchange_pack: entries as a gateway has them, one after the other and no longer than they are.
 *
 * An array of struct tn_entry has most of its bytes unused, and reading it costs more than many a
 * command. So the bench keeps its stream packed and unpacks each frame, inside the clock, into a
 * ring of slots that stays in the cache. */
#ifndef EXCHANGE_PACK_H
#define EXCHANGE_PACK_H

#include <string.h>

#include "tenor/entry.h"

#define PACK_COMMANDS_MAX 16

/* One unpacked frame. */
struct pack_slot {
    struct tn_entry entry;
    struct tn_command commands[PACK_COMMANDS_MAX];
};

struct pack {
    unsigned char *bytes;
    size_t size, size_max;
    uint32_t entries_count;
};

/* What of an entry or command is in use, in bytes; multiples of 8. */
static inline size_t pack_entry_size(const struct tn_entry *entry)
{
    const size_t head = offsetof(struct tn_entry, as);
    switch (entry->kind) {
        case TN_ENTRY_FRAME: return head + sizeof(entry->as.frame);
        case TN_ENTRY_BLOCK: return head + sizeof(entry->as.block);
        case TN_ENTRY_MARKS: return head + sizeof(entry->as.marks);
        default: return sizeof(*entry);
    }
}

static inline size_t pack_command_size(const struct tn_command *command)
{
    const size_t head = offsetof(struct tn_command, as);
    switch (command->kind) {
        case TN_COMMAND_PLACE: return head + sizeof(command->as.terms[0]);
        case TN_COMMAND_CANCEL: return head + sizeof(command->as.cancel);
        case TN_COMMAND_REPLACE: return head + sizeof(command->as.replace);
        case TN_COMMAND_MASS_QUOTE: return head + sizeof(command->as.mass_quote);
        default: return sizeof(*command);
    }
}

/* pack_size_max is the most bytes that a frame of these commands can take, or a block, or marks. */
static inline size_t pack_size_max(uint32_t commands)
{
    struct tn_command longest = {.kind = TN_COMMAND_PLACE};
    return sizeof(struct tn_entry) + commands * pack_command_size(&longest);
}

static inline void pack_add(struct pack *pack, const struct tn_entry *entry)
{
    size_t size = pack_entry_size(entry);
    TN_ASSERT(pack->size + size <= pack->size_max);
    memcpy(pack->bytes + pack->size, entry, size);
    pack->size += size;
    pack->entries_count++;
    for (uint32_t i = 0; entry->kind == TN_ENTRY_FRAME && i < entry->as.frame.commands_count; i++) {
        const struct tn_command *command = &entry->as.frame.commands[i];
        size = pack_command_size(command);
        TN_ASSERT(i < PACK_COMMANDS_MAX && pack->size + size <= pack->size_max);
        memcpy(pack->bytes + pack->size, command, size);
        pack->size += size;
    }
}

/* pack_take unpacks the entry at `bytes` into a slot and returns where the next one starts. */
static inline const unsigned char *pack_take(struct pack_slot *slot, const unsigned char *bytes)
{
    for (size_t line = 0; line < 256; line += 64)
        __builtin_prefetch(bytes + 2048 + line);
    size_t size = pack_entry_size((const struct tn_entry *)(const void *)bytes);
    memcpy(&slot->entry, bytes, size);
    bytes += size;
    if (slot->entry.kind != TN_ENTRY_FRAME) return bytes;
    slot->entry.as.frame.commands = slot->commands;
    for (uint32_t i = 0; i < slot->entry.as.frame.commands_count; i++) {
        size = pack_command_size((const struct tn_command *)(const void *)bytes);
        memcpy(&slot->commands[i], bytes, size);
        bytes += size;
    }
    return bytes;
}

#endif
