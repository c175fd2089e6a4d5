#!/usr/bin/env bash
# The simulations in full: the crash over 10 000 accounts for some seeds, fast and slow, and every
# attack of the adversary. Prints the tables; fails when a promise is broken or an attack gains.
#
# usage: tests/sim/nightly.sh [SEEDS] [BUILD]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seeds=${1:-3}
build=${2:-build/release}

if [ ! -d "$build" ]; then cmake --preset release -B "$build"; fi
cmake --build "$build" --target crash_replay adversary test_risk_streams test_restore_streams \
    test_witness_streams test_partial_streams test_machine_faults test_machine_damage
status=0
for ((seed = 20260101; seed < 20260101 + seeds; seed++)); do
    for blocks in 20 200; do
        "$build/tests/sim/crash_replay" --accounts 10000 --seed "$seed" --blocks "$blocks" || status=1
    done
done
"$build/tests/sim/adversary" --full || status=1
TENOR_NIGHTLY=1 "$build/tests/model/test_risk_streams" || status=1
TENOR_NIGHTLY=1 "$build/tests/model/test_restore_streams" || status=1
TENOR_NIGHTLY=1 "$build/tests/model/test_witness_streams" || status=1
TENOR_NIGHTLY=1 "$build/tests/model/test_partial_streams" || status=1
TENOR_NIGHTLY=1 "$build/tests/test_machine_faults" || status=1
TENOR_NIGHTLY=1 "$build/tests/test_machine_damage" || status=1
TENOR_NIGHTLY=1 tests/e2e/root_bits.sh || status=1
exit "$status"
