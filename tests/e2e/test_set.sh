#!/usr/bin/env bash
# Four real nodes, each in a network of its own, while bots trade: one is killed, the one that leads
# the market is killed, one is stopped for seconds and goes on, each is restarted in turn, all are
# told to stop and start again, and all lose their power at once. A hostile client sends garbage to
# one of them throughout. All nodes must have one root at one height, nothing final may be lost, and
# the fate of each frame that was soft must be told.
#
# usage: test_set.sh TENORD TENOR_PLAY
# TENOR_SCOPE=loopback leaves the namespaces out, TENOR_KEEP=1 leaves all files, TENOR_SEED is the
# hostile client's.
set -euo pipefail
tenord=$1
play=$2
seed=${TENOR_SEED:-1}
. "$(dirname "$0")/set_lib.sh"

# The honest bots come to node $1 through the hostile client, which learns from them.
start_fuzz() {
    play_net=$work/seen
    mkdir -p "$play_net"
    cp "$net"/*.key "$play_net"
    for i in $(all_nodes); do ln -sfn "$net/node-$i" "$play_net/node-$i"; done
    rm "$play_net/node-$1"
    mkdir "$play_net/node-$1"
    ln -s "$net/node-$1"/*.conf "$play_net/node-$1"
    run fuzz "$python" "$support/fuzz_clients.py" "$play_net/node-$1/clients.sock" \
        "$net/node-$1/clients.sock" "$seed"
    within 60 "the hostile client listens" test -S "$play_net/node-$1/clients.sock"
}
end_fuzz() {
    signal fuzz TERM
    ended fuzz
    tail -n 1 "$work/fuzz.out"
    [ "$end" = 0 ] || fail "the hostile client (seed $seed) ended with $end: was the node gone?"
    unset play_net
}

# Sets $leader, $at (where the bots trade) and $other, three nodes.
choose_nodes() {
    within 60 "somebody leads the market" leader_among 0 1 2 3
    at=$(((leader + 1) % 4))
    other=$(((leader + 2) % 4))
}
is_back() {
    moves_on "$1"
    within 60 "node-$1 speaks" speaks "$1"
}

follower_crash() {
    choose_nodes
    start_fuzz "$at"
    start_play "$at"
    kill_node "$other"
    moves_on "$at"
    start_node "$other"
    is_back "$other"
    end_play "node-$other, which led nothing, was killed, and is back"
    end_fuzz
}

leader_crash() {
    choose_nodes
    start_play "$at"
    local was=$leader
    kill_node "$was"
    within 60 "another leads the market" leader_among "$at" "$other" $(((was + 3) % 4))
    trade_on
    start_node "$was"
    is_back "$was"
    end_play "node-$was, which led the market, was killed, and is back"
    say "after the leader's crash: longest gap between final frames $(figure longest_gap_ms) ms"
}

standstill() {
    choose_nodes
    start_play "$at"
    signal "node-$other" STOP
    sleep 2
    signal "node-$other" CONT
    is_back "$other"
    end_play "node-$other stood still for 2 s"
}

rolling_restart() {
    local i
    start_play 0
    for i in 1 2 3; do
        stop_node "$i"
        start_node "$i"
        is_back "$i"
        trade_on
    done
    end_play "rolling restart"
}

# What any node held is held by all.
start_again() {
    local i most=$1
    start_all
    for i in 0 1 2 3; do
        within 60 "node-$i speaks" speaks "$i"
        within 60 "node-$i holds height $most" is_at_least "$i" "$most"
    done
}
highest() {
    local i most=0 mine
    for i in 0 1 2 3; do
        mine=$(height "$i")
        if [ "$mine" -gt "$most" ]; then most=$mine; fi
    done
    echo "$most"
}

stop_of_all() {
    local most
    most=$(highest)
    stop_all
    start_again "$most"
    say "all nodes were told to stop, and are back with height $most"
}

# While bots trade: the watcher finds out if a block that it was told is another one afterwards.
power_cut() {
    local i most
    start_play 2
    trade_on
    most=$(highest)
    for i in 0 1 2 3; do signal "node-$i" KILL; done
    for i in 0 1 2 3; do ended "node-$i"; done
    signal play KILL
    ended play
    start_again "$most"
    say "all nodes lost their power under load, and are back with height $most"
}

set_open 4
start_watch
start_all
follower_crash
leader_crash
standstill
rolling_restart
stop_of_all
power_cut
start_play 3
moves_on 0 1 2 3
end_play "after all were away"
within 60 "all nodes at one height with one root" are_equal 0 1 2 3
end_watch
stop_all
check_logs
say "passed"
