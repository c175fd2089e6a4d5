/* Mutation controls. What a member must make durable can be left out when the module is compiled,
 * by -DTENOR_BREAK_<RULE>, to show that the simulator notices. In a normal build TENOR_HOLDS(rule)
 * is the constant 1 and nothing of this is left. */
#ifndef TENOR_MEMBER_CONTROLS_H
#define TENOR_MEMBER_CONTROLS_H

#define TENOR_HOLDS(rule) (TENOR_HOLDS_##rule != 0)

#ifdef TENOR_BREAK_BATCHES_VOLATILE /* batches are voted for and not in the log */
#define TENOR_HOLDS_BATCHES_VOLATILE 0
#else
#define TENOR_HOLDS_BATCHES_VOLATILE 1
#endif

#ifdef TENOR_BREAK_SEALED_VOLATILE /* own batches are told before they are in the log */
#define TENOR_HOLDS_SEALED_VOLATILE 0
#else
#define TENOR_HOLDS_SEALED_VOLATILE 1
#endif

#endif
