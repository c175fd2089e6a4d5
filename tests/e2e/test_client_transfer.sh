#!/usr/bin/env bash
# Money between two markets of a real node, by the thin client: there, back when nobody may take it,
# and refused when there is no such market. Then what an operator's tools find in that node's home:
# all its blocks executed again, accounts, proofs; and what they say of a home whose state is another.
#
# usage: test_client_transfer.sh TENORD TENOR TENOR_FEED SET_STORE_EDIT
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
edit=$4
work=$(mktemp -d)
processes=()
export TENOR_HOME=$work/home TENOR_NET=$work/net
export TENOR_TIMEOUT=60 # a machine may be crowded
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
"$tenord" testnet --out "$work/first" --nodes 1 --markets 2 >/dev/null
sed 's/^\(exit_blocks *= \)[0-9]*/\116/' "$work/first/node-0/genesis.conf" >"$work/genesis.conf"
"$tenord" testnet --out "$work/net" --nodes 1 --markets 2 --base-port "$base" \
    --patience 5 --genesis "$work/genesis.conf" >/dev/null
home=$work/net/node-0
"$tenord" start --home "$home" log.blocks=false log.format=logfmt >"$work/node.log" 2>&1 &
processes+=($!)
"$feed" --net "$work/net" --quiet >"$work/feed.log" 2>&1 &
processes+=($!)
within 60 grep -q 'prices flow' "$work/feed.log"

ok '"cash": "100000.00"' faucet
ok '"account": 0' account open --market 2
ok '"money": "-250.50"' transfer 250.50 --to 0 --to-market 2
holds 1 99749.50 || fail "the sender was not debited"
within 60 holds 2 250.50
# Back from an account that is not there. What was not sent at all changes nothing.
ok '"money": "-10.00"' transfer 10 --to 7 --to-market 2
within 60 holds 1 99749.50
ends 3 'rejected: 211 MARKET_UNKNOWN' transfer 10 --to 0 --to-market 3
ok '"withdrawn": "3.00"' withdraw 3
ends 3 'rejected: 701 CASH_SHORT' transfer 99749.51 --to 0 --to-market 2
ends 2 'only cash' transfer 10 --to 0 --to-market 2 --asset 1
within 60 holds 1 99746.50 || fail "what was refused has moved money"
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

# ---- Its home, read by tools that touch nothing in it ---------------------------------------------

# expect CODE WORDS COMMAND...: of tenord.
expect() {
    local wanted=$1 words=$2 code=0
    shift 2
    timeout 60 "$tenord" "$@" >"$work/said" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || fail "ended with $code, not $wanted: $*: $(cat "$work/said")"
    grep -qF -- "$words" "$work/said" || fail "does not say '$words': $*: $(cat "$work/said")"
}
fingerprint() { (cd "$home" && find . -type f ! -name lock.mdb -exec sha256sum {} + | sort); }
before=$(fingerprint)

expect 0 'every root is the same' replay --verify --home "$home"
grep -q ' of 2 markets, .* 1 transfers between markets' "$work/said" || fail "a transfer was not executed"
root=$(sed -n 's/.*the last is //p' "$work/said")
expect 0 'blocks 1 to 12: every root is the same' replay --verify --home "$home" --until 12
expect 2 'not until 999999' replay --verify --home "$home" --until 999999

height=30 # or the first above it that has batches of that market
until timeout 60 "$tenord" inspect --home "$home" block $height | grep -q ', market 2, term '; do
    height=$((height + 1))
    [ $height -lt 90 ] || fail "no block has a batch of market 2"
done
expect 0 ', market 2, term ' inspect --home "$home" block $height
expect 2 'the store has no block 0' inspect --home "$home" block 0
expect 2 'The set has 1, 2: say which by --market' inspect --home "$home" account 0
expect 2 'the set has no such market, but 1, 2' inspect --home "$home" --market 3 account 0
expect 0 'cash         250500000 micros' inspect --home "$home" --market 2 account 0
expect 0 'cash         99746500000 micros' inspect --home "$home" --market 1 account 0
expect 2 "there is no account '1': the last is 0" inspect --home "$home" --market 2 account 1
for kind in 'account 0' 'block 5' 'withdrawal 0' conservation solvency 'exit 0'; do
    # shellcheck disable=SC2086 # words of a proof
    expect 0 "against the state root $root" \
        inspect --home "$home" --market 1 --out "$work/proof" proof $kind
    ok 'proof of ' proof verify --file "$work/proof" --root "$root"
done
expect 2 'no order 1 rests' inspect --home "$home" --market 2 --out "$work/proof" proof order 1
[ "$(fingerprint)" = "$before" ] || fail "a tool that reads has changed the home"

