#!/usr/bin/env bash
# Snapshots as an operator meets them: made, verified, damaged in every file, restored into a home
# that goes on to the same roots, and replayed from. And proofs of the restored home, checked by
# `tenor proof verify`.
#
# usage: test_snapshot.sh TENORD TENOR MAKE_ENTRIES SNAPSHOT_BYTES
set -euo pipefail
tenord=$1
tenor=$2
make_entries=$3
snapshot_bytes=$4
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
seed=${TENOR_SEED:-3}
options=(--block-entries 64 --checkpoint-blocks 16)

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

# run HOME ENTRIES: takes the entries that the home has not; prints the last root.
run() {
    "$tenord" run --solo --home "$1" --entries "$2" "${options[@]}" >"$scratch/run" 2>&1 ||
        fail "run ended with $?: $(tail -n 3 "$scratch/run")"
    sed -n 's/^msg=block .*root=//p' "$scratch/run" | tail -n 1
}

stored_root() { "$tenord" db stats --home "$1" | sed -n 's/^root *//p'; }

# flip FILE OFFSET: changes one byte.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059  # the byte is the format
    printf "\\$(printf '%03o' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

make_a_home() {
    mkdir "$scratch/home"
    "$make_entries" --seed "$seed" --count 4000 --out "$scratch/entries" \
        --genesis "$scratch/home/genesis.conf"
    "$make_entries" --seed "$seed" --count 6000 --out "$scratch/more_entries"
    run "$scratch/home" "$scratch/entries" >"$scratch/root"
}

snapshot_is_made_and_verified() {
    "$tenord" snapshot create --home "$scratch/home" --to "$scratch/snapshot" >"$scratch/stdout" ||
        fail "create ended with $?"
    grep -qF "$(cat "$scratch/root")" "$scratch/stdout" || fail "create tells another root"
    [ ! -e "$scratch/snapshot.part" ] || fail "the folder it was made in is still there"
    [ "$(exit_code_of "$tenord" snapshot create --home "$scratch/home" --to "$scratch/snapshot")" = 2 ] ||
        fail "a second one took the place of the first"
    "$tenord" snapshot verify --from "$scratch/snapshot" --root "$(cat "$scratch/root")" \
        >"$scratch/stdout" 2>"$scratch/stderr" || fail "verify ended with $?"
    [ ! -s "$scratch/stderr" ] || fail "verify complains: $(cat "$scratch/stderr")"
    grep -q "none is missing" "$scratch/stdout" || fail "verify says $(cat "$scratch/stdout")"
}

verify_says_when_nobody_vouches_for_the_root() {
    [ "$(exit_code_of "$tenord" snapshot verify --from "$scratch/snapshot")" = 0 ] || fail "not good"
    grep -q "no trusted root was given" "$scratch/stderr" || fail "it says nothing"
    local other
    other=$(printf '%064d' 7)
    [ "$(exit_code_of "$tenord" snapshot verify --from "$scratch/snapshot" --root "$other")" = 3 ] ||
        fail "another root is as good"
}

