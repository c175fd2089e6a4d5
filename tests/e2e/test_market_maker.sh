#!/usr/bin/env bash
# A maker and a taker trade through a set of four. The maker is at the node that leads, and hears of
# its trades before they are final; that node is killed, and it quotes on at the next leader's, where a
# watched soft book goes on too. Told to stop, it leaves nothing in the book. Then the example of client.h,
# as a bot of its own.
#
# usage: test_market_maker.sh TENORD TENOR TENOR_FEED TENOR_MM CLIENT_EXAMPLE
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
mm=$4
example=$5
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bots_lib.sh
. "$here/bots_lib.sh"

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

# at_leader NAME: it says that its node leads, and the set says so of the same node.
at_leader() {
    [ "$(figure "$1" at_leader)" = true ] || return 1
    leader=$("$tenor" cluster -o json | sed -n 's/.*"leader": \([0-9][0-9]*\).*/\1/p')
    [ "$(figure "$1" node)" = "$leader" ]
}
goes_on() { sed '1,/going on there$/d' "$work/watch.log" | grep -q '"bid":'; }

start_net 4

start maker "$mm" --net "$work/net" --name maker-1 --node 0 --json --size 20
start taker "$mm" --name taker-1 --node 1 --take 50 --final --json
until_true 60 "the maker quotes" at_least maker quoted 10
start watch "$tenor" watch book BTC-PERP --soft -o json
until_true 60 "they trade" at_least maker trades 3
until_true 60 "the maker hears of trades before they are final" at_least maker soft_trades 3
until_true 60 "its quotes rest" has_orders maker-1
until_true 60 "a soft book is shown" grep -q '"bid":' "$work/watch.log"
until_true 60 "the maker is where the leader is" at_leader maker

killed=$leader
kill_off "node-$killed"
until_true 60 "the maker quotes at another node" moved_on
until_true 60 "the soft book goes on at the next leader's node" goes_on
until_true 60 "the maker is where the next leader is" at_leader maker
stop watch
before=$(figure maker trades)
until_true 60 "they trade on" at_least maker trades $((before + 3))
at_least taker orders 3 || fail "the taker sent nothing"

stop taker
stop maker
until_true 60 "nothing of the maker's rests" has_none maker-1

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
until_true 60 "its quotes rest" has_orders maker-1
kill_off maker
until_true 60 "the standby frame cancels" has_none maker-1

# What is wrong is said, and nothing is begun.
for words in "--net $work/nowhere --name a" "--net $work/net" "--net $work/net --name a --size x"; do
    end=0
    # shellcheck disable=SC2086 # words of a command line
    "$mm" $words >"$work/wrong.log" 2>&1 || end=$?
    [ "$end" = 2 ] || fail "tenor-mm $words ended with $end"
    grep -q '^tenor-mm: ' "$work/wrong.log" || fail "tenor-mm $words says nothing"
done

# wrong_net NAME WORDS: neither the maker nor tenor talks to such a net's nodes, and both say why.
wrong_net() {
    local folder=$work/$1 words=$2 end=0
    if timeout 20 "$mm" --net "$folder" --name maker-1 --seconds 3 >"$work/wrong.log" 2>&1; then
        fail "tenor-mm trades with $1"
    fi
    grep -q "$words" "$work/wrong.log" || fail "of $1 tenor-mm does not say '$words'"
    timeout 60 "$tenor" cluster --net "$folder" --timeout 30 >"$work/wrong.log" 2>&1 || end=$?
    [ "$end" = 4 ] || fail "of $1 tenor ends with $end"
    grep -q "$words" "$work/wrong.log" || fail "of $1 tenor does not say '$words'"
}
# The nodes that run, each known by the certificate of another one; and as if of another chain.
for name in certificates chain; do
    mkdir "$work/$name"
    cp "$work"/net/*.crt "$work"/net/*.key "$work/net/client.conf" "$work/$name"
done
# (Without the one that was killed: nobody is there to show a certificate.)
sed -i "/^node .*node-$killed\.crt/d" "$work/certificates/client.conf" "$work/chain/client.conf"
for i in 0 1 2 3; do cp "$work/net/node-$(((i + 1) % 4)).crt" "$work/certificates/node-$i.crt"; done
sed -i 's/^chain ..../chain 0000/' "$work/chain/client.conf"
wrong_net certificates 'shows another certificate than the one it is known by'
wrong_net chain 'is a node of another chain'
echo "a maker quoted through a failure, and left nothing behind"
