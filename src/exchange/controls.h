/* Mutation control: the margin check of orders can be switched off when the module is compiled, by
 * -DTENOR_BREAK_MARGIN, to show that the simulator notices. In a normal build TENOR_HOLDS(rule) is
 * the constant 1 and nothing of this is left. */
#ifndef TENOR_EXCHANGE_CONTROLS_H
#define TENOR_EXCHANGE_CONTROLS_H

#define TENOR_HOLDS(rule) (TENOR_HOLDS_##rule != 0)

#ifdef TENOR_BREAK_MARGIN /* every order is admitted, whatever the account has */
#define TENOR_HOLDS_MARGIN 0
#else
#define TENOR_HOLDS_MARGIN 1
#endif

#endif
