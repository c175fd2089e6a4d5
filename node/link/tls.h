/* tls: what a connection over a socket may be: TLS 1.2, both sides pinned, ciphers with
 * authentication only. One configuration serves many connections. */
#ifndef NODE_LINK_TLS_H
#define NODE_LINK_TLS_H

#include "link/link.h"

#include <mbedtls/ssl.h>

struct tls_config;

/* tls_config_make is a configuration with one holder: this node's certificate and key, and whom it
 * trusts (PEM, concatenated; "": nobody). NULL: problem says why. */
struct tls_config *tls_config_make(char problem[LINK_PROBLEM_SIZE], bool is_server,
                                   const char *certificate, const char *private_key,
                                   const char *trusted);
struct tls_config *tls_config_hold(struct tls_config *config);
/* The last holder's drop frees it. NULL is allowed. */
void tls_config_drop(struct tls_config *config);

/* Sets a connection up under it, also the name that a dialler asks for. */
bool tls_config_apply(struct tls_config *config, mbedtls_ssl_context *ssl);

#endif
