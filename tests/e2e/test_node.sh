#!/usr/bin/env bash
# The commands of docs/node.md, as the page says them: entries from a file, from standard input and
# from a socket; restarts in every way; the tools, also beside a node at work; proofs of every kind
# against both verifiers; and what must be refused, with its exit code and a sentence.
#
# usage: test_node.sh TENORD TENOR MAKE_ENTRIES VERIFY_PROOF_PY
set -euo pipefail
tenord=$1
tenor=$2
make_entries=$3
verify_proof=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
seed=${TENOR_SEED:-3}
small=(--segment-bytes 1048576) # a new segment is written full of zeros
node=0

clean_up() {
    if [ "$node" != 0 ]; then kill -KILL "$node" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "FAILED: ${FUNCNAME[1]} (TENOR_SEED=$seed): $*"
    tail -n 5 "$work/err" 2>/dev/null || true
    exit 1
}

# expect CODE WORDS COMMAND...: how it ends, and words that it says on either stream.
expect() {
    local wanted=$1 words=$2 code=0
    shift 2
    "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    [ "$code" = "$wanted" ] || fail "ended with $code, not $wanted: $*"
    cat "$work/out" "$work/err" >"$work/said"
    grep -qF -- "$words" "$work/said" || fail "does not say '$words': $*: $(cat "$work/said")"
}

# new_home NAME: an empty home of the test's chain.
new_home() {
    mkdir "$work/$1"
    cp "$work/genesis.conf" "$work/$1/genesis.conf"
}

run() {
    local home=$1
    shift
    expect 0 msg=stopped "$tenord" run --solo --home "$work/$home" "${small[@]}" "$@"
}

stat_of() { "$tenord" db stats --home "$work/$1" | sed -n "s/^$2  *//p"; }
root_of() { stat_of "$1" root; }
has_checkpoint() { "$tenord" db stats --home "$work/$1" >/dev/null 2>&1; }

# All that can be checked of a home that keeps all of its history.
is_whole() {
    expect 0 "the store is whole" "$tenord" db check --home "$work/$1"
    expect 0 "the same" "$tenord" replay --verify --home "$work/$1"
}

# wait_for WORDS FILE: until a node has said them, a minute at most.
until_true() {
    local what=$1
    shift
    for _ in $(seq 1200); do
        if "$@"; then return; fi
        sleep 0.05
    done
    fail "did not come: $what"
}
wait_for() { until_true "$1" grep -qsF -- "$1" "$2"; }

stop_node() {
    local code=0
    kill -TERM "$node"
    wait "$node" || code=$?
    node=0
    [ "$code" = 0 ] || fail "SIGTERM: ended with $code"
}

entries_are_made() {
    "$make_entries" --seed "$seed" --count 4000 --out "$work/entries" \
        --genesis "$work/genesis.conf"
    "$make_entries" --seed "$seed" --count 6000 --out "$work/more"
    "$make_entries" --seed "$seed" --count 20000 --out "$work/many"
}

genesis_is_printed_and_refused() {
    expect 0 "accounts_max" "$tenord" genesis
    cp "$work/out" "$work/default.conf"
    expect 0 "# chain id" "$tenord" genesis --file "$work/default.conf"
    grep "chain id" "$work/default.conf" | diff - <(grep "chain id" "$work/out") ||
        fail "what it prints is another chain"
    printf 'market = 1\naccounts = 5\n' >"$work/bad.conf"
    expect 2 "bad.conf:2:1: unknown name 'accounts'" "$tenord" genesis --file "$work/bad.conf"
    printf 'market = 1\nmarket = 2\n' >"$work/bad.conf"
    expect 2 "named twice: 'market'" "$tenord" genesis --file "$work/bad.conf"
    printf 'accounts_max = many\n' >"$work/bad.conf"
    expect 2 "not a whole number: 'many'" "$tenord" genesis --file "$work/bad.conf"
    printf 'fills_max = 100000\n' >"$work/bad.conf"
    expect 2 "out of its range" "$tenord" genesis --file "$work/bad.conf"
    printf 'chain = "a b"\n' >"$work/bad.conf"
    expect 2 "letters, digits and '-'" "$tenord" genesis --file "$work/bad.conf"
}

