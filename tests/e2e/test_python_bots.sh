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
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bots_lib.sh
. "$here/bots_lib.sh"

mkdir "$work/made"
protoc -I "$source/proto" --python_out="$work/made" tenor/v1/trader.proto tenor/v1/client.proto
export PYTHONPATH=$work/made:$source/docs/examples/python PYTHONDONTWRITEBYTECODE=1

start_net 4
for name in maker taker; do "$tenor" --key "$name" faucet 1000000 >/dev/null 2>&1 || fail "faucet"; done

is_alive() { kill -0 "${running[$1]:-}" 2>/dev/null; }
quoted() { "$tenor" book "$("$tenor" chain -o json | grep -oE 'BTC-[0-9A-Z]+-[0-9]+-C' | head -n 1)" -o json | grep -q '"price"'; }
traded() { "$tenor" trades -o json | grep -q '"price"'; }
quoted_or_over() { quoted || ! is_alive maker; }
traded_or_over() { traded || ! is_alive maker || ! is_alive taker; }

# Both run for a while, and are to be there for some seconds more when the node is killed. Where a
# crowded machine needs longer for the way there, they begin anew and run for longer.
for seconds in 14 40 120; do
    begin=$SECONDS
    start maker "$python" "$source/docs/examples/python/maker.py" --net "$work/net" --key maker --seconds "$seconds"
    until_true 120 "the maker quotes" quoted_or_over
    start taker "$python" "$source/docs/examples/python/taker.py" --net "$work/net" --key taker --seconds $((seconds - 5))
    until_true 120 "they trade" traded_or_over
    if is_alive taker && [ $((SECONDS - begin)) -lt $((seconds - 6)) ]; then break; fi
    ended taker
    ended maker
done
if ! is_alive taker || ! is_alive maker; then fail "two minutes are too short"; fi

kill_off node-0
ended taker
ended maker
grep -q 'going to the next one' "$work/maker.log" || fail "the maker did not change nodes"
fills=$(sed -nE 's/^orders [0-9]+, fills ([0-9]+)$/\1/p' "$work/taker.log")
[ "${fills:-0}" -gt 0 ] || fail "the taker traded nothing"
grep -qE '^frames [1-9][0-9]*, sides quoted [1-9][0-9]*, fills [1-9][0-9]*, refused [0-9]+$' \
    "$work/maker.log" || fail "the maker quoted nothing"
echo "python bots: $(tail -n 1 "$work/maker.log"); $(tail -n 1 "$work/taker.log")"
