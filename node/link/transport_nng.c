/* The transport by nng: its dialler, its listener, its threads.
 *
 * nng's thread only puts what it accepted on a short list and goes on while there is room. An
 * accept that failed is tried again at the next tick, never at once: nng 1.5 can answer at once and
 * for ever, which would be a busy loop. A dial that is given up is cancelled; what belongs to it is
 * freed when nng says that it is done with it. */
#include "link/certificate.h"
#include "link/node.h"

#include <nng/supplemental/tls/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A TLS configuration that trusts exactly these certificates (PEM, concatenated; "": nobody). NULL:
 * link->problem says why. */
static nng_tls_config *tls_config(struct link_nng *link, nng_tls_mode mode, const char *trusted)
{
    nng_tls_config *config = NULL;
    int error = nng_tls_config_alloc(&config, mode);
    if (error == 0)
        error = nng_tls_config_own_cert(config, link->certificate, link->private_key, NULL);
    if (error == 0 && trusted[0] != '\0') error = nng_tls_config_ca_chain(config, trusted, NULL);
    if (error == 0) error = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
    if (error == 0) error = nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2);
    if (error == 0 && mode == NNG_TLS_MODE_CLIENT)
        error = nng_tls_config_server_name(config, CERTIFICATE_NAME);
    if (error == 0) return config;
    link_say(link, "cannot set TLS up: %s", nng_strerror(error));
    if (config != NULL) nng_tls_config_free(config);
    return NULL;
}

/* ---- Dials -------------------------------------------------------------------------------------
 */

static void on_dialled(void *context)
{
    struct dial *dial = context;
    struct link_nng *link = dial->link;
    atomic_store(&dial->done, true);
    atomic_store(&link->news, true);
    stream_waker_signal(&link->waker);
}

static bool dial_open_nng(struct dial *dial, const struct peer *peer)
{
    struct link_nng *link = dial->link;
    char url[320];
    snprintf(url, sizeof url, "tls+tcp://%s", peer->address);
    nng_tls_config *config = tls_config(link, NNG_TLS_MODE_CLIENT, peer->certificate);
    int error = config == NULL ? NNG_EINVAL : nng_stream_dialer_alloc(&dial->dialer, url);
    if (error == 0) error = nng_stream_dialer_set_ptr(dial->dialer, NNG_OPT_TLS_CONFIG, config);
    if (error == 0) error = nng_stream_dialer_set_bool(dial->dialer, NNG_OPT_TCP_NODELAY, true);
    if (error == 0) error = nng_aio_alloc(&dial->aio, on_dialled, dial);
    if (config != NULL) nng_tls_config_free(config); /* the dialler holds it */
    if (error == 0) {
        nng_aio_set_timeout(dial->aio, NNG_DURATION_INFINITE);
        return true;
    }
    if (config != NULL) link_say(link, "cannot dial %s: %s", peer->address, nng_strerror(error));
    if (dial->dialer != NULL) nng_stream_dialer_free(dial->dialer);
    return false;
}

static void dial_begin(struct dial *dial)
{
    nng_stream_dialer_dial(dial->dialer, dial->aio);
}

static void dial_tick_nng(struct dial *dial)
{
    (void)dial; /* nng calls */
}

static void dial_cancel(struct dial *dial)
{
    nng_aio_cancel(dial->aio);
}

/* As a socket's stream would have it (stream_socket.c). */
static enum link_reason reason_of(int error)
{
    switch (error) {
        case NNG_ECONNREFUSED:
        case NNG_EUNREACHABLE: return LINK_REASON_ABSENT;
        case NNG_ECANCELED: return LINK_REASON_TIMEOUT; /* it was given up */
        case NNG_ENOMEM: return LINK_REASON_MEMORY;
    }
    return LINK_REASON_BROKEN;
}

static struct stream *dial_end(struct dial *dial)
{
    nng_aio_wait(dial->aio); /* the callback has only its return left */
    int error = nng_aio_result(dial->aio);
    struct stream *stream = NULL;
    if (error == 0) {
        stream = stream_nng_open(nng_aio_get_output(dial->aio, 0), &dial->link->waker);
        error = stream == NULL ? NNG_ENOMEM : 0;
    }
    dial->reason = error == 0 ? LINK_REASON_NONE : reason_of(error);
    const bool is_told = dial->reason == LINK_REASON_ABSENT || dial->reason == LINK_REASON_TIMEOUT;
    dial->why = is_told ? link_reason_text(dial->reason) : nng_strerror(error);
    return stream;
}

