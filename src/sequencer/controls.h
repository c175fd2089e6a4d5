/* Mutation controls. Each rule of the protocol that keeps it safe can be switched off when the
 * module is compiled, by -DTENOR_BREAK_<RULE>, to show that the simulator notices. In a normal
 * build TENOR_HOLDS(rule) is the constant 1 and nothing of this is left. */
#ifndef TENOR_SEQUENCER_CONTROLS_H
#define TENOR_SEQUENCER_CONTROLS_H

#define TENOR_HOLDS(rule) (TENOR_HOLDS_##rule != 0)

#ifdef TENOR_BREAK_R1 /* a NOTARIZE for each proposal of an equivocating proposer */
#define TENOR_HOLDS_R1 0
#else
#define TENOR_HOLDS_R1 1
#endif

#ifdef TENOR_BREAK_R2 /* NOTARIZE after NULLIFY */
#define TENOR_HOLDS_R2 0
#else
#define TENOR_HOLDS_R2 1
#endif

#ifdef TENOR_BREAK_R3 /* NULLIFY and FINALIZE of one view */
#define TENOR_HOLDS_R3 0
#else
#define TENOR_HOLDS_R3 1
#endif

#ifdef TENOR_BREAK_R4 /* bodies are never durable, FINALIZE without holding one */
#define TENOR_HOLDS_R4 0
#else
#define TENOR_HOLDS_R4 1
#endif

#ifdef TENOR_BREAK_R5 /* own votes are not recorded */
#define TENOR_HOLDS_R5 0
#else
#define TENOR_HOLDS_R5 1
#endif

#ifdef TENOR_BREAK_QUORUM /* half of the weight is enough */
#define TENOR_HOLDS_QUORUM 0
#else
#define TENOR_HOLDS_QUORUM 1
#endif

#ifdef TENOR_BREAK_JUSTIFICATION /* views between parent and block need no NULLIFICATION */
#define TENOR_HOLDS_JUSTIFICATION 0
#else
#define TENOR_HOLDS_JUSTIFICATION 1
#endif

#ifdef TENOR_BREAK_SIGNATURES /* signatures of peers are not looked at */
#define TENOR_HOLDS_SIGNATURES 0
#else
#define TENOR_HOLDS_SIGNATURES 1
#endif

#ifdef TENOR_BREAK_CERTS_VOLATILE /* certificates are not recorded */
#define TENOR_HOLDS_CERTS_VOLATILE 0
#else
#define TENOR_HOLDS_CERTS_VOLATILE 1
#endif

#ifdef TENOR_BREAK_BODIES_VOLATILE /* a body is recorded before FINALIZE, not before NOTARIZE */
#define TENOR_HOLDS_BODIES_VOLATILE 0
#else
#define TENOR_HOLDS_BODIES_VOLATILE 1
#endif

#ifdef TENOR_BREAK_FIXED_LAG /* exec_height is exactly height - K */
#define TENOR_HOLDS_FIXED_LAG 0
#else
#define TENOR_HOLDS_FIXED_LAG 1
#endif

#ifdef TENOR_BREAK_AMNESIA /* a restarted node votes without asking for its own votes */
#define TENOR_HOLDS_AMNESIA 0
#else
#define TENOR_HOLDS_AMNESIA 1
#endif

#ifdef TENOR_BREAK_CHECKPOINTS /* two checkpoints of one height may be signed */
#define TENOR_HOLDS_CHECKPOINTS 0
#else
#define TENOR_HOLDS_CHECKPOINTS 1
#endif

#endif