a_file_is_taken_once_and_its_longer_version_goes_on() {
    new_home whole
    run whole --entries "$work/more" --block-entries 100 --archive
    new_home parts
    run parts --entries "$work/entries" --block-entries 100 --archive
    expect 0 "msg=stopped entries=4000" "$tenord" run --solo --home "$work/parts" \
        --entries "$work/entries" --block-entries 100 --archive
    grep -q "msg=skipping entries=4000" "$work/err" || fail "does not tell what it skips"
    run parts --entries "$work/more" --block-entries 100 --archive --checkpoint-blocks 3
    [ "$(root_of whole)" = "$(root_of parts)" ] || fail "a restart made another state"
    is_whole parts
    expect 0 "blocks 1 to 7:" "$tenord" replay --home "$work/parts" --until 7
    expect 2 "not until 61" "$tenord" replay --home "$work/parts" --until 61
    expect 0 "msg=stopped entries=6010" "$tenord" run --solo --home "$work/parts" \
        --entries "$work/many" --skip 19990 --archive
}

flags_may_change_between_runs_and_kills() {
    new_home flags
    local count=0 kept="" block
    for block in 64 1000 7 250; do
        count=$((count + 1000))
        "$make_entries" --seed "$seed" --count "$count" --out "$work/growing"
        { cat "$work/growing"; exec sleep 30; } >"$work/pipe" &
        local writer=$!
        : >"$work/err" # of the run before it says ready too
        "$tenord" run --solo --home "$work/flags" --entries - --block-entries "$block" \
            --checkpoint-blocks $((block % 5 + 1)) --segment-bytes $((16384 + 4096 * block)) --archive \
            <"$work/pipe" 2>"$work/err" &
        node=$!
        wait_for msg=ready "$work/err"
        grep -q "msg=ready .* entries=$kept" "$work/err" || fail "SIGTERM lost entries: $kept"
        kept=""
        sleep 0.4
        if [ "$block" = 7 ]; then
            stop_node
            kept="$(sed -n 's/^msg=stopped entries=//p' "$work/err") "
        else
            kill -KILL "$node"
            { wait "$node"; } 2>/dev/null || true
            node=0
        fi
        kill "$writer" 2>/dev/null || true
        { wait "$writer"; } 2>/dev/null || true
        expect 0 "the store is whole" "$tenord" db check --home "$work/flags"
    done
    run flags --entries "$work/growing" --archive
    grep -q "msg=stopped entries=4000" "$work/err" || fail "not all entries are there"
    is_whole flags
}

bad_entries_are_refused_and_what_was_before_is_kept() {
    new_home cut
    "$make_entries" --seed "$seed" --count 1500 --out "$work/part"
    head -c -1 "$work/part" >"$work/cut_entries"
    expect 2 "is cut off or longer" "$tenord" run --solo --home "$work/cut" "${small[@]}" \
        --entries "$work/cut_entries"
    is_whole cut
    run cut --entries "$work/entries" --archive
    grep -q "msg=stopped entries=4000" "$work/err" || fail "the whole file does not go on"
    new_home wrong
    printf '\0\0\0\3\377\377\377' | cat - "$work/entries" >"$work/wrong_entries"
    expect 2 "entry 1, byte" "$tenord" run --solo --home "$work/wrong" "${small[@]}" \
        --entries "$work/wrong_entries"
    expect 2 "cannot read $work/absent" "$tenord" run --solo --home "$work/wrong" \
        --entries "$work/absent"
}

