#!/usr/bin/env bash
# State sync between real nodes while bots trade: a node whose home is lost, a node that was away for
# longer than blocks are fetched one by one, and nodes that are killed at every moment of it. Each
# must come back by the state of its peers, hold their roots, and vote again. So must one whose home
# is made of a snapshot that was taken beside a node at work; and what they did is executed once more.
#
# usage: test_sync.sh TENORD TENOR_PLAY SET_SNAPSHOT_BYTES
# TENOR_SEED chooses the moments of the kills.
set -euo pipefail
tenord=$1
play=$2
snapshot_bytes=$3
RANDOM=${TENOR_SEED:-$$}
seed=${TENOR_SEED:-$$}
. "$(dirname "$0")/set_lib.sh"

blocks=96 # further behind than start_options say, and past a checkpoint of the store
log_of() { echo "$work/node-$1.log"; }
said() { grep -c "$2" "$(log_of "$1")" 2>/dev/null || true; }
has_said() { [ "$(said "$1" "$2")" -ge "$3" ]; }

# away NODE: the others go on without it for so long that it needs their state.
away() {
    local others=$((($1 + 1) % 4))
    within 60 "the others go on without node-$1" is_at_least "$others" $(($(height "$others") + blocks))
}

# comes_back NODE SYNCS: it has taken the state so many times in its life, votes, and executes.
comes_back() {
    within 60 "node-$1 has taken the state (seed $seed)" has_said "$1" msg=sync_done "$2"
    within 60 "node-$1 votes again (seed $seed)" speaks "$1"
    moves_on "$1"
}

wipe_home() { rm -rf "$net/node-$1/log" "$net/node-$1/store"; }

lost_home() {
    kill_node 3
    wipe_home 3
    away 3
    start_node 3
    comes_back 3 1
    say "a node without a home came back: $(grep msg=sync_done "$(log_of 3)" | sed 's/ root=[0-9a-f]*//')"
}

long_absence() {
    stop_node 2
    away 2
    start_node 2
    comes_back 2 1
    say "a node that was away for $blocks blocks came back"
}

# Peers call again after a second or two, and by then the set may have made more blocks than the usual
# limit: it takes no state where a scene is about what it has.
start_with_what_it_has() {
    local usual=("${start_options[@]}")
    start_options=("${usual[@]/%64/4096}")
    start_node "$1"
    start_options=("${usual[@]}")
}

# A restart after it goes on from what was synced, and has nothing to sync.
restart() {
    local begun
    begun=$(said 3 msg=sync_begins)
    kill_node 3
    start_with_what_it_has 3
    within 60 "node-3 votes after a restart" speaks 3
    moves_on 3
    [ "$(said 3 msg=sync_begins)" = "$begun" ] || fail "node-3 took the state again for nothing"
}

# expect CODE WORDS COMMAND...: of tenord. The slower the machine, the more blocks are there to replay.
expect() {
    local wanted=$1 saying=$2 code=0
    shift 2
    timeout 600 "$tenord" "$@" >"$work/said" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || fail "ended with $code, not $wanted: $*: $(cat "$work/said")"
    grep -qF -- "$saying" "$work/said" || fail "does not say '$saying': $*: $(cat "$work/said")"
}
# damage FILE: its byte in the middle is another one.
damage() {
    "$python" - "$1" <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[1], "wb").write(data)
PYTHON
}

# each_chunk_alone SNAPSHOT CHAIN: nothing but the head, the genesis and that chunk is there.
each_chunk_alone() {
    local file name count=0
    for file in "$1"/records-*; do
        name=$(basename "$file")
        rm -rf "$work/alone"
        mkdir "$work/alone"
        cp "$1/head" "$1/genesis.conf" "$1/set.conf" "$file" "$work/alone/"
        expect 0 "are under the root" snapshot verify --from "$work/alone" --chain "$2" --chunk "$name"
        damage "$work/alone/$name"
        expect 3 "$work/alone/$name: " snapshot verify --from "$work/alone" --chunk "$name"
        count=$((count + 1))
    done
    [ "$count" -ge 12 ] || fail "there are $count chunks only"
    expect 3 "chunks are bad" snapshot verify --from "$work/alone"
    expect 2 'names no chunk' snapshot verify --from "$1" --chunk records-006-0000000000
}

