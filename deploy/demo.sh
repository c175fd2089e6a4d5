#!/usr/bin/env bash
# Installs what is missing, builds the release preset's demo and runs it: a scripted session of two
# market makers and a taker that prints the chain, a book, the fills and the balances; then a
# portfolio's margin by the what-if; then a crash over 500 leveraged accounts; then a node that is
# killed while it works, comes back with everything, and proves what an account has; then four nodes of a
# sequencer set, of which two are killed while bots trade.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: deploy/demo.sh [--quiet]   quiet: only the summary"; }

options=()
for argument in "$@"; do
    case "$argument" in
        --quiet) options+=("$argument") ;;
        -h | --help) usage; exit 0 ;;
        *) echo "demo.sh: unknown option '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

deploy/install-packages.sh build
echo "demo: building"
cmake --preset release --log-level=WARNING
cmake --build --preset release --target tenor-demo tenor crash_replay tenord make_entries tenor-play
echo
build/release/node/tenor-demo "${options[@]}"
if [ ${#options[@]} -eq 0 ]; then
    printf '\nWhat must this portfolio hold? (tenor margin --file docs/examples/portfolio-btc.json)\n\n'
    build/release/node/tenor margin --file docs/examples/portfolio-btc.json --table
    printf '\nA crash: 40 %% down in 20 blocks (crash_replay --accounts 500)\n\n'
    build/release/tests/sim/crash_replay --accounts 500
    printf '\nA node that is killed with SIGKILL while it works\n'
    deploy/demo-node.sh build/release
    printf '\nFour nodes that agree, and bots that trade through them\n'
    deploy/demo-set.sh build/release
fi
