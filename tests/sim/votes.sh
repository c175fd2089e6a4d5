#!/usr/bin/env bash
# Checks tests/sim/votes.pml with spin: every history of a small world. With a safety rule switched
# off, a counterexample must be found; without it the search must end, with nothing found.
#
# usage: tests/sim/votes.sh [DEFINITION...]
#   no definition    the rules as they are
#   NO_R3            that rule off; also NO_R1, NO_CERTIFICATE, NO_JUSTIFICATION, QUORUM_2F
#   VIEWS=4          a larger world, for the night
set -euo pipefail
model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/votes.pml

expected=0
definitions=()
for definition in "$@"; do
    definitions+=("-D$definition")
    case "$definition" in
        NO_R1 | NO_R3 | NO_CERTIFICATE | NO_JUSTIFICATION | QUORUM_2F) expected=1 ;;
    esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
spin "${definitions[@]}" -a "$model" >spin.txt 2>&1 || { cat spin.txt; exit 1; }
# what spin writes is not ours to keep free of warnings
"${CC:-cc}" -O2 -w -DSAFETY -DNOCLAIM -DMEMLIM=2048 -o pan pan.c
./pan -m1000000 -w22 >pan.txt 2>&1 || true

errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.txt)
states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.txt)
incomplete=$(grep -cE 'max search depth too small|out of memory|Search not completed' pan.txt || true)
echo "votes ${*:-as they are}: $states states, errors: $errors, expected: $expected"
if [ "$errors" != "$expected" ] || { [ "$expected" = 0 ] && [ "$incomplete" != 0 ]; }; then
    cat pan.txt
    exit 1
fi
if [ "$expected" = 1 ]; then grep -m1 'assertion violated' pan.txt | cut -c1-60; fi