each_chunk_is_verified_alone() {
    local file
    for file in "$scratch/snapshot"/*-*; do
        [ "$(exit_code_of "$tenord" snapshot verify --from "$scratch/snapshot" \
            --root "$(cat "$scratch/root")" --chunk "$(basename "$file")")" = 0 ] ||
            fail "$file: $(cat "$scratch/stderr")"
    done
}

# In each file a byte near the start, one in the middle and the last.
a_changed_byte_is_found_and_the_file_named() {
    local file name size offset files_count=0
    for file in "$scratch/snapshot"/*; do
        name=$(basename "$file")
        size=$(stat -c %s "$file")
        for offset in 9 $((size / 2)) $((size - 1)); do
            cp "$file" "$scratch/whole"
            flip "$file" "$offset"
            [ "$(exit_code_of "$tenord" snapshot verify --from "$scratch/snapshot")" = 3 ] ||
                fail "byte $offset of $name was changed, and all is well"
            grep -qF "snapshot/$name:" "$scratch/stderr" ||
                fail "byte $offset of $name was changed: $(cat "$scratch/stderr")"
            [ "$(exit_code_of "$tenord" snapshot restore --from "$scratch/snapshot" \
                --home "$scratch/damaged")" = 3 ] || fail "restored with a damaged $name"
            [ ! -e "$scratch/damaged" ] || fail "a home was made of a damaged $name"
            cp "$scratch/whole" "$file"
        done
        files_count=$((files_count + 1))
    done
    [ "$files_count" -ge 10 ] || fail "$files_count files only"
}

# Of formats to come: the version is the fifth byte of each file.
other_versions_are_refused_with_what_to_do() {
    local file
    for file in head account-0000000000 chain-0000000000; do
        cp "$scratch/snapshot/$file" "$scratch/whole"
        printf '\143' | dd of="$scratch/snapshot/$file" bs=1 seek=4 conv=notrunc status=none
        [ "$(exit_code_of "$tenord" snapshot verify --from "$scratch/snapshot")" = 3 ] ||
            fail "version 99 of $file is as good"
        grep -q "$file: near byte 4: .*make a snapshot with this program, or use the one that made it" \
            "$scratch/stderr" || fail "$file: $(cat "$scratch/stderr")"
        cp "$scratch/whole" "$scratch/snapshot/$file"
    done
}

a_liar_who_makes_the_hashes_fit_is_found() {
    local step=997
    if [ "${TENOR_NIGHTLY:-}" != "" ]; then step=17; fi
    "$snapshot_bytes" "$scratch/snapshot" "$step" >"$scratch/stdout" 2>"$scratch/stderr" ||
        fail "$? $(cat "$scratch/stderr")"
}

a_missing_file_is_found() {
    local file
    for file in head account-0000000000 chain-0000000000; do
        mv "$scratch/snapshot/$file" "$scratch/whole"
        [ "$(exit_code_of "$tenord" snapshot verify --from "$scratch/snapshot")" != 0 ] ||
            fail "$file is missing, and all is well"
        mv "$scratch/whole" "$scratch/snapshot/$file"
    done
}

a_restored_home_goes_on_to_the_same_roots() {
    local first second
    "$tenord" snapshot restore --from "$scratch/snapshot" --home "$scratch/restored" \
        --root "$(cat "$scratch/root")" >"$scratch/stdout" || fail "restore ended with $?"
    [ "$(exit_code_of "$tenord" snapshot restore --from "$scratch/snapshot" \
        --home "$scratch/restored")" = 2 ] || fail "restored into a home that was not empty"
    "$tenord" db check --home "$scratch/restored" >"$scratch/stdout" || fail "db check: $?"
    first=$(run "$scratch/home" "$scratch/more_entries")
    second=$(run "$scratch/restored" "$scratch/more_entries")
    if [ "$first" = "" ] || [ "$first" != "$second" ]; then
        fail "'$first' and '$second'"
    fi
    "$tenord" db check --home "$scratch/restored" >"$scratch/stdout" || fail "db check: $?"
    # A restart finds the restored home's own log.
    [ "$(run "$scratch/restored" "$scratch/more_entries")" = "" ] || fail "entries were taken twice"
    [ "$(stored_root "$scratch/restored")" = "$first" ] || fail "another root after a restart"
}

replay_begins_from_a_snapshot() {
    local home
    for home in home restored; do
        "$tenord" replay --verify --home "$scratch/$home" --snapshot "$scratch/snapshot" \
            >"$scratch/stdout" || fail "$home: $?"
        grep -qF "$(stored_root "$scratch/home")" "$scratch/stdout" || fail "$home: another root"
    done
}

a_snapshot_of_the_restored_home_is_the_same_bytes() {
    local home
    for home in home restored; do
        "$tenord" snapshot create --home "$scratch/$home" --to "$scratch/again_$home" \
            >"$scratch/stdout" || fail "$home: $?"
    done
    diff -r "$scratch/again_home" "$scratch/again_restored" || fail "they differ"
}

proofs_of_the_restored_home_hold() {
    local root which code
    root=$(stored_root "$scratch/restored")
    for which in "account 1" conservation solvency "exit 2"; do
        # shellcheck disable=SC2086  # several words
        "$tenord" inspect --home "$scratch/restored" --out "$scratch/proof" proof $which \
            >"$scratch/stdout" || fail "$which: $?"
        "$tenor" proof verify --file "$scratch/proof" --root "$root" >"$scratch/stdout" ||
            fail "$which does not hold"
        "$tenor" proof verify --file "$scratch/proof" --root "$root" --json >"$scratch/json" ||
            fail "$which as JSON"
        grep -q "\"proof_of\": \"${which%% *}\"" "$scratch/json" || fail "$which is told otherwise"
        flip "$scratch/proof" 100
        code=$(exit_code_of "$tenor" proof verify --file "$scratch/proof" --root "$root")
        [ "$code" = 3 ] || fail "$which with a changed byte ends with $code"
        grep -q "does not hold: step" "$scratch/stderr" || fail "no step: $(cat "$scratch/stderr")"
    done
    flip "$scratch/proof" 100
    printf 2 | dd of="$scratch/proof" bs=1 seek=4 conv=notrunc status=none # TNPF2
    code=$(exit_code_of "$tenor" proof verify --file "$scratch/proof" --root "$root")
    [ "$code" = 3 ] || fail "another version ends with $code"
    grep -q "of a version or type that the program that made it reads" "$scratch/stderr" ||
        fail "another version: $(cat "$scratch/stderr")"
    code=$(exit_code_of "$tenor" proof verify --file "$scratch/proof")
    [ "$code" = 2 ] || fail "without a root it ends with $code"
    code=$(exit_code_of "$tenor" proof verify --file "$scratch/absent" --root "$root")
    [ "$code" = 2 ] || fail "without a file it ends with $code"
}

a_snapshot_is_made_beside_the_running_node() {
    local node tries code=0
    "$tenord" run --solo --home "$scratch/home" --listen "$scratch/socket" "${options[@]}" \
        2>"$scratch/run" &
    node=$!
    for ((tries = 0; tries < 200; tries++)); do
        [ ! -S "$scratch/socket" ] || break
        sleep 0.1
    done
    "$tenord" snapshot create --home "$scratch/home" --to "$scratch/beside/" >"$scratch/stdout" ||
        code=$?
    kill "$node"
    wait "$node" || fail "the node ended with $?: $(cat "$scratch/run")"
    [ "$code" = 0 ] || fail "create ended with $code"
    diff -r "$scratch/again_home" "$scratch/beside" || fail "it differs from one made before"
}

make_a_home
snapshot_is_made_and_verified
verify_says_when_nobody_vouches_for_the_root
each_chunk_is_verified_alone
a_changed_byte_is_found_and_the_file_named
other_versions_are_refused_with_what_to_do
a_liar_who_makes_the_hashes_fit_is_found
a_missing_file_is_found
a_restored_home_goes_on_to_the_same_roots
replay_begins_from_a_snapshot
a_snapshot_of_the_restored_home_is_the_same_bytes
proofs_of_the_restored_home_hold
a_snapshot_is_made_beside_the_running_node
echo "all snapshots and proofs are as they should be"
