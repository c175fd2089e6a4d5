#!/usr/bin/env bash
# How many seeds does it take to notice that a rule is missing? Runs each control of controls.txt
# over SEEDS seeds, those of whole_controls.txt and disk_controls.txt, whose seeds take 20 times as
# long, over a fifth as many, and prints the share that fails, and the seeds for 99 %:
# ln 0.01 / ln (1 - p). Fails when one is never noticed.
#
# usage: tests/sim/controls.sh [SEEDS] [BUILD]
#        tests/sim/controls.sh --programs       names them, to be built before
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Of each control: its program, its name, the recorded seed, its options.
controls() {
    sed -nE 's/^([A-Z0-9_]+) /tenor-sim-without-\1 \1 /p' tests/sim/controls.txt
    sed -nE 's/^[a-z]+ ([A-Z0-9_]+) /tenor-sim-whole-without-\1 \1 /p' tests/sim/whole_controls.txt
    sed -nE 's/^([a-z]+) [^ ]*(RULE|MUTATION)_([A-Z_]+) /tenor-sim-whole-\1_\3 \1_\3 /p' \
        tests/sim/disk_controls.txt
}
if [ "${1:-}" = --programs ]; then
    controls | cut -d' ' -f1
    exit
fi
seeds=${1:-300}
build=${2:-build/release}

status=0
while read -r program rule seed options; do
    count=$seeds
    if [[ $program = tenor-sim-whole-* ]]; then count=$(((seeds + 4) / 5)); fi
    # shellcheck disable=SC2086 # options are words
    output=$("$build/tests/sim/$program" --seeds "1..$count" --trace 0 --expect-failure $options || true)
    failed=$(grep -c '^failed as expected' <<<"$output" || true)
    first=$(sed -n 's/^{"seed":\([0-9]*\),.*/\1/p' <<<"$output" | head -n 1)
    awk -v rule="$rule" -v failed="$failed" -v seeds="$count" -v first="${first:-none}" \
        -v recorded="$seed" 'BEGIN {
            p = failed / seeds
            need = p == 0 ? "more" : p == 1 ? 1 : int(log(0.01) / log(1 - p)) + 1
            printf "{\"control\":\"%s\",\"failed\":%d,\"seeds\":%d,\"p\":%.4f,\"seeds_99\":\"%s\"," \
                   "\"first\":\"%s\",\"recorded\":\"%s\"}\n", rule, failed, seeds, p, need, first, recorded
        }'
    if [ "$failed" = 0 ]; then status=1; fi
done < <(controls)
exit "$status"
