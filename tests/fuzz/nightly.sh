#!/usr/bin/env bash
# Fuzzes for hours: every target in turn, with a corpus that grows and is kept; what breaks is left
# as a file beside it, and the command that repeats it is printed.
#
# usage: tests/fuzz/nightly.sh [SECONDS_PER_TARGET] [BUILD] [CORPUS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
seconds=${1:-7200}
build=${2:-build/fuzz}
corpus=${3:-build/corpus}

if [ ! -d "$build" ]; then cmake --preset fuzz -B "$build"; fi
cmake --build "$build"
status=0
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    mkdir -p "$corpus/$target"
    if ! "$build/tests/fuzz/$target" -max_total_time="$seconds" -max_len=8000 -timeout=60 \
        -artifact_prefix="$corpus/$target-" "$corpus/$target"; then
        echo "$target failed; to repeat: $build/tests/fuzz/$target $corpus/$target-<the file above>"
        status=1
    fi
done
exit "$status"
