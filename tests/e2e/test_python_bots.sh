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

start maker "$python" "$source/docs/examples/python/maker.py" --net "$work/net" --key maker --seconds 14
quoted() { "$tenor" book "$("$tenor" chain -o json | grep -oE 'BTC-[0-9A-Z]+-[0-9]+-C' | head -n 1)" -o json | grep -q '"price"'; }
until_true 60 "the maker quotes" quoted
start taker "$python" "$source/docs/examples/python/taker.py" --net "$work/net" --key taker --seconds 9
traded() { "$tenor" trades -o json | grep -q '"price"'; }
until_true 60 "they trade" traded

kill_off node-0
ended taker
ended maker
grep -q 'going to the next one' "$work/maker.log" || fail "the maker did not change nodes"
fills=$(sed -nE 's/^orders [0-9]+, fills ([0-9]+)$/\1/p' "$work/taker.log")
[ "${fills:-0}" -gt 0 ] || fail "the taker traded nothing"
grep -qE '^frames [1-9][0-9]*, sides quoted [1-9][0-9]*, fills [1-9][0-9]*, refused [0-9]+$' \
    "$work/maker.log" || fail "the maker quoted nothing"
echo "python bots: $(tail -n 1 "$work/maker.log"); $(tail -n 1 "$work/taker.log")"
