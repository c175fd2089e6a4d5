#!/usr/bin/env bash
# Seven real nodes, or four, each in a network of its own, while bots trade: partitions, lost
# packets, narrow and slow links, wrong and jumping clocks, a full disk, strangers and impostors at
# the peers' port, and nodes killed at random. Needs root: namespaces, a firewall, tmpfs.
#
# usage: nightly_set.sh TENORD TENOR_PLAY TCP_RELAY [OPTION...] [SCENE...]
#   --nodes N    4 to 31 (7)
#   --minutes N  of the random kills (2)
#   --seed N     of the kills, the strangers and the relays (1)
#   --or-skip    ends with 77 where no namespaces can be made, instead of failing
# Scenes: partitions loss rates clocks full_disk delay strangers kills; all of them when none is
# named. TENOR_KEEP=1 leaves all files.
set -euo pipefail
tenord=$1
play=$2
relay=$3
shift 3
minutes=2
seed=1
set_size=7
without_spaces=fail
scenes=()
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=$2; shift 2 ;;
        --nodes) set_size=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --or-skip) without_spaces=skip; shift ;;
        *) scenes+=("$1"); shift ;;
    esac
done
. "$(dirname "$0")/set_lib.sh"
RANDOM=$seed

# ---- Faults of a network -------------------------------------------------------------------------

# rules NODE: nft rules of its own input, one a line, in place of those before.
rules() {
    {
        echo 'add table inet faults'
        echo 'flush table inet faults'
        echo 'add chain inet faults input { type filter hook input priority 0; }'
        sed 's/^/add rule inet faults input /'
    } | in_space "n$1" nft -f -
}
rules_in() { (rules "$1"); }
heal() { for i in $(all_nodes); do rules_in "$i" </dev/null; done; }
# deaf NODE NODES...: hears nothing of them.
deaf() {
    local node=$1 i
    shift
    for i in "$@"; do echo "ip saddr $(address_of "$i") drop"; done | rules_in "$node"
}
# part "NODES" "NODES": neither side hears the other.
part() {
    local i
    # shellcheck disable=SC2086 # lists of numbers
    for i in $1; do deaf "$i" $2; done
    # shellcheck disable=SC2086
    for i in $2; do deaf "$i" $1; done
}
lose() { for i in $(all_nodes); do echo "numgen random mod 100 < $1 drop" | rules_in "$i"; done; }
narrow() {
    for i in $(all_nodes); do
        (in_space "n$i" tc qdisc replace dev eth0 root tbf rate "$1" burst 32kbit latency 400ms)
    done
}
widen() { for i in $(all_nodes); do (in_space "n$i" tc qdisc del dev eth0 root); done; }

# ---- Scenes --------------------------------------------------------------------------------------

# A third less one, and a half: of four 1 and 2, of seven 2 and 3. The bots are at node 0.
scene_partitions() {
    local few=$(((nodes - 1) / 3)) half=$((nodes / 2)) i
    local most=("${everyone[@]:0:nodes-few}") away=("${everyone[@]:nodes-few}")
    start_play 0
    part "${everyone[*]:0:half}" "${everyone[*]:half}"
    sleep 5
    stands_still 4 "${everyone[@]}"
    heal
    trade_on
    end_play "$half|$((nodes - half)): nobody had a quorum"

    start_play 0
    part "${most[*]}" "${away[*]}"
    patience=90 moves_on "${most[@]}"
    trade_on
    stands_still 3 "${away[@]}"
    heal
    moves_on "${away[@]}"
    end_play "$((nodes - few))|$few: the larger part went on"

    start_play 0
    for ((i = 1; i <= few; i++)); do deaf "$((2 * i - 1))" "$((2 * i))"; done
    sleep 5
    moves_on 0
    trade_on
    heal
    trade_on
    moves_on "${everyone[@]}"
    end_play "asymmetric: $few nodes did not hear another, which heard them"
}

