#!/usr/bin/env bash
# How many seeds does it take to notice that a rule is missing? Runs each control of controls.txt
# over SEEDS seeds and prints the share that fails, and the seeds for 99 %: ln 0.01 / ln (1 - p).
# Fails when one is never noticed.
#
# usage: tests/sim/controls.sh [SEEDS] [BUILD]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-300}
build=${2:-build/release}

status=0
while read -r rule seed options; do
    program=$build/tests/sim/tenor-sim-without-$rule
    # shellcheck disable=SC2086 # options are words
    output=$("$program" --seeds "1..$seeds" --trace 0 --expect-failure $options || true)
    failed=$(grep -c '^failed as expected' <<<"$output" || true)
    first=$(sed -n 's/^{"seed":\([0-9]*\),.*/\1/p' <<<"$output" | head -n 1)
    awk -v rule="$rule" -v failed="$failed" -v seeds="$seeds" -v first="${first:-none}" \
        -v recorded="$seed" 'BEGIN {
            p = failed / seeds
            need = p == 0 ? "more" : p == 1 ? 1 : int(log(0.01) / log(1 - p)) + 1
            printf "{\"control\":\"%s\",\"failed\":%d,\"seeds\":%d,\"p\":%.4f,\"seeds_99\":\"%s\"," \
                   "\"first\":\"%s\",\"recorded\":\"%s\"}\n", rule, failed, seeds, p, need, first, recorded
        }'
    if [ "$failed" = 0 ]; then status=1; fi
done < <(grep -E '^[A-Z0-9_]+ ' tests/sim/controls.txt)
exit "$status"
