#!/usr/bin/env bash
# Builds and runs every test: the release build that users get, the same under the address and
# undefined-behaviour sanitizers, a short slice of every fuzz target, what has threads under the
# thread sanitizer. Ends with CTest's closing lines of all of them, the release's last. After a failure
# it goes on with the next build, and its last line names what failed.
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

# Tests of nodes wait more than they work, so more run at once than there are cores. What CTest says
# is kept: its closing lines are told once more in the end.
said=$(mktemp -d)
run() {
    local preset=$1 more=1
    shift
    if [ "$preset" = release ]; then more=2; fi
    say "$preset: test"
    ctest --preset "$preset" --parallel "$(($(nproc) + more))" --no-tests=error "$@" 2>&1 |
        tee "$said/$preset"
}
closing_lines() {
    local preset
    for preset in fuzz tsan asan release; do
        if [ -e "$said/$preset" ]; then
            say "$preset: in the end"
            sed -n '/% tests passed, /,$p' "$said/$preset"
        fi
    done
}

# build_behind PRESET...: builds with what the tests before leave of the processors. It says nothing:
# what does not build does so again, aloud, when its turn has come.
behind=
build_behind() {
    set -m # a group of its own, which can be ended
    (
        renice -n 19 "$BASHPID"
        for preset in "$@"; do build "$preset" || true; done
    ) >/dev/null 2>&1 &
    behind=$!
    set +m
}
wait_behind() {
    if [ -n "$behind" ]; then wait "$behind" || true; fi
    behind=
}
trap 'if [ -n "$behind" ]; then kill -- "-$behind" 2>/dev/null || true; fi; rm -rf "$said"' EXIT

# try PRESET NEXT [CTEST-OPTION...]: builds and runs, and remembers a failure. What the tests leave of
# the processors builds NEXT, a list of presets.
failures=()
try() {
    local preset=$1 next=$2
    shift 2
    wait_behind
    if ! build "$preset"; then
        failures+=("$preset")
        return
    fi
    # shellcheck disable=SC2086 # a list
    if [ -n "$next" ]; then build_behind $next; fi
    run "$preset" "$@" || failures+=("$preset")
}

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
    # The tests of the release wait the most: beside them the most is built.
    try release asan
    try asan 'fuzz tsan'
    try fuzz '' --label-regex fuzz
    try tsan ''
    closing_lines
else
    try release ''
fi

if [ ${#failures[@]} -ne 0 ]; then
    printf '\ntests/run.sh: FAILED: %s\n' "${failures[*]}"
    exit 1
fi
