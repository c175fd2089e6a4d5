#!/usr/bin/env bash
# The maker and the taker of docs/examples/python, which know nothing but the .proto files, trade
# through a set of four; the node that both talk to is killed, and they go on at the next one.
#
# usage: test_python_bots.sh TENORD TENOR TENOR_FEED SOURCE
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
source=$4
python=/usr/bin/python3
work=$(mktemp -d)
export TENOR_HOME=$work/keys TENOR_NET=$work/net
declare -A running=()

clean_up() {
    local name
    trap - EXIT
    for name in "${!running[@]}"; do kill -KILL "${running[$name]}" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' INT TERM

fail() {
    local log
    echo "FAILED: $*" >&2
    for log in "$work"/*.log; do
        echo "-- ${log##*/}" >&2
        tail -n 8 "$log" >&2
    done
    exit 1
}
start() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    running[$name]=$!
}
until_true() {
    local tries=$(($1 * 10)) what=$2
    shift 2
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "it did not come to be: $what"
        sleep 0.1
    done
}

# Ports that nobody listens on: +0..3 for peers, +100..103 for clients.
is_free() {
    local offset
    for offset in 0 1 2 3 100 101 102 103; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$((port + offset))") 2>/dev/null; then return 1; fi
    done
}
port=$((20000 + RANDOM % 12000))
until is_free; do port=$((20000 + RANDOM % 12000)); done

mkdir "$work/made"
protoc -I "$source/proto" --python_out="$work/made" tenor/v1/trader.proto tenor/v1/client.proto
export PYTHONPATH=$work/made:$source/docs/examples/python PYTHONDONTWRITEBYTECODE=1

"$tenord" testnet --out "$work/net" --nodes 4 --base-port "$port" >/dev/null
for i in 0 1 2 3; do
    start "node-$i" "$tenord" start --home "$work/net/node-$i" log.format=logfmt log.blocks=false \
        metrics.listen=127.0.0.1:0
done
until_true 60 "a node serves clients" "$tenor" cluster -o json
start feed "$feed" --net "$work/net"
until_true 60 "prices flow" grep -q '^prices flow' "$work/feed.log"
for name in maker taker; do "$tenor" --key "$name" faucet 1000000 >/dev/null 2>&1 || fail "faucet"; done

start maker "$python" "$source/docs/examples/python/maker.py" --net "$work/net" --key maker --seconds 14
quoted() { "$tenor" book "$("$tenor" chain -o json | grep -oE 'BTC-[0-9A-Z]+-[0-9]+-C' | head -n 1)" -o json | grep -q '"price"'; }
until_true 20 "the maker quotes" quoted
start taker "$python" "$source/docs/examples/python/taker.py" --net "$work/net" --key taker --seconds 9
traded() { "$tenor" trades -o json | grep -q '"price"'; }
until_true 20 "they trade" traded

kill -KILL "${running[node-0]}"
wait "${running[node-0]}" 2>/dev/null || true
unset "running[node-0]"
for name in taker maker; do
    wait "${running[$name]}" || fail "$name ended with $?"
    unset "running[$name]"
done
grep -q 'going to the next one' "$work/maker.log" || fail "the maker did not change nodes"
fills=$(sed -nE 's/^orders [0-9]+, fills ([0-9]+)$/\1/p' "$work/taker.log")
[ "${fills:-0}" -gt 0 ] || fail "the taker traded nothing"
grep -qE '^frames [1-9][0-9]*, sides quoted [1-9][0-9]*, fills [1-9][0-9]*, refused [0-9]+$' \
    "$work/maker.log" || fail "the maker quoted nothing"
echo "python bots: $(tail -n 1 "$work/maker.log"); $(tail -n 1 "$work/taker.log")"