scene_loss() {
    local percent
    for percent in 10 20 30; do
        start_play 1
        lose "$percent"
        sleep 8
        patience=120 moves_on 1
        heal
        trade_on
        moves_on "${everyone[@]}"
        end_play "$percent % of packets lost"
    done
}

scene_rates() {
    local rate
    for rate in 10mbit 2mbit; do
        start_play 2
        narrow "$rate"
        sleep 5
        patience=120 moves_on 2
        widen
        trade_on
        moves_on "${everyone[@]}"
        end_play "links of $rate"
    done
}

clock_words() {
    echo "env LD_PRELOAD=$faketime DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1" \
        "FAKETIME_TIMESTAMP_FILE=$work/clock-$1"
}
again() {
    stop_node "$1"
    start_node "$1"
    within 60 "node-$1 speaks" speaks "$1"
}
scene_clocks() {
    faketime=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1)
    [ -n "$faketime" ] || fail "libfaketimeMT is not there"
    local i skews=(+0.4 -0.4 +0.2)
    for i in 0 1 2; do
        echo "${skews[$i]}" >"$work/clock-$i"
        node_before[$i]=$(clock_words "$i")
        again "$i"
        grep -q libfaketime "/proc/${running[node-$i]}/maps" || fail "node-$i has the true clock"
    done
    start_play 3
    moves_on "${everyone[@]}"
    sleep 5
    trade_on
    end_play "clocks wrong by +400, -400 and +200 ms"
    start_play 3
    for i in +5 -5 +600 +3600 -0.4; do
        echo "$i" >"$work/clock-1"
        sleep 2
        trade_on
    done
    echo +0 >"$work/clock-1"
    trade_on
    end_play "a clock that jumps by seconds and minutes"
    node_before=()
    for i in 0 1 2; do again "$i"; done
}

scene_full_disk() {
    local disk=$work/disk home=$net/node-$((nodes - 1)) kept last=$((nodes - 1))
    stop_node "$last"
    mkdir "$disk"
    mount -t tmpfs -o size=64m tmpfs "$disk"
    mounts+=("$disk")
    mv "$home/log" "$home/store" "$disk"
    ln -s "$disk/log" "$disk/store" "$home"
    start_node "$last"
    within 60 "node-$last speaks" speaks "$last"
    start_play 0
    kept=$(df --output=avail -k "$disk" | tail -n 1)
    head -c "$((kept > 200 ? kept - 100 : 0))k" /dev/zero >"$disk/filler" || true
    within 120 "node-$last says that its disk is full" grep -q msg=full "$work/node-$last.log"
    trade_on
    say "node-$last has a full disk, the others trade"
    rm "$disk/filler"
    within 60 "node-$last says that there is room" grep -q msg=room "$work/node-$last.log"
    moves_on "$last"
    end_play "a full disk, and room again"
    stop_node "$last"
    rm "$home/log" "$home/store"
    mv "$disk/log" "$disk/store" "$home"
    umount "$disk"
    start_node "$last"
    within 60 "node-$last speaks" speaks "$last"
}

# Every link between two nodes goes through a relay beside the node that dials.
scene_delay() {
    local i j from
    for i in $(all_nodes); do
        stop_node "$i"
        cp "$net/node-$i/tenord.toml" "$work/node-$i.toml"
        for j in $(all_nodes); do
            if [ "$i" = "$j" ]; then continue; fi
            from=127.0.0.1:$((7500 + j))
            run "relay-$i-$j" in_space "n$i" "$relay" "$from" "$(address_of "$j"):7400" \
                delay_ms=50 jitter_ms=20 "seed=$((seed + 100 * i + j))"
            sed -i "s/\"$(address_of "$j"):7400\"/\"$from\"/" "$net/node-$i/tenord.toml"
        done
    done
    start_all
    within 60 "somebody leads the market" leader_among "${everyone[@]}"
    start_play 3
    sleep 8
    moves_on "${everyone[@]}"
    trade_on
    end_play "every link 50 to 70 ms long"
    for i in $(all_nodes); do
        stop_node "$i"
        cp "$work/node-$i.toml" "$net/node-$i/tenord.toml"
        for j in $(all_nodes); do
            if [ "$i" = "$j" ]; then continue; fi
            signal "relay-$i-$j" TERM
            ended "relay-$i-$j"
        done
    done
    start_all
}

