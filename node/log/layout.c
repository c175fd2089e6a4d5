/* The log's bytes. All numbers are little-endian; these files never leave their machine.
 *
 * A head is covered by its own checksum, the body by one that runs from record to record and begins
 * with the chain, and the last of those stands in the head: so the checksum of one head stands for
 * all that came before it, and bytes of another history cannot go on from it. */
#include "log/layout.h"

#include "tenor/crypto.h"

#include <string.h>

static const uint8_t segment_magic[8] = {'T', 'E', 'N', 'O', 'R', 'L', 'O', 'G'};
static const uint8_t group_magic[4] = {'T', 'N', 'L', 'G'};

static void put32(uint8_t *place, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        place[i] = (uint8_t)(value >> 8 * i);
}

static void put64(uint8_t *place, uint64_t value)
{
    put32(place, (uint32_t)value);
    put32(place + 4, (uint32_t)(value >> 32));
}

static uint32_t get32(const uint8_t *place)
{
    return (uint32_t)place[0] | (uint32_t)place[1] << 8 | (uint32_t)place[2] << 16 |
           (uint32_t)place[3] << 24;
}

static uint64_t get64(const uint8_t *place)
{
    return get32(place) | (uint64_t)get32(place + 4) << 32;
}

void log_segment_encode(uint8_t *page, struct log_segment_head *head, enum tn_cpu cpu)
{
    TN_ASSERT(head->segment_bytes % LOG_PAGE_BYTES == 0);
    TN_ASSERT(head->previous_end <= head->base);
    TN_ASSERT(head->version == LOG_VERSION_ZEROS || head->version == LOG_VERSION_AGAIN);
    memset(page, 0, LOG_PAGE_BYTES);
    memcpy(page, segment_magic, 8);
    put32(page + 8, head->version);
    put32(page + 12, LOG_PAGE_BYTES);
    put64(page + 16, head->log_id);
    put64(page + 24, head->life);
    put64(page + 32, head->base);
    put64(page + 40, head->segment_bytes);
    put64(page + 48, head->first_position);
    put64(page + 56, head->previous_end);
    put32(page + 64, head->chain);
    head->crc = tn_crc32c(0, cpu, page, 68);
    put32(page + 68, head->crc);
}

/* Values that would make later sums run over, or that log_segment_encode never writes. */
static bool segment_possible(const struct log_segment_head *head)
{
    return head->segment_bytes >= LOG_SEGMENT_BYTES_MIN &&
           head->segment_bytes <= LOG_SEGMENT_BYTES_MAX &&
           head->segment_bytes % LOG_PAGE_BYTES == 0 && head->base % LOG_PAGE_BYTES == 0 &&
           head->base < UINT64_MAX / 4 && head->previous_end <= head->base &&
           head->first_position >= 1 && head->first_position < UINT64_MAX / 4;
}

enum log_head_state log_segment_decode(struct log_segment_head *head, uint32_t *version,
                                       enum tn_cpu cpu, const uint8_t *page)
{
    if (memcmp(page, segment_magic, 8) != 0) return LOG_HEAD_FOREIGN;
    *version = get32(page + 8);
    if (*version != LOG_VERSION_ZEROS && *version != LOG_VERSION_AGAIN) return LOG_HEAD_VERSION;
    *head = (struct log_segment_head){
        .version = *version,
        .log_id = get64(page + 16),
        .life = get64(page + 24),
        .base = get64(page + 32),
        .segment_bytes = get64(page + 40),
        .first_position = get64(page + 48),
        .previous_end = get64(page + 56),
        .chain = get32(page + 64),
        .crc = get32(page + 68),
    };
    if (get32(page + 12) != LOG_PAGE_BYTES) return LOG_HEAD_WRONG;
    if (head->crc != tn_crc32c(0, cpu, page, 68)) return LOG_HEAD_WRONG;
    return segment_possible(head) ? LOG_HEAD_GOOD : LOG_HEAD_WRONG;
}

void log_group_encode(uint8_t *bytes, struct log_group_head *head, enum tn_cpu cpu)
{
    TN_ASSERT(head->durable_before <= head->previous_end);
    memcpy(bytes, group_magic, 4);
    put64(bytes + 8, head->log_id);
    put64(bytes + 16, head->life);
    put64(bytes + 24, head->previous_end);
    put64(bytes + 32, head->durable_before);
    put64(bytes + 40, head->first_position);
    put32(bytes + 48, head->body_bytes);
    put32(bytes + 52, head->records_count);
    put32(bytes + 56, head->chain);
    put32(bytes + 60, head->body_crc);
    head->crc = tn_crc32c(0, cpu, bytes + 8, LOG_GROUP_HEAD_BYTES - 8);
    put32(bytes + 4, head->crc);
}

bool log_group_decode(struct log_group_head *head, enum tn_cpu cpu, const uint8_t *bytes)
{
    if (memcmp(bytes, group_magic, 4) != 0) return false;
    *head = (struct log_group_head){
        .log_id = get64(bytes + 8),
        .life = get64(bytes + 16),
        .previous_end = get64(bytes + 24),
        .durable_before = get64(bytes + 32),
        .first_position = get64(bytes + 40),
        .body_bytes = get32(bytes + 48),
        .records_count = get32(bytes + 52),
        .chain = get32(bytes + 56),
        .body_crc = get32(bytes + 60),
        .crc = get32(bytes + 4),
    };
    return head->crc == tn_crc32c(0, cpu, bytes + 8, LOG_GROUP_HEAD_BYTES - 8);
}

uint64_t log_group_bytes(uint64_t body_bytes)
{
    uint64_t bytes = LOG_GROUP_HEAD_BYTES + body_bytes;
    return (bytes + LOG_PAGE_BYTES - 1) / LOG_PAGE_BYTES * LOG_PAGE_BYTES;
}

static uint32_t record_crc(uint32_t crc, enum tn_cpu cpu, const uint8_t *place, uint32_t size)
{
    return tn_crc32c(crc, cpu, place + 4, LOG_RECORD_HEAD_BYTES - 4 + (size_t)size);
}

uint32_t log_record_encode(uint8_t *place, uint32_t crc, enum tn_cpu cpu, uint8_t type,
                           const void *bytes, uint32_t size)
{
    TN_ASSERT(bytes != NULL || size == 0);
    put32(place + 4, size);
    place[8] = type;
    if (size > 0) memcpy(place + LOG_RECORD_HEAD_BYTES, bytes, size);
    uint32_t next = record_crc(crc, cpu, place, size);
    put32(place, next);
    return next;
}

bool log_record_decode(struct log_record_head *head, const uint8_t *place, uint64_t left)
{
    if (left < LOG_RECORD_HEAD_BYTES) return false;
    *head = (struct log_record_head){get32(place), get32(place + 4), place[8]};
    return head->size <= left - LOG_RECORD_HEAD_BYTES;
}

bool log_group_holds(const struct log_group_head *head, enum tn_cpu cpu, const uint8_t *body)
{
    uint64_t offset = 0;
    uint32_t count = 0;
    uint32_t crc = head->chain;
    while (offset < head->body_bytes) {
        struct log_record_head record;
        if (!log_record_decode(&record, body + offset, head->body_bytes - offset)) return false;
        crc = record_crc(crc, cpu, body + offset, record.size);
        if (crc != record.crc) return false;
        offset += LOG_RECORD_HEAD_BYTES + (uint64_t)record.size;
        count++;
    }
    return count == head->records_count && crc == head->body_crc;
}
