#!/usr/bin/env bash
# A maker and a taker trade through a set of four; the node that the maker is on is killed, and it
# quotes on at the next one; told to stop, it leaves nothing in the book. Then the example of
# client.h, as a bot of its own.
#
# usage: test_market_maker.sh TENORD TENOR TENOR_FEED TENOR_MM CLIENT_EXAMPLE
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
mm=$4
example=$5
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
# stop NAME: told to, it must end with 0.
stop() {
    local end=0
    kill -TERM "${running[$1]}"
    wait "${running[$1]}" || end=$?
    unset "running[$1]"
    [ "$end" = 0 ] || fail "$1 ended with $end"
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

# figure NAME FIELD: of the program's last line; nothing while there is none.
figure() { grep '^{' "$work/$1.log" | tail -n 1 | sed -n "s/.*\"$2\":\([-0-9.a-z]*\).*/\1/p"; }
# at_least NAME FIELD NUMBER
at_least() {
    local is
    is=$(figure "$1" "$2")
    [ -n "$is" ] && [ "${is%%.*}" -ge "$3" ]
}
moved_on() {
    at_least maker disconnects 1 && [ "$(figure maker ready)" = true ] && at_least maker quoted 10
}
has_orders() { "$tenor" order list --key "$1" -o json | grep -q order_id; }
has_none() { ! has_orders "$1"; }

# Ports that nobody listens on: +0..3 for peers, +100..103 for clients.
is_free() {
    local offset
    for offset in 0 1 2 3 100 101 102 103; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$((port + offset))") 2>/dev/null; then return 1; fi
    done
}
port=$((20000 + RANDOM % 12000))
until is_free; do port=$((20000 + RANDOM % 12000)); done

"$tenord" testnet --out "$work/net" --nodes 4 --base-port "$port" >/dev/null
for i in 0 1 2 3; do
    start "node-$i" "$tenord" start --home "$work/net/node-$i" log.format=logfmt log.blocks=false \
        metrics.listen=127.0.0.1:0
done
until_true 60 "a node serves clients" "$tenor" cluster -o json
start feed "$feed" --net "$work/net" --quiet
until_true 60 "prices flow" grep -q 'prices flow' "$work/feed.log"

start maker "$mm" --net "$work/net" --name maker-1 --node 0 --json --size 20
start taker "$mm" --net "$work/net" --name taker-1 --node 1 --take 50 --json
until_true 60 "the maker quotes" at_least maker quoted 10
until_true 60 "they trade" at_least maker trades 3
until_true 30 "its quotes rest" has_orders maker-1

kill -KILL "${running[node-0]}"
wait "${running[node-0]}" 2>/dev/null || true
unset "running[node-0]"
until_true 60 "the maker quotes at another node" moved_on
before=$(figure maker trades)
until_true 60 "they trade on" at_least maker trades $((before + 3))
at_least taker orders 3 || fail "the taker sent nothing"

stop taker
stop maker
until_true 30 "nothing of the maker's rests" has_none maker-1

# Again under the same name: the same account, by the same session.
account=$(figure maker account)
start maker "$mm" --net "$work/net" --name maker-1 --node 1 --json
until_true 60 "it quotes again" at_least maker quoted 10
[ "$(figure maker account)" = "$account" ] || fail "it has another account than before"

# The example, with the maker's counterpart's session.
session=$(echo "$work"/keys/sessions/*/taker-1-1)
sed -n 's/^secret //p' "$session" >"$work/session.key"
chmod 600 "$work/session.key"
"$example" "$work/net" 1 BTC-PERP "$work/session.key" "$(sed -n 's/^session //p' "$session")" 3 \
    >"$work/example.log" 2>&1 || fail "the example ended with $?"
grep -q '^account ' "$work/example.log" || fail "the example did not log on"
grep -q ' fills$' "$work/example.log" || fail "the example did not come to its end"
grep -q '^bids one lot at ' "$work/example.log" || fail "the example's bid does not rest"
# (103: the order had traded when its replacement came.)
if grep -E '^(command|refused|not sent|nonce)' "$work/example.log" | grep -qv 'rejected: 103$'; then
    fail "the example was refused"
fi
# A maker that dies leaves a standby frame behind: its node cancels for it.
until_true 30 "its quotes rest" has_orders maker-1
kill -KILL "${running[maker]}"
wait "${running[maker]}" 2>/dev/null || true
unset "running[maker]"
until_true 30 "the standby frame cancels" has_none maker-1

# What is wrong is said, and nothing is begun.
for words in "--net $work/nowhere --name a" "--net $work/net" "--net $work/net --name a --size x"; do
    # shellcheck disable=SC2086 # words of a command line
    if "$mm" $words >"$work/wrong.log" 2>&1; then fail "tenor-mm $words ended with 0"; fi
    grep -q '^tenor-mm: ' "$work/wrong.log" || fail "tenor-mm $words says nothing"
done
echo "a maker quoted through a failure, and left nothing behind"
