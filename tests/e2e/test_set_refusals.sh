#!/usr/bin/env bash
# What an operator of a set gets for a typo, a wrong key, a file that is not there: a sentence that
# names the place, an exit code, and nothing that was changed.
#
# usage: test_set_refusals.sh TENORD PLAY
set -euo pipefail
tenord=$1
play=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
home=$scratch/net/node-0
kept=$scratch/kept

fail() {
    echo "FAILED: $*"
    cat "$scratch/said" 2>/dev/null || true
    exit 1
}

# expect CODE WORDS COMMAND...
expect() {
    local wanted=$1 words=$2 code=0
    shift 2
    timeout 20 "$@" >"$scratch/said" 2>&1 </dev/null || code=$?
    [ "$code" = "$wanted" ] || fail "ended with $code, not $wanted: $*"
    grep -qF -- "$words" "$scratch/said" || fail "does not say '$words': $*"
}

# refused CODE WORDS: start says so and leaves neither log nor store; then the home is whole again.
refused() {
    expect "$1" "$2" "$tenord" start --home "$home"
    if [ -e "$home/log" ]; then fail "a log was made although: $2"; fi
    rm -rf "$home"
    cp -a "$kept" "$home"
}

"$tenord" testnet --out "$scratch/net" --nodes 2 --base-port 1024 >"$scratch/said"
cp -a "$home" "$kept"

sed -i 's/^faucet/fauset/' "$home/set.conf"
refused 2 "set.conf:5: unknown word 'fauset'"
sed -i 's/^markets .*/markets one/' "$home/set.conf"
refused 2 "set.conf:3: not a whole number in its range: 'one'"
sed -i 's/^markets .*/markets/' "$home/set.conf"
refused 2 "set.conf:3: a number is missing after 'markets'"
echo 'markets 1' >>"$home/set.conf"
refused 2 "a second line of 'markets'"
sed -i 's/^markets .*/markets 1 2/' "$home/set.conf"
refused 2 "set.conf:3: there is more on the line than it takes: '2'"
sed -i 's/^governance .*/governance 02'"$(printf '0%.0s' {1..64})"'/' "$home/set.conf"
refused 2 "no point of the curve"
for _ in {1..100}; do grep -m 1 '^validator' "$kept/set.conf"; done >>"$home/set.conf"
refused 2 "a set has at most 100 validators; one too many"
sed -i '0,/^validator/s/^validator ../validator zz/' "$home/set.conf"
refused 2 "needs a public key of 33 bytes in hex"
sed -i '/^faucet/d' "$home/set.conf"
refused 2 "lacks governance, faucet, time_ms, a validator or a market"
echo 'soft_ms 100' >>"$home/set.conf"
refused 2 "3 (mark_ms + 4 delta_ms) < soft_ms < lag_ms does not hold"
grep '^validator' "$kept/set.conf" | head -n 1 >>"$home/set.conf"
refused 2 "the registry refuses set.conf"
rm "$home/set.conf"
refused 2 "set.conf: No such file"

sed -i 's/^listen = "127.0.0.1:1024"/listen = "127.0.0.1"/' "$home/tenord.toml"
refused 2 "node.listen: '127.0.0.1' is not HOST:PORT"
sed -i '/^\[\[peer/,$ s/^address = .*/address = "127.0.0.1:70000"/' "$home/tenord.toml"
refused 2 "peer.address: '127.0.0.1:70000' is not HOST:PORT"
sed -i 's/^# identity = .*/identity = ""/' "$home/tenord.toml"
refused 2 "node.key, node.identity and clients.socket must each name a file"
mv "$home/tenord.toml" "$home/node.conf"
refused 2 "has a node.conf, which is no longer read, and no tenord.toml"
chmod 644 "$home/vote.key"
refused 2 "can be read by others: chmod 600"
echo 'not a key' >"$home/vote.key"
refused 2 "holds no key: 32 bytes in hex"
cp -a "$scratch/net/node-1/vote.key" "$home/vote.key"
refused 2 "a peer has this node's own vote key"

expect 2 "tenord.toml: No such file" "$tenord" start --home "$scratch/nowhere"
expect 2 "start needs --home DIR" "$tenord" start
# A port that somebody has is the world's fault, which a service manager tries again.
/usr/bin/python3 -c 'import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(600)' >"$scratch/port" &
listener=$!
trap 'kill "$listener" 2>/dev/null || true; rm -rf "$scratch"' EXIT
until [ -s "$scratch/port" ]; do sleep 0.1; done
expect 1 "cannot listen at 127.0.0.1:$(cat "$scratch/port"): Address already in use" \
    "$tenord" start --home "$home" "metrics.listen=127.0.0.1:$(cat "$scratch/port")"
expect 1 "no node answers at" "$tenord" status --home "$home"
expect 2 "File exists" "$tenord" testnet --out "$scratch/net"
expect 2 "No such file" "$tenord" testnet --out "$scratch/nowhere/net"
printf 'chain = "typo"\nseries_maxx = 7\n' >"$scratch/genesis"
expect 2 "patience" "$tenord" testnet --out "$scratch/other" --patience 101
expect 2 "series_maxx" "$tenord" testnet --out "$scratch/other" --genesis "$scratch/genesis"
if [ -e "$scratch/other" ]; then fail "a net was made of a genesis that was refused"; fi
expect 1 "genesis.conf: No such file" "$play" --net "$scratch/nowhere"
echo "all refusals name their place"
