#!/usr/bin/env bash
# What is inside, one part after another: a scripted session of two market makers and a taker that
# prints the chain, a book, the fills and the balances; a portfolio's margin by the what-if; a crash
# over 500 leveraged accounts; a node that is killed while it works, comes back with everything, and
# proves what an account has; four nodes of a set, of which two are killed while bots trade.
#
# usage: deploy/demo-tour.sh BUILD     (deploy/demo.sh --tour builds it first)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1

"$build/node/tenor-demo"
printf '\nWhat must this portfolio hold? (tenor margin --file docs/examples/portfolio-btc.json)\n\n'
"$build/node/tenor" margin --file docs/examples/portfolio-btc.json --table
printf '\nA crash: 40 %% down in 20 blocks (crash_replay --accounts 500)\n\n'
"$build/tests/sim/crash_replay" --accounts 500
printf '\nA node that is killed with SIGKILL while it works\n'
deploy/demo-node.sh "$build"
printf '\nFour nodes that agree, and bots that trade through them\n'
deploy/demo-set.sh "$build"
