#!/usr/bin/env bash
# State roots are the same whoever compiles the node: gcc and clang, by night at every level, for
# every vector width that this machine runs, and for AArch64 under qemu. Each build runs the same
# random markets through the replica and prints block hashes and roots (root_bits.c), and what tables
# of keys say of signatures; all lists must be one.
#
# usage: root_bits.sh [PROGRAM COMPILER]
#   PROGRAM is root_bits as the build has it, made by COMPILER (GNU or Clang): it is not built again.
#   TENOR_NIGHTLY=1 builds with more levels.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
started=$SECONDS

flags=(-std=gnu17 -fno-strict-aliasing -fno-common -w -Wno-psabi -ffp-contract=off
    -I"$root/include" -I"$root/src" -I"$root/tests/model")
modules=(base crypto product pricing margin book ledger exchange stream proof state market registry replica)
sources=("$root"/tests/model/risk_{stream,stream_commands,market}.c
    "$root/tests/support/panic.c" "$here"/{root,signature}_bits.c)
for module in "${modules[@]}"; do
    for source in "$root/src/$module"/*.c; do
        case ${source#"$root"/src/} in
            # Another machine's libsecp256k1 is not there to be linked: the tables' arithmetic
            # is tried without it (signature_bits.h).
            crypto/signature.c | crypto/learned.c) ;;
            *) sources+=("$source") ;;
        esac
    done
done

# What a file gets beside the flags of all, as src/CMakeLists.txt has it.
flags_of() {
    case "$2/$(basename "$(dirname "$1")")/$(basename "$1")" in
        x86/pricing/*_avx2.c) echo -fno-math-errno -mavx2 ;;
        x86/pricing/*_avx512.c) echo -fno-math-errno -mavx512f -mavx512dq ;;
        x86/*_avx2.c) echo -mavx2 ;;
        x86/*_avx512.c) echo -mavx512f -mavx512dq ;;
        x86/*_sse42.c) echo -msse4.2 ;;
        */pricing/*) echo -fno-math-errno ;;
    esac
}

# build NAME MACHINE COMPILER FLAG...: makes $scratch/NAME, as many files at once as there are
# processors.
build() {
    local name=$1 machine=$2 source
    shift 2
    mkdir "$scratch/$name.objects"
    for source in "${sources[@]}"; do
        echo "$* ${flags[*]} $(flags_of "$source" "$machine") -c $source" \
            "-o $scratch/$name.objects/$(basename "$(dirname "$source")")-$(basename "$source").o"
    done | xargs -P "$(nproc)" -I{} sh -c '{}'
    "$@" ${static:+-static} "$scratch/$name.objects"/*.o -o "$scratch/$name"
}

ran=()
skipped=()
failed=()

skip() {
    echo "SKIPPED $1: $2"
    skipped+=("$1")
}

# run NAME PATH COMMAND...: the list is that of the first run.
run() {
    local name="$1 $2" path=$2 code=0
    shift 2
    "$@" "$path" >"$scratch/out" || code=$?
    if [ "$code" = 77 ]; then skip "$name" "this processor has no $path"; return; fi
    if [ ! -e "$scratch/expected" ]; then cp "$scratch/out" "$scratch/expected"; fi
    if [ "$code" = 0 ] && [ -s "$scratch/out" ] &&
        diff "$scratch/expected" "$scratch/out" >"$scratch/difference"; then
        echo "ok: $name"
        ran+=("$name")
    else
        echo "FAILED: $name (ended with $code); the first difference:"
        head -n 4 "$scratch/difference"
        failed+=("$name")
    fi
}

has() { command -v "$1" >/dev/null 2>&1; }

if [ "$(uname -m)" = x86_64 ]; then native=x86; else native=other; fi
paths=(base)
if [ "$native" = x86 ]; then paths=(base avx2 avx512); fi

choices=('clang -O2')
if [ $# = 2 ]; then
    for path in "${paths[@]}"; do run "the build's own, by $2," "$path" "$1"; done
    if [ "$2" = Clang ]; then choices=('gcc -O2'); fi
else
    choices+=('gcc -O2')
fi
if [ -n "${TENOR_NIGHTLY:-}" ]; then
    choices=('gcc -O0' 'gcc -O1' 'gcc -O2' 'gcc -O3' 'clang -O0' 'clang -O1' 'clang -O2' 'clang -O3')
fi

for choice in "${choices[@]}"; do
    read -r compiler level <<<"$choice"
    if ! has "$compiler"; then skip "$choice" "no $compiler"; continue; fi
    build "$compiler$level" "$native" "$compiler" "$level"
    for path in "${paths[@]}"; do run "$choice" "$path" "$scratch/$compiler$level"; done
done

cross=aarch64-linux-gnu-gcc
static=yes
if [ "$(uname -m)" = aarch64 ]; then
    skip "aarch64 under qemu" "this machine is one"
elif ! has $cross || ! has qemu-aarch64; then
    skip "aarch64 under qemu" "no $cross or no qemu-aarch64"
else
    build aarch64 aarch64 $cross -O2
    run "aarch64 gcc -O2" base qemu-aarch64 "$scratch/aarch64"
fi

echo "root_bits: ${#ran[@]} ran, ${#skipped[@]} skipped, ${#failed[@]} failed," \
    "$(wc -l <"$scratch/expected") places each, $((SECONDS - started)) s"
if [ ${#failed[@]} -ne 0 ] || [ ${#ran[@]} -lt 3 ]; then exit 1; fi
