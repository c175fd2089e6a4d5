#!/usr/bin/env bash
# Pricing gives the same bits whoever compiles it: gcc and clang, at any level, for every vector
# width that this machine runs, and for AArch64 under qemu. Each build prints the hashes of raw
# doubles (pricing_bits.c), which must be the committed ones. The control: with -ffp-contract=fast
# compilers fuse products and sums, and the hashes must change, or this test would see nothing.
#
# usage: pricing_bits.sh           the test
#        pricing_bits.sh --print   the hashes of one plain build, for tests/vectors/pricing/bits.hash
#        pricing_bits.sh --build PROGRAM COMPILER FLAG...   one build and no test, for another machine
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
expected=$root/tests/vectors/pricing/bits.hash
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
started=$SECONDS

flags=(-std=gnu17 -fno-strict-aliasing -fno-common -w -Wno-psabi -fno-math-errno
    -I"$root/include" -I"$root/src" -I"$root/tests/support")

# What a file gets beside the flags of all: the wide paths their instructions, as src/CMakeLists.txt
# has it; the program that asks never contracts.
flags_of() {
    case "$2/$(basename "$1")" in
        x86/rows_avx2.c) echo -mavx2 ;;
        x86/rows_avx512.c) echo -mavx512f -mavx512dq ;;
        */pricing_bits.c) echo -ffp-contract=off ;;
    esac
}

# build NAME MACHINE COMPILER FLAG...: makes $scratch/NAME.
build() {
    local name=$1 machine=$2 compiler=$3 source objects=() pids=() pid own
    shift 3
    mkdir "$scratch/$name.objects"
    for source in "$root"/src/pricing/*.c "$root"/src/base/*.c "$here/pricing_bits.c"; do
        read -r -a own <<<"$(flags_of "$source" "$machine")"
        objects+=("$scratch/$name.objects/$(basename "$source").o")
        "$compiler" "${flags[@]}" "$@" "${own[@]}" -c "$source" -o "${objects[-1]}" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    "$compiler" ${static:+-static} "$@" "${objects[@]}" -o "$scratch/$name"
}

ran=()
skipped=()
failed=()

skip() {
    echo "SKIPPED $1: $2"
    skipped+=("$1")
}

# run NAME PATH COMMAND...: the build's hashes are the committed ones.
run() {
    local name="$1 $2" path=$2 code=0
    shift 2
    # shellcheck disable=SC2086 # a path may be two words
    "$@" $path >"$scratch/out" || code=$?
    if [ "$code" = 77 ]; then skip "$name" "this processor has no $path"; return; fi
    if [ "$code" = 0 ] && diff "$expected" "$scratch/out"; then
        echo "ok: $name"
        ran+=("$name")
    else
        echo "FAILED: $name (ended with $code)"
        failed+=("$name")
    fi
}

# control NAME COMMAND...: functions, prices and rows all differ from the committed ones.
control() {
    local name=$1 part code=0
    shift
    "$@" base >"$scratch/out" || code=$?
    for part in functions black raw; do
        if [ "$code" != 0 ] || grep -qxF "$(grep "^$part " "$expected")" "$scratch/out"; then
            echo "FAILED: $name: fused arithmetic leaves '$part' as it was (ended with $code)"
            failed+=("$name $part")
            return
        fi
    done
    echo "ok: $name gives other bits, as it must"
    ran+=("$name")
}

has() { command -v "$1" >/dev/null 2>&1; }

if [ "$(uname -m)" = x86_64 ]; then native=x86; else native=other; fi
paths=(base)
if [ "$native" = x86 ]; then paths=(base avx2 avx512); fi

if [ "${1:-}" = --print ]; then
    build plain "$native" gcc -O2 -ffp-contract=off
    "$scratch/plain" base
    exit
fi

if [ "${1:-}" = --build ]; then
    static=yes
    program=$2
    shift 2
    build program "$native" "$@"
    mv "$scratch/program" "$program"
    exit
fi

for choice in 'gcc -O0' 'gcc -O2' 'gcc -O3' 'clang -O2'; do
    read -r compiler level <<<"$choice"
    if ! has "$compiler"; then skip "$choice" "no $compiler"; continue; fi
    build "$compiler$level" "$native" "$compiler" "$level" -ffp-contract=off
    for path in "${paths[@]}"; do run "$choice" "$path" "$scratch/$compiler$level"; done
done

# The text for four and eight lanes, on any machine.
if [ "$native" = x86 ]; then
    build narrow narrow gcc -O2 -ffp-contract=off
    run "gcc -O2 without wide instructions," "avx2 anyway" "$scratch/narrow"
    run "gcc -O2 without wide instructions," "avx512 anyway" "$scratch/narrow"
fi

# The compiler may use fused instructions, and must not: the flag alone stands between.
if [ "$native" != x86 ]; then
    build control other gcc -O2 -ffp-contract=fast
    control "control gcc -ffp-contract=fast" "$scratch/control"
elif grep -qw fma /proc/cpuinfo; then
    build native "$native" gcc -O2 -mfma -ffp-contract=off
    run "gcc -O2 -mfma" base "$scratch/native"
    build control "$native" gcc -O2 -mfma -ffp-contract=fast
    control "control gcc -ffp-contract=fast -mfma" "$scratch/control"
else
    skip "control gcc -ffp-contract=fast -mfma" "this processor has no fma"
fi

cross=aarch64-linux-gnu-gcc
static=yes
if [ "$(uname -m)" = aarch64 ]; then
    skip "aarch64 under qemu" "this machine is one"
elif ! has $cross || ! has qemu-aarch64; then
    skip "aarch64 under qemu" "no $cross or no qemu-aarch64"
else
    build aarch64 aarch64 $cross -O2 -ffp-contract=off
    run "aarch64 gcc -O2" base qemu-aarch64 "$scratch/aarch64"
    build aarch64-control aarch64 $cross -O2 -ffp-contract=fast
    control "control aarch64 gcc -ffp-contract=fast" qemu-aarch64 "$scratch/aarch64-control"
fi

echo "pricing_bits: ${#ran[@]} ran, ${#skipped[@]} skipped, ${#failed[@]} failed," \
    "$((SECONDS - started)) s"
if [ ${#failed[@]} -ne 0 ] || [ ${#ran[@]} -lt 3 ]; then exit 1; fi
