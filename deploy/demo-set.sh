#!/usr/bin/env bash
# Four nodes of a sequencer set on this machine: bots trade through them, one node is killed with
# SIGKILL and comes back, then the node that leads the market is killed, and the set goes on without
# it. At the end all nodes say which state they hold.
#
# usage: deploy/demo-set.sh BUILD
set -euo pipefail
build=$1
tenord=$build/node/tenord
scratch=$(mktemp -d)
net=$scratch/net
clean_up() {
    local pid
    for pid in "$scratch"/*.pid; do
        if [ -e "$pid" ]; then kill -9 "$(cat "$pid")" 2>/dev/null || true; fi
    done
    rm -rf "$scratch"
}
trap clean_up EXIT

show() { printf '\n$ %s\n' "$*" | sed "s#$scratch/##g; s#$build/[a-z]*/##g"; }

start() {
    show tenord start --home "$net/node-$1" "&"
    "$tenord" start --home "$net/node-$1" --quiet 2>>"$scratch/node-$1.log" &
    echo $! >"$scratch/$1.pid"
}
stop() {
    kill "-$1" "$(cat "$scratch/$2.pid")"
    wait "$(cat "$scratch/$2.pid")" 2>/dev/null || true
}
state_of() { "$tenord" status --home "$net/node-$1" | sed 's/ proposals=.* market1/ market1/'; }

# until SECONDS COMMAND...: runs it until it is true.
until_true() {
    local tries=$(($1 * 20))
    shift
    while ! "$@"; do
        tries=$((tries - 1))
        if [ "$tries" -le 0 ]; then
            echo "demo-set: it did not come to be: $*" >&2
            tail -n 5 "$scratch"/node-*.log >&2
            return 1
        fi
        sleep 0.05
    done
}
answers() { "$tenord" status --home "$net/node-$1" >"$scratch/answer" 2>/dev/null; }
leads() { answers "$1" && grep -q 'leads=yes' "$scratch/answer"; }
somebody_leads() {
    local i
    for i in 0 1 2 3; do
        if leads "$i"; then
            echo "$i" >"$scratch/leader"
            return 0
        fi
    done
    return 1
}
port=$((20000 + RANDOM % 20000))
show "$tenord" testnet --out "$net" --nodes 4
"$tenord" testnet --out "$net" --nodes 4 --base-port "$port"
for i in 0 1 2 3; do start "$i"; done
until_true 30 somebody_leads
show tenor-play --net "$net" --seconds 5
"$build/node/tenor-play" --net "$net" --seconds 5
for i in 0 1 2 3; do state_of "$i"; done

other=$((($(cat "$scratch/leader") + 1) % 4))
show kill -9 node-"$other"
stop KILL "$other"
start "$other"
until_true 30 answers "$other"

leader=$(cat "$scratch/leader")
show kill -9 node-"$leader" "# it leads the market"
stop KILL "$leader"
rm "$scratch/$leader.pid"
until_true 30 somebody_leads
node=$(cat "$scratch/leader")
show tenor-play --net "$net" --seconds 3 --seed 2 --node "$node" --watch "$node"
start "$leader"
until_true 30 answers "$leader"
"$build/node/tenor-play" --net "$net" --seconds 3 --seed 2 --node "$node" --watch "$node"
for i in 0 1 2 3; do state_of "$i"; done
for i in 0 1 2 3; do stop TERM "$i"; done