# Blocks executed with nothing but a witness: what sent money to the other market, what took it in,
# and what sent it back are among them.
last=$(sed -n 's/^height *//p' <("$tenord" db stats --home "$home"))
field() { sed -n "s/^$1 *//p" "$work/said"; }
# transfers_by HEIGHT: how many have come into their market by then.
transfers_by() {
    "$tenord" replay --verify --home "$home" --until "$1" | sed -n 's/.* \([0-9]*\) transfers .*/\1/p'
}
low=0
remit=$last
while [ $((remit - low)) -gt 1 ]; do # blocks up to low have none, those up to remit have
    if [ "$(transfers_by $(((low + remit) / 2)))" = 0 ]; then
        low=$(((low + remit) / 2))
    else
        remit=$(((low + remit) / 2))
    fi
done
# witness HEIGHT: writes it; $before, $block and $after are what it says.
witness() {
    expect 0 "block        $1 " witness --home "$home" --block "$1" --out "$work/witness"
    before=$(field 'root before')
    block=$(sed -n 's/^block  *[0-9]* //p' "$work/said")
    after=$(field 'root after')
}
was=
for height in $(seq $((remit - 3)) $((remit + 3))); do
    witness "$height"
    if [ -n "$was" ] && [ "$was" != "$before" ]; then fail "block $height does not meet the one before"; fi
    was=$after
    [ "$height" != "$remit" ] || cp "$work/witness" "$work/remit"
    mv "$home" "$work/away"
    expect 0 "block $height is good" verify-block --file "$work/witness" --root "$before" --block "$block"
    [ "$(field 'root after')" = "$after" ] || fail "block $height leads elsewhere"
    mv "$work/away" "$home"
done
witness "$remit"
expect 0 ' 1 transfers between markets' verify-block --file "$work/remit"
grep -q 'compare both with one' "$work/said" || fail "it is not said that nothing was trusted"
expect 3 'of another state before' verify-block --file "$work/remit" --root "$after"
expect 3 'of another block' verify-block --file "$work/remit" --block "$after"
expect 3 'of another state after' verify-block --file "$work/remit" --after "$before"
expect 2 'the store ends with block' \
    witness --home "$home" --block 999999 --out "$work/none"

# changed WORDS AT: the witness with a bit of the byte AT changed; below zero: from the end.
changed() {
    local code=0
    /usr/bin/python3 - "$work/remit" "$work/changed" "$2" <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(data)
PYTHON
    timeout 60 "$tenord" verify-block --file "$work/changed" >"$work/said" 2>&1 || code=$?
    case $code in 2 | 3) ;; *) fail "byte $2 is changed, and the check ends with $code" ;; esac
    grep -qE -- "$1" "$work/said" || fail "byte $2: it does not say '$1': $(cat "$work/said")"
}
head=$((8 + 229 + 28 + 2 * 8)) # then roots before, roots after
roots=$(((1 + 8 + 2 * 11) * 32))
changed 'no witness|does not follow|another chain|deploy|cannot' 3
changed 'write it with this program, or use the one that wrote it' 7
changed 'there are not so many|nodes|more accounts than|always needed' $((head - 16 + 3))
changed 'the state before the block has another root \(ROOT\)' "$head"
changed 'besides the markets has another root \(STREAMS\)' $((head + 32))
changed 'a section of the state before .*market 1 MARKET' $((head + 9 * 32 + 32))
changed 'a section of the state after .*market 2 ACCOUNT' $((head + roots + 9 * 32 + 16 * 32))
changed 'state after the block .* \(INBOXES\)' $((head + roots + 32 + 3 * 32))
changed 'the state after the block has another root \(ROOT\)' $((head + roots))
changed 'body is not the block|not the one that the block names' $((head + 2 * roots + 5))
changed 'is a record|record says|REGISTRY|has another root' -3
# Anywhere at all: found, and something is named.
size=$(stat -c %s "$work/remit")
for at in $(seq 11 $((size / 24)) $((size - 1))); do changed 'tenord: ..........' "$at"; done

# A node whose state went another way: the first block that differs, and the part of the state.
differs() {
    local words=$1
    shift
    rm -rf "$work/other"
    cp -r "$home" "$work/other"
    "$edit" "$work/other" "$@" 2>/dev/null || fail "cannot change record $*"
    expect 3 "$words" replay --verify --home "$work/other"
}
differs "block $last differs in its state root" 5 0 94
grep -q "market 1 ACCOUNT differs, first in record 0" "$work/said" || fail "the account is not named"
differs "block $last differs in its state root" 37 0 94
grep -q "market 2 ACCOUNT differs, first in record 0" "$work/said" || fail "the market is not named"
differs "block 2 differs in its state root" 225 0 208
grep -q " ROOTS differs: stored " "$work/said" || fail "the past roots are not named"
echo "passed"
