#!/usr/bin/env bash
# Blocks of a real home, executed by who has nothing but a witness: the same roots come out, with
# nothing of the home in reach; a witness that was changed, or that is of another block than the one
# trusted, is refused with what differs.
#
# usage: test_witness.sh TENORD MAKE_ENTRIES
set -euo pipefail
tenord=$1
make_entries=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
seed=${TENOR_SEED:-5}

fail() {
    echo "FAILED: ${FUNCNAME[1]} (seed $seed): $*"
    exit 1
}

# exit_code_of COMMAND...: runs it, with its output in $scratch/stdout and $scratch/stderr.
exit_code_of() {
    local code=0
    "$@" >"$scratch/stdout" 2>"$scratch/stderr" || code=$?
    echo "$code"
}

field() { sed -n "s/^$1 *//p" "$2"; }

# flip FILE OFFSET: changes one byte.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059  # the byte is the format
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# run COUNT: so many entries of one long list, of which the home takes those that it has not.
run() {
    "$make_entries" --seed "$seed" --count "$1" --out "$scratch/entries"
    "$tenord" run --solo --home "$scratch/home" --entries "$scratch/entries" --block-entries 32 \
        --checkpoint-blocks 8 --archive >"$scratch/run" 2>&1 || fail "run ended with $?"
}

make_a_home() {
    mkdir "$scratch/home"
    "$make_entries" --seed "$seed" --count 1 --out "$scratch/entries" \
        --genesis "$scratch/home/genesis.conf"
    run 2400
}

# write HEIGHT
write() {
    "$tenord" witness --home "$scratch/home" --block "$1" --out "$scratch/witness.$1" \
        >"$scratch/written.$1" || fail "witness of block $1 ended with $?"
}

blocks_are_good_on_their_witness_alone() {
    local height root
    for height in 1 2 7 8 31 52 75; do
        write "$height"
        mv "$scratch/home" "$scratch/away"
        root=$(field "root before" "$scratch/written.$height")
        [ "$(exit_code_of "$tenord" verify-block --file "$scratch/witness.$height" --root "$root")" = 0 ] ||
            fail "block $height: $(cat "$scratch/stderr")"
        mv "$scratch/away" "$scratch/home"
        [ "$(field "root after" "$scratch/stdout")" = "$(field "root after" "$scratch/written.$height")" ] ||
            fail "block $height leads elsewhere: $(cat "$scratch/stdout")"
    done
    # One block's state after is the next one's before.
    [ "$(field "root after" "$scratch/written.7")" = "$(field "root before" "$scratch/written.8")" ] ||
        fail "blocks 7 and 8 do not meet"
}

what_differs_is_named() {
    local size at
    cp "$scratch/witness.52" "$scratch/changed"
    size=$(stat -c %s "$scratch/changed")
    flip "$scratch/changed" $((size - 40))
    [ "$(exit_code_of "$tenord" verify-block --file "$scratch/changed")" = 3 ] ||
        fail "a changed node: $(cat "$scratch/stdout")"
    grep -q "root of the state before" "$scratch/stderr" || fail "$(cat "$scratch/stderr")"
    for at in 3 100 240 300 900 1200 3000 $((size / 2)) $((size - 1)); do
        cp "$scratch/witness.52" "$scratch/changed"
        flip "$scratch/changed" "$at"
        [ "$(exit_code_of "$tenord" verify-block --file "$scratch/changed")" != 0 ] ||
            fail "byte $at may be anything"
        [ -s "$scratch/stderr" ] || fail "byte $at: nothing is named"
    done
    head -c 1000 "$scratch/witness.52" >"$scratch/changed"
    [ "$(exit_code_of "$tenord" verify-block --file "$scratch/changed")" = 2 ] || fail "it is cut off"
}

# TNWITN99, and TNWITS99 of a set's block.
other_versions_are_refused_with_what_to_do() {
    local name
    for name in TNWITN99 TNWITS99; do
        cp "$scratch/witness.31" "$scratch/changed"
        printf %s "$name" | dd of="$scratch/changed" bs=1 conv=notrunc status=none
        [ "$(exit_code_of "$tenord" verify-block --file "$scratch/changed")" = 2 ] ||
            fail "$name is as good"
        grep -q "write it with this program, or use the one that wrote it" "$scratch/stderr" ||
            fail "$name: $(cat "$scratch/stderr")"
    done
}

another_block_than_the_trusted_is_refused() {
    local root
    root=$(field "root before" "$scratch/written.8")
    [ "$(exit_code_of "$tenord" verify-block --file "$scratch/witness.52" --root "$root")" = 3 ] ||
        fail "a witness of another state"
    [ "$(exit_code_of "$tenord" verify-block --file "$scratch/witness.52" --block "$root")" = 3 ] ||
        fail "a witness of another block"
    [ "$(exit_code_of "$tenord" verify-block --file "$scratch/witness.52" --after "$root")" = 3 ] ||
        fail "a witness that leads elsewhere"
    [ "$(exit_code_of "$tenord" verify-block --file "$scratch/witness.52" --memory-gib 0)" = 2 ] ||
        fail "more memory than is allowed"
}

a_witness_begins_from_a_snapshot_too() {
    local early=("$tenord" witness --home "$scratch/home" --snapshot "$scratch/snapshot")
    "$tenord" snapshot create --home "$scratch/home" --to "$scratch/snapshot" >"$scratch/stdout" ||
        fail "create ended with $?"
    run 3000
    write 90
    "${early[@]}" --block 90 --out "$scratch/later" >"$scratch/stdout" || fail "it ended with $?"
    cmp "$scratch/later" "$scratch/witness.90" || fail "another witness than from the genesis"
    [ "$(exit_code_of "${early[@]}" --block 7 --out "$scratch/early")" = 2 ] ||
        fail "the snapshot is later than the block"
    [ "$(exit_code_of "$tenord" witness --home "$scratch/home" --block 9999 --out "$scratch/late")" = 2 ] ||
        fail "there is no such block"
}

make_a_home
blocks_are_good_on_their_witness_alone
what_differs_is_named
other_versions_are_refused_with_what_to_do
another_block_than_the_trusted_is_refused
a_witness_begins_from_a_snapshot_too
echo "ok"