# The set goes on, and a peer that was away comes in, while strangers knock.
scene_strangers() {
    local home=$work/impostor other=$work/other last=$((nodes - 1)) i
    start_play 1
    for i in 1 2; do
        run "stranger-$i" in_space stranger "$python" "$support/stranger.py" "$(address_of "$i")" \
            7400 $((seed + i))
    done
    "$tenord" testnet --out "$other" --nodes "$nodes" --base-port 20000 >/dev/null
    # One has node-$last's place, files and vote key, but another certificate.
    stop_node "$last"
    cp -r "$net/node-$last" "$home"
    cp "$other/node-$last/identity.pem" "$home/"
    rm -rf "$home/log" "$home/store"
    run impostor in_space "n$last" "$tenord" start --home "$home" "${start_options[@]}"
    sleep 5
    is_alive impostor || fail "the impostor ended; it should be refused, not fall"
    if grep -q msg=peer_up "$work/impostor.log"; then fail "a wrong certificate was let in"; fi
    signal impostor KILL
    ended impostor
    start_node "$last"
    moves_on "$last"
    trade_on
    # One has node-$last's certificate and key, but is on another chain.
    stop_node "$last"
    rm -rf "$home"
    cp -r "$net/node-$last" "$home"
    rm -rf "$home/log" "$home/store"
    sed -i 's/^time_ms .*/time_ms 1700000000000/' "$home/set.conf"
    : >"$work/impostor.log"
    run impostor in_space "n$last" "$tenord" start --home "$home" "${start_options[@]}"
    sleep 5
    is_alive impostor || fail "the node of another chain ended"
    if grep -q msg=peer_up "$work/impostor.log"; then fail "another chain was let in"; fi
    signal impostor KILL
    ended impostor
    start_node "$last"
    within 60 "node-$last speaks" speaks "$last"
    moves_on "$last"
    for i in 1 2; do
        signal "stranger-$i" TERM
        ended "stranger-$i"
        tail -n 1 "$work/stranger-$i.out"
    done
    trade_on
    end_play "strangers and impostors"
}

# Up to two are killed at a time; the next when these are back, or not quite.
scene_kills() {
    local until=$(($(date +%s) + minutes * 60)) one two rounds=0
    start_play 0
    while [ "$(date +%s)" -lt "$until" ]; do
        one=$((1 + RANDOM % (nodes - 1)))
        two=$((1 + RANDOM % (nodes - 1)))
        if [ "$nodes" -lt 7 ]; then two=$one; fi
        kill_node "$one"
        if [ "$two" != "$one" ]; then
            sleep "0.$((RANDOM % 10))"
            kill_node "$two"
        fi
        sleep "$((RANDOM % 3)).$((RANDOM % 10))"
        start_node "$one"
        if [ "$two" != "$one" ]; then start_node "$two"; fi
        sleep "0.$((RANDOM % 10))"
        rounds=$((rounds + 1))
        if [ $((RANDOM % 4)) = 0 ]; then
            moves_on "${everyone[@]}"
            trade_on
        fi
    done
    moves_on "${everyone[@]}"
    trade_on
    end_play "$rounds rounds of kills, seed $seed"
}

set_open "$set_size"
if [ "$scope" != namespaces ]; then
    [ "$without_spaces" = skip ] || fail "this needs network namespaces"
    say "skipped: this needs network namespaces"
    exit 77
fi
start_watch
start_all
within 60 "somebody leads the market" leader_among "${everyone[@]}"
if [ ${#scenes[@]} -eq 0 ]; then
    scenes=(partitions loss rates clocks full_disk delay strangers kills)
fi
for scene in "${scenes[@]}"; do
    say "scene: $scene"
    "scene_$scene"
done
within 120 "all nodes at one height with one root" are_equal "${everyone[@]}"
end_watch
stop_all
check_logs
say "passed"
