/* The interface of links: checks what every kind of link may rely on, then calls the kind.
 *
 * The asserts here are the caller's half of the contract, so that the three kinds need not agree on
 * them one by one. */
#include "link/internal.h"

const char *link_reason_text(enum link_reason reason)
{
    static const char *const texts[] = {
#define X(name, text) text,
        LINK_REASON_TABLE(X)
#undef X
    };
    TN_ASSERT((unsigned)reason < LINK_REASONS);
    return texts[reason];
}

void link_poll(struct link *link, struct link_event *event, int64_t timeout_ms)
{
    link->calls->poll(link, event, timeout_ms);
}

enum link_sent link_send(struct link *link, uint16_t peer, enum tn_priority priority,
                         const void *bytes, size_t size)
{
    TN_ASSERT((unsigned)priority < TN_PRIORITIES);
    TN_ASSERT(bytes != NULL && size > 0);
    TN_ASSERT(size <= tn_peer_bytes_max(*(const uint8_t *)bytes));
    return link->calls->send(link, peer, priority, bytes, size);
}

void link_flush(struct link *link)
{
    link->calls->flush(link);
}

size_t link_room(const struct link *link, uint16_t peer, enum tn_priority priority)
{
    TN_ASSERT((unsigned)priority < TN_PRIORITIES);
    return link->calls->room(link, peer, priority);
}

int link_fd(const struct link *link)
{
    return link->calls->fd(link);
}

int64_t link_wait_ms(const struct link *link)
{
    return link->calls->wait_ms(link);
}

bool link_peer_statistics(const struct link *link, struct link_peer_statistics *statistics,
                          uint16_t peer)
{
    return link->calls->peer_statistics(link, statistics, peer);
}

void link_statistics(const struct link *link, struct link_statistics *statistics)
{
    link->calls->statistics(link, statistics);
}

void link_close(struct link *link)
{
    if (link != NULL) link->calls->close(link);
}
