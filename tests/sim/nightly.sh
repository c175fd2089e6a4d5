#!/usr/bin/env bash
# The simulations in full: the crash over 10 000 accounts for some seeds, fast and slow, and every
# attack of the adversary; the twins' and the disks' tests that have a longer form; then 10 000 seeds
# and more of the sequencer set under faults, and how soon its controls notice that a rule is
# missing. Prints the tables; fails when a promise is broken, an attack gains, or a control goes
# unnoticed.
#
# usage: tests/sim/nightly.sh [SEEDS] [BUILD]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-3}
build=${2:-build/release}

if [ ! -d "$build" ]; then cmake --preset release -B "$build"; fi
# All that have a longer form by TENOR_NIGHTLY.
longer=(model/test_{book_{exhaustive,mirror,streams},exchange_{exhaustive,metamorphic,streams,twin}}
    model/test_{partial,replica,restore,risk,touch,witness}_streams model/test_records_bytes
    test_machine_{damage,faults})
cmake --build "$build" --target crash_replay adversary "${longer[@]##*/}" tenor-sim tenor-sim-whole
mapfile -t controls < <(tests/sim/controls.sh --programs)
cmake --build "$build" --target "${controls[@]}"
status=0
for ((seed = 20260101; seed < 20260101 + seeds; seed++)); do
    for blocks in 20 200; do
        "$build/tests/sim/crash_replay" --accounts 10000 --seed "$seed" --blocks "$blocks" || status=1
    done
done
"$build/tests/sim/adversary" --full || status=1
for test in "${longer[@]}"; do TENOR_NIGHTLY=1 "$build/tests/$test" || status=1; done
# a new range of seeds every night; what fails prints the line that replays it
day=$(($(date +%s) / 86400))
first=${day}00000
"$build/node/tenor-sim" --seeds "$first..$((first + 7999))" --seconds 8 || status=1
"$build/node/tenor-sim" --seeds "$first..$((first + 1999))" --seconds 40 --faults all || status=1
"$build/node/tenor-sim" --seeds "$first..$((first + 499))" --seconds 20 --byzantine 3 --twins || status=1
"$build/node/tenor-sim-whole" --seeds "$first..$((first + 1999))" --seconds 4 || status=1
"$build/node/tenor-sim-whole" --seeds "$first..$((first + 299))" --seconds 30 --faults all || status=1
"$build/node/tenor-sim-whole" --seeds "$first..$((first + 299))" --seconds 8 --nodes 7 --byzantine 1 \
    --no-twins --attacks sync,garbage,withhold --faults rot,crash,away,blackout --comes-past sync_bans || status=1
tests/sim/controls.sh 300 "$build" || status=1
tests/sim/votes.sh VIEWS=4 || status=1
TENOR_NIGHTLY=1 tests/e2e/root_bits.sh || status=1
exit "$status"
