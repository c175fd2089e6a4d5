/* What the files of views ask of each other. */
#ifndef NODE_CLUSTER_VIEWS_INTERNAL_H
#define NODE_CLUSTER_VIEWS_INTERNAL_H

#include "cluster/places.h"
#include "cluster/views.h"

#include "tenor/riskview.h"
#include "tenor/stateview.h"

enum {
    VIEWS_ARENA_BYTES = 4 << 20,
    VIEWS_ORDERS_MAX = 500,
    VIEWS_PAGE = 256, /* accounts of an owner, or in liquidation */
    VIEWS_ROWS_MAX = 4096,
    VIEWS_POSITIONS_MAX = 4096,
    VIEWS_SESSIONS_MAX = 255,
    VIEWS_DAYS_MAX = 256,
    VIEWS_TEXT_SIZE = 192,
};
/* Days of series count from 2020, those of the protocol from 1970. */
#define VIEWS_DAY_2020 ((uint32_t)(TN_EPOCH_2020_MS / TN_MS_PER_DAY))

struct views {
    struct wire_arena questions, answers;
    uint8_t *out;
    struct places *places;
    struct places_asked asked[VIEWS_POSITIONS_MAX];
    const struct views_world *world; /* of the question that is answered */
    char text[VIEWS_TEXT_SIZE];      /* what an Error says beside its number */
    union {
        struct tn_order_view orders[VIEWS_ORDERS_MAX + 1];
        struct tn_position_view positions[VIEWS_POSITIONS_MAX];
        struct tn_liquidation_view liquidations[VIEWS_PAGE + 1];
        struct tn_session sessions[VIEWS_SESSIONS_MAX];
        struct tn_listed_view rows[VIEWS_ROWS_MAX];
        uint32_t accounts[VIEWS_PAGE + 1];
    } room;
};

/* Memory of the answer; NULL when the arena is used up: then the answer is NO_ROOM. */
void *views_take(struct views *views, size_t size);
/* A list of `count` messages behind pointers, as protobuf-c has them; false as views_take. The
 * messages are not initialized. */
bool views_list(struct views *views, void ***list, size_t *n, size_t count, size_t message_size);
bool views_bytes(struct views *views, ProtobufCBinaryData *field, const void *bytes, size_t size);

/* Of a market by id; false: there is none. */
bool views_market(struct views *views, struct tn_market **market, uint32_t *place, uint32_t id);
Tenor__V1__MarketHead **views_heads(struct views *views, size_t *n);

/* Each fills in the body of the answer. */
enum wire_error views_cluster(struct views *views, Tenor__V1__FromNode *answer);
enum wire_error views_chain(struct views *views, Tenor__V1__FromNode *answer,
                            const Tenor__V1__GetChain *question);
enum wire_error views_account(struct views *views, Tenor__V1__FromNode *answer,
                              const Tenor__V1__GetAccount *question);
enum wire_error views_orders(struct views *views, Tenor__V1__FromNode *answer,
                             const Tenor__V1__GetOrders *question);
enum wire_error views_owner(struct views *views, Tenor__V1__FromNode *answer,
                            const Tenor__V1__GetOwner *question);
enum wire_error views_margin(struct views *views, Tenor__V1__FromNode *answer,
                             const Tenor__V1__GetMargin *question);
enum wire_error views_block(struct views *views, Tenor__V1__FromNode *answer,
                            const Tenor__V1__GetBlock *question);
enum wire_error views_liquidations(struct views *views, Tenor__V1__FromNode *answer,
                                   const Tenor__V1__GetLiquidations *question);
enum wire_error views_session(struct views *views, Tenor__V1__FromNode *answer,
                              const Tenor__V1__GetSession *question);
enum wire_error views_handovers(struct views *views, Tenor__V1__FromNode *answer,
                                const Tenor__V1__GetHandovers *question);

#endif