clients_are_answered_each_entry_in_order() {
    new_home served
    "$tenord" run --solo --home "$work/served" --listen "$work/socket" --quiet \
        "${small[@]}" 2>"$work/served.err" &
    node=$!
    wait_for msg=listening "$work/served.err"
    [ "$(stat -c %a "$work/socket")" = 700 ] || fail "others may feed the node"
    # More answers than wait for one client, and the client has closed its side.
    expect 0 "done=20000 refused=0 full=0" python3 "$here/node_client.py" "$work/socket" \
        "$work/many" 40000
    printf '\0\0\0\3\377\377\377\0\0\0\0' >"$work/wrong_entries"
    expect 0 "done=0 refused=2 full=0" python3 "$here/node_client.py" "$work/socket" \
        "$work/wrong_entries" 9
    printf '\377\0\0\0' >"$work/wrong_entries"
    expect 0 "longer than the most" python3 "$here/node_client.py" "$work/socket" "$work/wrong_entries" 9
    expect 2 "another process" "$tenord" run --solo --home "$work/served" --entries "$work/more"
    new_home second
    expect 2 "Address already in use" "$tenord" run --solo --home "$work/second" \
        --listen "$work/socket"
    expect 2 "File exists" "$tenord" run --solo --home "$work/second" --listen "$work/entries"
    [ -s "$work/entries" ] || fail "a file was in the way, and is gone"
    stop_node
    grep -q "msg=stopped entries=20000" "$work/served.err" || fail "entries are missing"
    [ ! -e "$work/socket" ] || fail "the socket is still there"
    expect 0 "the store is whole" "$tenord" db check --home "$work/served"
}

tools_work_beside_a_node_at_work() {
    new_home busy
    "$tenord" run --solo --home "$work/busy" --listen "$work/socket" --block-entries 50 \
        --checkpoint-blocks 2 --archive --quiet "${small[@]}" 2>"$work/busy.err" &
    node=$!
    wait_for msg=listening "$work/busy.err"
    python3 "$here/node_client.py" "$work/socket" "$work/many" 20000 >"$work/client" &
    local client=$!
    until_true "the node makes its first checkpoint" has_checkpoint busy
    for turn in 1 2; do
        is_whole busy
        expect 0 "height" "$tenord" db stats --home "$work/busy"
        expect 0 "holds height" "$tenord" backup --home "$work/busy" --to "$work/backup$turn"
    done
    wait "$client" || fail "the client: $(cat "$work/client")"
    grep -q "done=20000" "$work/client" || fail "the client: $(cat "$work/client")"
    expect 0 "owner" "$tenord" inspect --home "$work/busy" account 0
    # A stale socket of a process that was killed is replaced.
    kill -KILL "$node"
    { wait "$node"; } 2>/dev/null || true
    node=0
    [ -e "$work/socket" ] || fail "there is no stale socket to be replaced"
    rm "$work/busy.err" # or the last run's words are taken for those of this one
    "$tenord" run --solo --home "$work/busy" --listen "$work/socket" --archive 2>"$work/busy.err" &
    node=$!
    wait_for msg=listening "$work/busy.err"
    grep -q "msg=ready .* entries=20000" "$work/busy.err" || fail "answered entries are gone"
    stop_node
    is_whole busy
    is_whole backup2
    run backup2 --entries "$work/many" --block-entries 50 --archive --quiet
    [ "$(root_of backup2)" = "$(root_of busy)" ] || fail "the backup goes another way"
    is_whole backup2
    expect 2 "File exists" "$tenord" backup --home "$work/busy" --to "$work/backup1"
    expect 2 "No such file" "$tenord" backup --home "$work/busy" --to "$work/nowhere/backup"
    expect 2 "No such file" "$tenord" inspect proof account 1 --home "$work/busy" --out "$work/nowhere/a"
}

# prove NAME KIND...: made, and accepted by both verifiers; not under another root.
prove() {
    local root other
    root=$(root_of whole)
    other=$(echo "$root" | tr 0-9a-f 1-9a-f0)
    expect 0 "$root" "$tenord" inspect --home "$work/whole" --out "$work/proof" proof "$@"
    expect 0 "" "$tenor" proof verify --file "$work/proof" --root "$root"
    expect 0 "" python3 -B "$verify_proof" "$root" "$work/proof"
    expect 3 "" "$tenor" proof verify --file "$work/proof" --root "$other"
}

