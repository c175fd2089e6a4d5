#!/usr/bin/env bash
# Every bench says with --help what it can be told, and refuses anything else before it begins: one
# that was told something it does not know would run for minutes.
#
# usage: test_options.sh BENCH...
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "FAILED: $*"
    head -n 20 "$scratch/out" "$scratch/err"
    exit 1
}

# ends CODE BENCH ARGUMENT...
ends() {
    local wanted=$1 code=0
    shift
    timeout 60 "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
    [ "$code" = "$wanted" ] || fail "'$*' ended with $code, not $wanted"
}

# refused BENCH ARGUMENT...: with the usage on standard error, and no figure.
refused() {
    ends 2 "$@"
    grep -q "usage: $(basename "$1")" "$scratch/err" || fail "'$*' does not say its usage"
    [ ! -s "$scratch/out" ] || fail "'$*' printed something"
}

[ $# -gt 0 ]
build=$(dirname "$1")/../..
for bench in "$@"; do
    name=$(basename "$bench")
    ends 0 "$bench" --help
    head -n 1 "$scratch/out" | grep -q "^usage: $name" || fail "$name --help does not begin with its usage"
    [ ! -s "$scratch/err" ] || fail "$name --help complains"
    cp "$scratch/out" "$scratch/help"
    ends 0 "$bench" -h
    cmp -s "$scratch/help" "$scratch/out" || fail "$name -h is not --help"
    options=$(head -n 1 "$scratch/help" | grep -oE -- '--[a-z-]+' || true)
    for option in $options; do
        grep -qE -- "^ +$option " "$scratch/help" || fail "$name --help does not say what $option is"
    done
    refused "$bench" --no-such-option
    refused "$bench" --quik
    refused "$bench" no-such-figure
    refused "$bench" ''
    case $name in *.sh) refused "$bench" "$build" no-such-figure ;; esac
    # After options that are good, too; and one that lacks its value, or has a wrong one.
    for option in $options; do
        if grep -qE -- "^ +$option [A-Z]+ " "$scratch/help"; then
            refused "$bench" "$option"
        else
            refused "$bench" "$option" --no-such-option
        fi
    done
    for option in $(grep -oE -- '^ +--[a-z-]+ (N|K|US) ' "$scratch/help" | grep -oE -- '--[a-z-]+' || true); do
        refused "$bench" "$option" many
        refused "$bench" "$option" -1
        refused "$bench" "$option" 99999999999
    done
    echo "ok: $name"
done
