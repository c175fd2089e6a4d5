/* loop_soft: what the desks of this node apply, and who leads its markets, on the way to the
 * gateway before it is final (desk_teller.h). Both threads call, each with the desks held; the ring
 * is published when they are released. */
#include "cluster/desk_teller.h"
#include "cluster/loop_internal.h"

#include <string.h>

static uint32_t place_of(const struct loop *loop, uint32_t market)
{
    const struct tn_chain_limits *limits = &loop->set->limits;
    for (uint32_t i = 0; i < limits->markets_count; i++) {
        if (limits->markets[i].market == market) return i;
    }
    return TN_NONE;
}

/* ---- Who leads ---------------------------------------------------------------------------------
 */

static void fill_lead(struct loop *loop, struct port_lead *lead, uint32_t place, uint32_t term)
{
    struct tn_chain *chain = tn_member_chain(loop->member);
    const struct tn_chain_stream *stream = &tn_chain_heads(chain)->streams[place];
    struct tn_public_key key;
    uint16_t id;
    *lead =
        (struct port_lead){.market = stream->market, .term = term, .sequence = stream->sequence};
    if (!tn_registry_leader(tn_chain_registry(chain), &id, &key, stream->market, term)) return;
    lead->is_own = gate_is_own(loop, &key);
    const char *clients = gate_clients_of(loop, &key);
    if (clients != NULL) snprintf(lead->clients, sizeof lead->clients, "%s", clients);
}

static void tell_lead(struct loop *loop, uint32_t place, uint32_t term, bool leads)
{
    struct port_lead lead;
    fill_lead(loop, &lead, place, term);
    lead.leads = leads && loop->desks.member != NULL;
    desk_teller_lead(loop->desks.teller, &lead);
}

/* Within hold and release. */
void loop_soft_leads(void *context, uint32_t market, bool leads)
{
    struct loop *loop = context;
    const uint32_t place = place_of(loop, market);
    if (loop->desks.teller == NULL || place == TN_NONE) return;
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(loop->member));
    tell_lead(loop, place, heads->streams[place].term, leads);
}

/* A block that is being executed has put another term in the place of ours, or of somebody's. */
void loop_soft_term(struct loop *loop, uint32_t market, uint32_t term)
{
    const uint32_t place = place_of(loop, market);
    if (loop->desks.teller == NULL || loop->desks.member == NULL || place == TN_NONE) return;
    loop_hold(loop);
    tell_lead(loop, place, term, false);
    loop_release(loop);
}

/* The way to the desks is open from now on, or closed. Within hold and release. */
void loop_soft_follow(struct loop *loop)
{
    struct tn_desk_place next;
    if (loop->desks.teller == NULL || loop->member == NULL) return;
    const struct tn_chain_heads *heads = tn_chain_heads(tn_member_chain(loop->member));
    for (uint32_t i = 0; i < loop->set->limits.markets_count; i++) {
        const bool leads = tn_member_desk_market(loop->member, &next, i) != NULL;
        tell_lead(loop, i, heads->streams[i].term, leads);
    }
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

void loop_soft_step(void *context, uint32_t market, const struct tn_desk_place *place,
                    const struct tn_market *desk, const struct tn_market_step *step)
{
    struct loop *loop = context;
    if (loop->desks.teller != NULL) {
        desk_teller_step(loop->desks.teller, market, place, desk, step);
    }
}

/* ---- On the gateway's thread -------------------------------------------------------------------
 */

/* The desk's market, if the teller may tell of it. */
static const struct tn_market *desk_of(struct loop *loop, struct tn_desk_place *next,
                                       uint32_t market)
{
    const uint32_t place = place_of(loop, market);
    if (loop->desks.member == NULL || place == TN_NONE) return NULL;
    return tn_member_desk_market(loop->desks.member, next, place);
}

static void want(void *context, struct port_lead *lead, uint32_t market)
{
    struct loop *loop = context;
    struct tn_desk_place next;
    desk_teller_now(loop->desks.teller, lead, market);
    const struct tn_market *desk = desk_of(loop, &next, market);
    lead->leads = lead->leads && desk != NULL;
    if (lead->leads) desk_teller_want(loop->desks.teller, market, &next, desk);
}

static void leave(void *context, uint32_t market)
{
    struct loop *loop = context;
    desk_teller_leave(loop->desks.teller, market);
}

static bool part(void *context, uint32_t market)
{
    struct loop *loop = context;
    struct tn_desk_place next;
    const struct tn_market *desk = desk_of(loop, &next, market);
    return desk != NULL && desk_teller_part(loop->desks.teller, market, &next, desk);
}

void loop_soft_fill(struct gateway_direct *direct, struct loop *loop)
{
    if (loop->desks.teller == NULL) return;
    direct->soft = desk_teller_port(loop->desks.teller);
    direct->want = want;
    direct->leave = leave;
    direct->part = part;
}