proofs_of_every_kind_are_accepted_by_both_verifiers() {
    local account=3 series order=0
    expect 0 "cash" "$tenord" inspect --home "$work/whole" account "$account"
    series=$(sed -n 's/^position  *\([^ ]*\) .*/\1/p' "$work/out" | head -n 1)
    [ -n "$series" ] || fail "account $account has no position: take another seed"
    # What it holds of a series is what it has bought of it and not sold.
    local held
    held=$(sed -n "s/^position  *$series  *+*\(-*[0-9]*\) lots.*/\1/p" "$work/out")
    expect 0 "fills in blocks 1 to" "$tenord" inspect --home "$work/whole" fills "$account"
    [ "$(awk -v s="$series" '$7 == s { n += $3 == "buys" ? $4 : -$4 } END { print n }' "$work/out")" = "$held" ] ||
        fail "fills of $series do not add up to $held"
    expect 0 "closed" "$tenord" inspect --home "$work/whole" order 1
    expect 2 "the store knows no order 1234567" "$tenord" inspect --home "$work/whole" order 1234567
    prove account "$account"
    prove position "$account" "$series"
    prove series "$series"
    prove block 1
    prove block "$(stat_of whole height)"
    prove withdrawal 0
    prove conservation
    prove exit "$account"
    # A stream may leave accounts in debt that insurance does not cover.
    if ! "$tenord" inspect --home "$work/whole" --out "$work/proof" proof solvency \
        >"$work/out" 2>"$work/err"; then
        grep -q "more than vault and insurance hold" "$work/err" || fail "no proof of solvency"
    else
        prove solvency
    fi
    for id in $(seq 900 -1 1); do
        if "$tenord" inspect --home "$work/whole" --out "$work/proof" proof order "$id" \
            >"$work/out" 2>"$work/err"; then
            order=$id
            break
        fi
    done
    [ "$order" != 0 ] || fail "no order rests: take another seed"
    prove order "$order"
    expect 0 "root before" "$tenord" inspect --home "$work/whole" block 2
    local inspect=("$tenord" inspect --home "$work/whole" --out "$work/no.proof")
    expect 2 "there is no account '999': the last is" "${inspect[@]}" proof account 999
    expect 2 "there is no withdrawal" "${inspect[@]}" proof withdrawal 99999
    expect 2 "no order 1234567 rests" "${inspect[@]}" proof order 1234567
    expect 2 "is not the number of an order" "${inspect[@]}" proof order x
    expect 2 "there is no series" "${inspect[@]}" proof series NO-SUCH
    expect 2 "which series?" "${inspect[@]}" proof series
    expect 2 "there is no block 0: the genesis is none" "${inspect[@]}" proof block 0
    expect 2 "a proof of what" "${inspect[@]}" proof nothing
    expect 2 "takes block, account, fills, order or proof" "${inspect[@]}"
    [ ! -e "$work/no.proof" ] || fail "a proof that was refused left a file"
}

old_history_is_pruned_and_the_rest_is_whole() {
    new_home pruned
    run pruned --entries "$work/many" --block-entries 64 --checkpoint-blocks 8 --retain-hours 1
    local first
    first=$(stat_of pruned "first block")
    [ "$first" -gt 1 ] || fail "nothing was pruned: $first"
    expect 0 "blocks $first to" "$tenord" db check --home "$work/pruned"
    expect 2 "blocks below $first are pruned" "$tenord" replay --home "$work/pruned"
    expect 2 "it holds $first to" "$tenord" inspect --home "$work/pruned" block 1
    expect 0 "" "$tenord" inspect --home "$work/pruned" --out "$work/proof" proof block "$first"
    expect 0 "" "$tenor" proof verify --file "$work/proof" --root "$(root_of pruned)"
    run pruned --entries "$work/many" --archive
    new_home kept
    run kept --entries "$work/many" --block-entries 64 --archive
    [ "$(root_of kept)" = "$(root_of pruned)" ] || fail "pruning changed the state"
    [ "$(stat_of kept "first block")" = 1 ] || fail "an archive was pruned"
}

