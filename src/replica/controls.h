/* Mutation control: what keeps markets apart can be switched off when the module is compiled, by
 * -DTENOR_BREAK_ISOLATION, to show that the simulator notices. In a normal build TENOR_HOLDS(rule)
 * is the constant 1 and nothing of this is left. */
#ifndef TENOR_REPLICA_CONTROLS_H
#define TENOR_REPLICA_CONTROLS_H

#define TENOR_HOLDS(rule) (TENOR_HOLDS_##rule != 0)

#ifdef TENOR_BREAK_ISOLATION /* a market's execution writes into another one's state */
#define TENOR_HOLDS_ISOLATION 0
#else
#define TENOR_HOLDS_ISOLATION 1
#endif

#endif
