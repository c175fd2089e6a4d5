#!/usr/bin/env bash
# A machine whose floating point is not that of the others: neither the node nor the what-if does
# anything on it, and both say why.
#
# usage: test_arithmetic.sh TENORD TENOR OTHER_ARITHMETIC EXAMPLES
set -euo pipefail
tenord=$1
tenor=$2
library=$3
examples=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# expect CODE WORDS HOW COMMAND...: how it ends where arithmetic is HOW, and what it says.
expect() {
    local wanted=$1 words=$2 how=$3 code=0
    shift 3
    LD_PRELOAD=$library OTHER_ARITHMETIC=$how "$@" >"$scratch/said" 2>&1 </dev/null || code=$?
    if [ "$code" = "$wanted" ] && grep -q "$words" "$scratch/said"; then return; fi
    echo "FAILED: $how: ended with $code, not $wanted: $*: $(head -n 5 "$scratch/said")"
    exit 1
}

hows=(up)
if [ "$(uname -m)" = x86_64 ]; then hows+=(flush); fi
mkdir "$scratch/home"
"$tenord" genesis >"$scratch/home/genesis.conf"
for how in "${hows[@]}"; do
    expect 1 'does not compute as the others' "$how" "$tenord" run --solo --home "$scratch/home" --entries -
    expect 1 'does not compute as the others' "$how" "$tenord" start --home "$scratch/home"
    expect 1 'does not compute as the others' "$how" "$tenord" replay --home "$scratch/home"
    expect 1 'floating point is not IEEE-754' "$how" "$tenor" margin --file "$examples/portfolio-btc.json"
    expect 1 'floating point is not IEEE-754' "$how" "$tenor" price --file "$examples/options.json"
done
[ ! -e "$scratch/home/log" ] || { echo "FAILED: a log was made"; exit 1; }
expect 0 'msg=stopped' nearest "$tenord" run --solo --home "$scratch/home" --entries -
expect 0 'IM' nearest "$tenor" margin --file "$examples/portfolio-btc.json"
echo "ok"