# other_versions SNAPSHOT: the version is the fifth byte of each file; 2 had no proofs.
other_versions() {
    local file
    rm -rf "$work/bad"
    cp -r "$1" "$work/bad"
    for file in head records-005-0000000000 records-224-0000000000; do
        printf '\002' | dd of="$work/bad/$file" bs=1 seek=4 conv=notrunc status=none
        expect 3 "$work/bad/$file: near byte 4: it is of a version" snapshot verify --from "$work/bad"
        grep -q 'make a snapshot with this program, or use the one that made it' "$work/said" ||
            fail "it is not said what to do: $(cat "$work/said")"
        cp "$1/$file" "$work/bad/$file"
    done
}

knows_its_voice() { [[ "$(field "$1" voice)" =~ ^(speaks|silent)$ ]]; }

# Beside a node at work, with the set's signatures; then a home of it, which goes on.
snapshots() {
    local snap=$work/snap home=$net/node-3 step=499 chain file
    if [ "${TENOR_NIGHTLY:-}" != "" ]; then step=17; fi
    expect 0 "with the sequencers' certificate" snapshot create --home "$net/node-1" --to "$snap"
    snapshot_height=$(sed -n 's/.*: height \([0-9]*\), root .*/\1/p' "$work/said")
    expect 2 'is there already' snapshot create --home "$net/node-1" --to "$snap"
    expect 0 'a quorum of the sequencers has signed this root' snapshot verify --from "$snap"
    grep -q 'no chain was given' "$work/said" || fail "it is not said whom one believes"
    chain=$(sed -n 's/.*the chain is //p' "$work/said")
    expect 0 'a quorum of the sequencers has signed' snapshot verify --from "$snap" --chain "$chain"
    if grep -q 'no chain was given' "$work/said"; then fail "the trusted chain is not taken"; fi
    expect 3 'not of the trusted one' snapshot verify --from "$snap" --chain "${chain//[0-7]/8}"
    expect 3 'not of the trusted one' snapshot verify --from "$snap" --root "$chain"
    each_chunk_alone "$snap" "$chain"
    other_versions "$snap"
    "$snapshot_bytes" "$snap" "$step" >"$work/said" 2>&1 ||
        fail "a liar who makes the hashes fit: $(cat "$work/said")"
    for file in head records-005-0000000000 records-017-0000000000 records-224-0000000000; do
        rm -rf "$work/bad"
        cp -r "$snap" "$work/bad"
        damage "$work/bad/$file"
        expect 3 "near byte" snapshot verify --from "$work/bad"
        grep -qF "$work/bad/$file: " "$work/said" || fail "$file is not named: $(cat "$work/said")"
        expect 3 "$work/bad/$file: " snapshot restore --from "$work/bad" --home "$work/none"
        [ ! -e "$work/none" ] || fail "a home was made of a snapshot that is damaged"
    done
    sed -i 's/^validator/& 02/' "$snap/../bad/set.conf"
    expect 2 'set.conf' snapshot verify --from "$work/bad"
    expect 2 'is there: a snapshot goes into a home without' \
        snapshot restore --from "$snap" --home "$home"
    kill_node 3
    wipe_home 3
    expect 0 'tenord start goes on from there' \
        snapshot restore --from "$snap" --home "$home" --chain "$chain"
    : >"$(log_of 3)"
    start_node 3
    within 60 "node-3 begins with the snapshot" has_said 3 "msg=ready height=$snapshot_height " 1
    # It goes on from there by blocks. The others hold votes of its lost log that may lie above the
    # snapshot: then it stays silent, until it stands above them too.
    moves_on 3
    within 60 "node-3 knows whether it may vote" knows_its_voice 3
    kill_node 3
    away 3
    start_node 3
    within 60 "node-3 votes again, above all that its lost log had" speaks 3
    moves_on 3
    say "a home was made of a snapshot of height $snapshot_height"
}

# Killed at random moments of the sync; some fall before and some behind it.
kills() {
    local begun wait_ms
    kill_node 3
    wipe_home 3
    away 3
    for _ in 1 2 3 4 5 6; do
        begun=$(said 3 msg=peer_up)
        start_node 3
        within 60 "node-3 reaches a peer" has_said 3 msg=peer_up $((begun + 1))
        wait_ms=$((RANDOM % 420))
        sleep "$(printf '0.%03d' "$wait_ms")"
        kill_node 3
    done
    away 3
    start_node 3
    within 60 "node-3 votes after the kills (seed $seed)" speaks 3
    moves_on 3
    say "killed six times while it took the state: $(said 3 msg=sync_taking) begun, $(said 3 msg=sync_wiped) wiped"
}