homes_that_do_not_fit_are_refused() {
    local solo=("$tenord" run --solo "${small[@]}" --entries "$work/entries" --home)
    expect 2 "a home needs a genesis" "${solo[@]}" "$work/nowhere"
    expect 2 "a home needs a genesis" "$tenord" db check --home "$work/nowhere"
    new_home empty
    for tool in "db check" "db stats" "replay" "inspect block 1" "backup --to $work/none"; do
        # shellcheck disable=SC2086  # the words of a command
        expect 2 "there is no store at" "$tenord" $tool --home "$work/empty"
    done
    [ ! -e "$work/none" ] || fail "a refused backup left a folder"

    cp -r "$work/cut" "$work/edited"
    sed -i 's/^exit_blocks = .*/exit_blocks = 9/' "$work/edited/genesis.conf"
    expect 2 "another chain" "${solo[@]}" "$work/edited"
    expect 2 "another chain" "$tenord" db check --home "$work/edited"
    expect 2 "another chain" "$tenord" inspect --home "$work/edited" account 0

    cp -r "$work/cut" "$work/logless"
    rm -r "$work/logless/log"
    expect 3 "the log in" "${solo[@]}" "$work/logless"
    expect 3 "the log in" "${solo[@]}" "$work/logless"
    cp -r "$work/cut" "$work/storeless"
    rm -r "$work/storeless/store"
    expect 0 "msg=stopped entries=4000" "${solo[@]}" "$work/storeless"
    [ "$(root_of cut)" = "$(root_of storeless)" ] || fail "the log alone made another state"

    # A store ahead of its log: of a copy that was taken earlier.
    new_home behind
    run behind --entries "$work/entries" --quiet
    cp -r "$work/behind/log" "$work/early"
    run behind --entries "$work/more" --quiet
    rm -r "$work/behind/log"
    mv "$work/early" "$work/behind/log"
    expect 3 "one of them is not of this node" "${solo[@]}" "$work/behind"
}

damage_is_named() {
    cp -r "$work/cut" "$work/damaged"
    local size at wrong=0
    size=$(stat -c %s "$work/damaged/store/data.mdb")
    for at in $(seq 9000 $((size / 24)) $((size - 1))); do
        cp "$work/cut/store/data.mdb" "$work/damaged/store/data.mdb"
        printf 'tear' | dd of="$work/damaged/store/data.mdb" bs=1 seek="$at" conv=notrunc status=none
        local code=0
        "$tenord" db check --home "$work/damaged" >"$work/out" 2>"$work/err" || code=$?
        case $code in
            0) grep -q "the store is whole" "$work/out" || fail "says nothing at $at" ;;
            3) grep -q "the store is damaged" "$work/err" || fail "no sentence at $at" ;;
            *) fail "damage at $at: ended with $code" ;;
        esac
        if [ "$code" = 3 ]; then wrong=$((wrong + 1)); fi
    done
    [ "$wrong" -gt 4 ] || fail "only $wrong of 24 were found"
    cp "$work/cut/store/data.mdb" "$work/damaged/store/data.mdb"
    local segment
    segment=$(find "$work/damaged/log" -name '*.log' | sort | head -n 1)
    rm -r "$work/damaged/store"
    printf 'tear' | dd of="$segment" bs=1 seek=4500 conv=notrunc status=none
    expect 3 "$segment" "$tenord" run --solo --home "$work/damaged" --entries "$work/entries"
}

options_are_checked() {
    expect 2 "run needs --solo" "$tenord" run --home "$work/whole"
    expect 2 "at least 1" "$tenord" run --solo --home "$work/whole" --block-entries 0
    expect 2 "multiple of 4096" "$tenord" run --solo --home "$work/whole" --segment-bytes 5000
    expect 2 "takes a whole number up to" "$tenord" run --solo --home x --block-entries 1000001
    expect 2 "unknown option '--fast'" "$tenord" run --solo --home "$work/whole" --fast
    expect 2 "--home needs a value" "$tenord" run --solo --home
    expect 2 "db takes check or stats" "$tenord" db --home "$work/whole"
    expect 2 "unknown command" "$tenord" walk
    for command in genesis run db snapshot backup replay inspect; do
        expect 0 "usage: tenord $command" "$tenord" "$command" --help
    done
}

mkfifo "$work/pipe"
passed=0
for test in entries_are_made genesis_is_printed_and_refused options_are_checked \
    a_file_is_taken_once_and_its_longer_version_goes_on flags_may_change_between_runs_and_kills \
    bad_entries_are_refused_and_what_was_before_is_kept clients_are_answered_each_entry_in_order \
    tools_work_beside_a_node_at_work proofs_of_every_kind_are_accepted_by_both_verifiers \
    old_history_is_pruned_and_the_rest_is_whole homes_that_do_not_fit_are_refused damage_is_named; do
    "$test"
    echo "ok $test (${SECONDS} s)"
    passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
