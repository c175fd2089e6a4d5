/* Mutation controls. Each rule that a frame or a BLOCK must pass can be switched off when the
 * module is compiled, by -DTENOR_BREAK_<RULE>, to show that tests and simulator notice. In a normal
 * build TENOR_HOLDS(rule) is the constant 1 and nothing of this is left. */
#ifndef TENOR_MARKET_CONTROLS_H
#define TENOR_MARKET_CONTROLS_H

#define TENOR_HOLDS(rule) (TENOR_HOLDS_##rule != 0)

#ifdef TENOR_BREAK_FRAME_SIGNATURE /* nobody asks who signed a frame */
#define TENOR_HOLDS_FRAME_SIGNATURE 0
#else
#define TENOR_HOLDS_FRAME_SIGNATURE 1
#endif

#ifdef TENOR_BREAK_FRAME_TERM /* frames of an ended term may come in again */
#define TENOR_HOLDS_FRAME_TERM 0
#else
#define TENOR_HOLDS_FRAME_TERM 1
#endif

#ifdef TENOR_BREAK_FRAME_MARKET /* frames for another market are executed here */
#define TENOR_HOLDS_FRAME_MARKET 0
#else
#define TENOR_HOLDS_FRAME_MARKET 1
#endif

#ifdef TENOR_BREAK_FRAME_NONCE /* a frame is executed as often as it comes */
#define TENOR_HOLDS_FRAME_NONCE 0
#else
#define TENOR_HOLDS_FRAME_NONCE 1
#endif

#ifdef TENOR_BREAK_FRAME_SCOPE /* a session may do everything, withdraw too */
#define TENOR_HOLDS_FRAME_SCOPE 0
#else
#define TENOR_HOLDS_FRAME_SCOPE 1
#endif

#ifdef TENOR_BREAK_SESSION_EXPIRY /* sessions live for ever */
#define TENOR_HOLDS_SESSION_EXPIRY 0
#else
#define TENOR_HOLDS_SESSION_EXPIRY 1
#endif

#ifdef TENOR_BREAK_SESSION_OWNER /* anybody opens and closes sessions of any account */
#define TENOR_HOLDS_SESSION_OWNER 0
#else
#define TENOR_HOLDS_SESSION_OWNER 1
#endif

#ifdef TENOR_BREAK_BLOCK_NAME /* a BLOCK may name any hash and time */
#define TENOR_HOLDS_BLOCK_NAME 0
#else
#define TENOR_HOLDS_BLOCK_NAME 1
#endif

#endif
