#!/usr/bin/env bash
# Money between two markets of a real node, by the thin client: there, back when nobody may take it,
# and refused when there is no such market.
#
# usage: test_client_transfer.sh TENORD TENOR TENOR_FEED
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
work=$(mktemp -d)
processes=()
export TENOR_HOME=$work/home TENOR_NET=$work/net
unset TENOR_KEY
. "$(dirname "${BASH_SOURCE[0]}")/net_lib.sh"

clean_up() {
    local process
    trap - EXIT
    for process in "${processes[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "FAILED: $*" >&2
    tail -n 20 "$work"/*.log "$work/out" "$work/err" >&2 2>/dev/null || true
    exit 1
}

# ok PATTERN COMMAND...: it succeeds and says that.
ok() {
    local pattern=$1
    shift
    "$tenor" "$@" >"$work/out" 2>"$work/err" || fail "tenor $* ends with $?"
    grep -qE "$pattern" "$work/out" || fail "tenor $* does not say $pattern"
}

# ends CODE PATTERN COMMAND...: it ends so, and says why.
ends() {
    local code=$1 pattern=$2 end=0
    shift 2
    "$tenor" "$@" >"$work/out" 2>"$work/err" || end=$?
    [ "$end" = "$code" ] || fail "tenor $* ends with $end, not $code"
    grep -qE "$pattern" "$work/err" || fail "tenor $* does not say $pattern"
}

# holds MARKET CASH: the account there has so much.
holds() {
    "$tenor" account --market "$1" | grep -qF "\"cash\": \"$2\""
}

base=$(base_port)
"$tenord" testnet --out "$work/net" --nodes 1 --markets 2 --base-port "$base" >/dev/null
"$tenord" start --home "$work/net/node-0" log.blocks=false log.format=logfmt >"$work/node.log" 2>&1 &
processes+=($!)
"$feed" --net "$work/net" --quiet >"$work/feed.log" 2>&1 &
processes+=($!)
within 60 grep -q 'prices flow' "$work/feed.log"

ok '"cash": "100000.00"' faucet
ok '"account": 0' account open --market 2
ok '"money": "-250.50"' transfer 250.50 --to 0 --to-market 2
holds 1 99749.50 || fail "the sender was not debited"
within 20 holds 2 250.50
# Back from an account that is not there. What was not sent at all changes nothing.
ok '"money": "-10.00"' transfer 10 --to 7 --to-market 2
within 20 holds 1 99749.50
ends 3 'rejected: 211 MARKET_UNKNOWN' transfer 10 --to 0 --to-market 3
ends 3 'rejected: 701 CASH_SHORT' transfer 99749.51 --to 0 --to-market 2
ends 2 'only cash' transfer 10 --to 0 --to-market 2 --asset 1
holds 1 99749.50 || fail "what was refused has moved money"
# To its own market it is a transfer like any other, and to itself it is none.
ends 2 'account 0 is the sender itself' transfer 1 --to 0 --to-market 1
for process in "${processes[@]}"; do
    end=0
    kill -TERM "$process"
    wait "$process" || end=$?
    [ "$end" = 0 ] || fail "a program ended with $end when it was told to stop"
done
processes=()
if grep -hE 'bug at|ERROR: |runtime error|msg=(diverged|results_wrong|no_op|bad_block) ' \
    "$work"/*.log; then
    fail "a log holds what it must not"
fi
echo "passed"