static void dial_close(struct dial *dial)
{
    nng_stream_dialer_close(dial->dialer);
    if (dial->dialling) nng_aio_cancel(dial->aio);
}

static void dial_free(struct dial *dial)
{
    nng_aio_stop(dial->aio);
    if (dial->dialling && nng_aio_result(dial->aio) == 0) {
        nng_stream *stream = nng_aio_get_output(dial->aio, 0);
        nng_stream_close(stream);
        nng_stream_free(stream);
    }
    nng_aio_free(dial->aio);
    nng_stream_dialer_free(dial->dialer);
}

/* ---- The listener ------------------------------------------------------------------------------
 */

static void on_accepted(void *context)
{
    struct link_nng *link = context;
    struct listener *listener = &link->listener;
    nng_stream *refused = NULL;
    bool again = false;
    pthread_mutex_lock(&listener->mutex);
    if (nng_aio_result(listener->aio) == 0) {
        nng_stream *stream = nng_aio_get_output(listener->aio, 0);
        if (listener->accepted_count < ACCEPTED_MAX)
            listener->accepted[listener->accepted_count++] = stream;
        else
            refused = stream;
        again = listener->accepted_count < ACCEPTED_MAX && !listener->renew;
    } else {
        listener->errors++;
    }
    listener->accepting = again;
    if (again) nng_stream_listener_accept(listener->nng, listener->aio);
    atomic_store(&link->news, true);
    stream_waker_signal(&link->waker);
    pthread_mutex_unlock(&listener->mutex);
    if (refused != NULL) {
        nng_stream_close(refused);
        nng_stream_free(refused);
    }
}

static bool set_trusted(struct link_nng *link)
{
    char *trusted = listener_trusted(link);
    if (trusted == NULL) return false;
    nng_tls_config *config = tls_config(link, NNG_TLS_MODE_SERVER, trusted);
    free(trusted);
    if (config == NULL) return false;
    int error = nng_stream_listener_set_ptr(link->listener.nng, NNG_OPT_TLS_CONFIG, config);
    nng_tls_config_free(config); /* the listener holds it */
    if (error != 0) link_say(link, "cannot set what the listener trusts: %s", nng_strerror(error));
    return error == 0;
}

static bool fail(struct link_nng *link, const char *what, const char *address, int error)
{
    link_say(link, "cannot %s %s: %s", what, address, nng_strerror(error));
    return false;
}

static bool listener_open_nng(struct link_nng *link, const char *address)
{
    struct listener *listener = &link->listener;
    char url[320];
    int port = 0;
    snprintf(url, sizeof url, "tls+tcp://%s", address);
    int error = nng_stream_listener_alloc(&listener->nng, url);
    if (error != 0) return fail(link, "use the address", address, error);
    error = nng_aio_alloc(&listener->aio, on_accepted, link);
    if (error != 0) return fail(link, "listen at", address, error);
    nng_aio_set_timeout(listener->aio, NNG_DURATION_INFINITE);
    if (!set_trusted(link)) return false;
    /* Else a message behind another waits for an acknowledgement: 40 ms. */
    error = nng_stream_listener_set_bool(listener->nng, NNG_OPT_TCP_NODELAY, true);
    if (error != 0) return fail(link, "send without delay from", address, error);
    error = nng_stream_listener_listen(listener->nng);
    if (error == 0)
        error = nng_stream_listener_get_int(listener->nng, NNG_OPT_TCP_BOUND_PORT, &port);
    if (error != 0) return fail(link, "listen at", address, error);
    link->port = (uint16_t)port;
    return true;
}

static void drop_accepted(struct listener *listener)
{
    nng_stream *accepted[ACCEPTED_MAX];
    pthread_mutex_lock(&listener->mutex);
    uint32_t count = listener->accepted_count;
    memcpy(accepted, listener->accepted, sizeof accepted);
    listener->accepted_count = 0;
    pthread_mutex_unlock(&listener->mutex);
    for (uint32_t i = 0; i < count; i++) {
        nng_stream_close(accepted[i]);
        nng_stream_free(accepted[i]);
    }
}

static void listener_close_nng(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->nng != NULL) nng_stream_listener_close(listener->nng);
    if (listener->aio != NULL) {
        nng_aio_stop(listener->aio);
        nng_aio_free(listener->aio);
    }
    drop_accepted(listener);
    if (listener->nng != NULL) nng_stream_listener_free(listener->nng);
    listener->nng = NULL;
    listener->aio = NULL;
}

