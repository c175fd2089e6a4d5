#!/usr/bin/env bash
# Two runs of one seed are the same run: the same hash of everything that happened, the same figures.
#
# usage: tests/sim/same_hash.sh TENOR_SIM [SEEDS]
set -euo pipefail
program=$1
before=
for seed in $(seq "${2:-8}"); do
    one=$("$program" --seed "$seed" --seconds 4)
    two=$("$program" --seed "$seed" --seconds 4)
    if [ "$one" != "$two" ]; then
        printf 'two runs of one seed differ:\n%s\n%s\n' "$one" "$two"
        exit 1
    fi
    hash=${one#*'"hash":"'}
    hash=${hash%%'"'*}
    if [ "$hash" = "$before" ]; then echo "two seeds gave the hash $hash"; exit 1; fi
    before=$hash
    echo "seed $seed: $hash"
done
