#!/usr/bin/env bash
# A simulator with a rule switched off must fail: with its recorded seed, or, should that one mean
# something else by now, with one of the first 200.
#
# usage: tests/sim/control.sh PROGRAM SEED OPTION...
set -euo pipefail
program=$1
seed=$2
shift 2
if "$program" --seed "$seed" --expect-failure --trace 0 "$@"; then exit 0; fi
echo "seed $seed does not fail any more; searching, record the one that does in controls.txt"
"$program" --seeds 1..200 --first --expect-failure --trace 0 "$@"