static void listener_renew_nng(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->nng == NULL) return;
    pthread_mutex_lock(&listener->mutex);
    listener->renew = true;
    pthread_mutex_unlock(&listener->mutex);
    nng_aio_cancel(listener->aio);
    nng_aio_wait(listener->aio);
    drop_accepted(listener);
}

static void listener_tick_nng(struct link_nng *link)
{
    struct listener *listener = &link->listener;
    if (listener->nng == NULL) return;
    pthread_mutex_lock(&listener->mutex);
    bool idle = !listener->accepting && listener->accepted_count < ACCEPTED_MAX;
    bool renew = listener->renew;
    pthread_mutex_unlock(&listener->mutex);
    if (!idle || (renew && !set_trusted(link))) return;
    pthread_mutex_lock(&listener->mutex);
    listener->renew = false;
    listener->accepting = true;
    nng_stream_listener_accept(listener->nng, listener->aio);
    pthread_mutex_unlock(&listener->mutex);
}

static void address_of(struct limiter_address *address, nng_stream *stream)
{
    nng_sockaddr from;
    memset(address, 0, sizeof *address);
    if (nng_stream_get_addr(stream, NNG_OPT_REMADDR, &from) != 0) return;
    if (from.s_family == NNG_AF_INET) {
        address->bytes[10] = address->bytes[11] = 0xff;
        memcpy(address->bytes + 12, &from.s_in.sa_addr, 4);
    } else if (from.s_family == NNG_AF_INET6) {
        memcpy(address->bytes, from.s_in6.sa_addr, 16);
    }
}

/* A list that was full has stopped nng; it goes on when all of it is taken. After an accept that
 * failed it goes on with the next tick alone. */
static bool listener_next(struct link_nng *link, struct incoming *incoming)
{
    struct listener *listener = &link->listener;
    pthread_mutex_lock(&listener->mutex);
    bool is_one = listener->accepted_count > 0;
    if (listener->accepted_count == ACCEPTED_MAX) listener->is_tired = true;
    if (is_one) {
        incoming->nng = listener->accepted[0];
        listener->accepted_count--;
        memmove(listener->accepted, listener->accepted + 1,
                listener->accepted_count * sizeof(*listener->accepted));
    }
    bool resume = !is_one && listener->is_tired && !listener->accepting && listener->nng != NULL;
    if (!is_one) listener->is_tired = false;
    pthread_mutex_unlock(&listener->mutex);
    if (is_one) address_of(&incoming->address, incoming->nng);
    if (resume) listener_tick_nng(link);
    return is_one;
}

static struct stream *incoming_open(struct link_nng *link, struct incoming *incoming)
{
    return stream_nng_open(incoming->nng, &link->waker);
}

static void incoming_refuse(struct incoming *incoming)
{
    nng_stream_close(incoming->nng);
    nng_stream_free(incoming->nng);
}

/* ---- The whole ---------------------------------------------------------------------------------
 */

/* Certificate and key are looked at before anybody is to be met: the key may not fit. */
static bool open_nng(struct link_nng *link)
{
    nng_tls_config *config = tls_config(link, NNG_TLS_MODE_CLIENT, link->certificate);
    if (config == NULL) return false;
    nng_tls_config_free(config);
    return true;
}

static void close_nng(struct link_nng *link)
{
    (void)link; /* listener and dials are closed one by one */
}

static int fd(const struct link_nng *link)
{
    return link->waker.fd;
}

static void take(struct link_nng *link)
{
    stream_waker_take(&link->waker);
}

const struct transport link_transport_nng = {.open = open_nng,
                                             .close = close_nng,
                                             .fd = fd,
                                             .take = take,
                                             .dial_open = dial_open_nng,
                                             .dial_begin = dial_begin,
                                             .dial_tick = dial_tick_nng,
                                             .dial_cancel = dial_cancel,
                                             .dial_end = dial_end,
                                             .dial_close = dial_close,
                                             .dial_free = dial_free,
                                             .listener_open = listener_open_nng,
                                             .listener_close = listener_close_nng,
                                             .listener_renew = listener_renew_nng,
                                             .listener_tick = listener_tick_nng,
                                             .listener_next = listener_next,
                                             .incoming_open = incoming_open,
                                             .incoming_refuse = incoming_refuse};