# What a crash leaves at the moments that last too short to be hit.
leftovers() {
    local home=$net/node-3
    stop_node 3
    mkdir "$home/store.sync"
    head -c 5000 "$home/store/data.mdb" >"$home/store.sync/data.mdb"
    start_with_what_it_has 3
    within 60 "node-3 starts beside half a store" speaks 3
    stop_node 3
    [ ! -e "$home/store.sync" ] || fail "half a store was left"
    cp -r "$home/store" "$home/store.old"
    mv "$home/store" "$home/store.sync"
    start_with_what_it_has 3
    within 60 "node-3 starts between the two renames" speaks 3
    has_said 3 msg=sync_resumed 1 || fail "the change of stores was not finished"
    stop_node 3
    if [ ! -d "$home/store" ] || [ -e "$home/store.old" ]; then fail "stores were left"; fi
    cp -r "$home/store" "$home/store.old"
    start_with_what_it_has 3
    within 60 "node-3 starts behind the two renames" speaks 3
    [ ! -e "$home/store.old" ] || fail "the old store was left"
    moves_on 3
    say "what crashes leave was tidied"
}

# What became of orders is the same in a home whose node took its state from others and was killed as
# in one that was there throughout; it is asked for beside both at work.
lives_of_orders() {
    local id ids taker found=0
    kill_node 2
    start_with_what_it_has 2
    within 60 "node-2 votes after a restart" speaks 2
    expect 0 ' fills in blocks ' inspect --home "$net/node-2" fills 0
    taker=$(sed -n 's/.*with account \([0-9]*\),.*/\1/p' "$work/said" | tail -n 1)
    [ -n "$taker" ] || fail "account 0 made no trade"
    expect 0 ' fills in blocks ' inspect --home "$net/node-2" fills "$taker"
    mapfile -t ids < <(sed -n 's/.*, order \([0-9]*\) .*/\1/p' "$work/said" | sort -nu | tail -n 5)
    for id in "${ids[@]}"; do
        expect 0 ' filled: ' inspect --home "$net/node-2" order "$id"
        grep -q ', closed$' "$work/said" || continue
        cp "$work/said" "$work/life"
        expect 0 ' filled: ' inspect --home "$net/node-0" order "$id"
        diff "$work/life" "$work/said" || fail "node-2 tells another life of order $id"
        found=$((found + 1))
    done
    [ "$found" -ge 1 ] || fail "no order of account $taker is over"
    say "the lives of $found orders of account $taker are the same after a restart"
}

set_open 4
for i in $(all_nodes); do
    echo "checkpoint_blocks 16" >>"$net/node-$i/set.conf"
    sed -i 's/^exit_blocks .*/exit_blocks = 40/' "$net/node-$i/genesis.conf"
done
start_options+=(--behind-blocks 64 --checkpoint-blocks 32)
start_all
start_play 0
lost_home
long_absence
restart
snapshots
kills
leftovers
end_play "trading throughout"
within 60 "all nodes hold one state" are_equal 0 1 2 3
for i in $(all_nodes); do speaks "$i" || fail "node-$i does not vote"; done
check_logs
lives_of_orders
# One is killed where its log goes further than its store, whose checkpoints are at multiples of 32.
is_between_checkpoints() {
    local behind=$(($(height 1) % 32))
    [ "$behind" -ge 16 ] && [ "$behind" -lt 26 ]
}
within 60 "node-1 is between two checkpoints" is_between_checkpoints
kill_node 1
for i in 0 2 3; do stop_node "$i"; done
# All that the set did once more; of a node that took its state from others there is but a part.
expect 0 ': every root is the same' replay --verify --home "$net/node-0"
grep -q '^blocks 1 to ' "$work/said" || fail "not every root was compared"
say "$(tail -n 2 "$work/said" | tr '\n' ' ')"
expect 0 'PART OF HISTORY: blocks 1 to ' replay --verify --home "$net/node-3"
grep -q 'are one chain that ends in this state' "$work/said" || fail "the blocks that are there were not followed"
expect 0 " of the log, behind the store's checkpoint, lead to " replay --verify --home "$net/node-1"
grep -q ' of them are under a FINALIZATION whose signatures hold$' "$work/said" || fail "not all of them have certificates"
grep -q '^every root up to that of block ' "$work/said" || fail "their roots are not compared: $(cat "$work/said")"
say "$(grep ' of the log, behind' "$work/said")"
expect 0 ': every root is the same' replay --verify --home "$net/node-0" --snapshot "$work/snap"
grep -q "^blocks $((snapshot_height + 1)) to " "$work/said" || fail "it does not begin with the snapshot"
say "done"
