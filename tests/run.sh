#!/usr/bin/env bash
# Builds and runs every test: under the address and undefined-behaviour sanitizers, a short slice
# of every fuzz target, then the release build that users get. Ends with CTest's closing line. After
# a failure it goes on with the next build, and its last line names what failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'USAGE'
usage: tests/run.sh [--quick] [--no-install]

  --quick       the release build only: no sanitizers, no fuzzing
  --no-install  fail on a missing package instead of installing it

One test alone:  cmake --preset release && cmake --build --preset release
                 ctest --preset release -R NAME
USAGE
}

quick=false
install=true
for argument in "$@"; do
    case "$argument" in
        --quick) quick=true ;;
        --no-install) install=false ;;
        -h | --help) usage; exit 0 ;;
        *) echo "tests/run.sh: unknown option '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

say() { printf '\n== %s (%d s so far)\n' "$1" "$SECONDS"; }

build() {
    say "$1: build"
    cmake --preset "$1" --log-level=WARNING && cmake --build --preset "$1"
}

run() {
    local preset=$1
    shift
    say "$preset: test"
    # One more than there are cores: tests of nodes wait more than they work.
    ctest --preset "$preset" --parallel "$(($(nproc) + 1))" --no-tests=error "$@"
}

# try PRESET [CTEST-OPTION...]: builds and runs, and remembers a failure.
failures=()
try() { { build "$1" && run "$@"; } || failures+=("$1"); }

if $install; then
    say "packages"
    deploy/install-packages.sh build test
fi
if ! $quick; then
    # Stacks with names, where llvm itself is not installed, come from binutils' addr2line.
    if ! command -v llvm-symbolizer >/dev/null; then
        addr2line="allow_addr2line=1:external_symbolizer_path=$(command -v addr2line)"
        export ASAN_OPTIONS=$addr2line:${ASAN_OPTIONS:-}
        export UBSAN_OPTIONS=$addr2line:${UBSAN_OPTIONS:-}
    fi
    export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
    try asan
    if compgen -G 'tests/fuzz/*.c' >/dev/null; then try fuzz --label-regex fuzz; fi
fi
try release

if [ ${#failures[@]} -ne 0 ]; then
    printf '\ntests/run.sh: FAILED: %s\n' "${failures[*]}"
    exit 1
fi
