#!/usr/bin/env bash
# A whole exchange on this machine: installs what is missing, builds, and runs four nodes that agree on
# two markets, each led by another node, with three feeders, three market makers and two takers. Then it
# is yours: it prints what to try first. Ctrl-C stops everything and leaves nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'USAGE'
usage: deploy/demo.sh [--ci | --kill | --tour]

  (nothing)  run until Ctrl-C, for you to trade
  --ci       run 20 seconds, check that all nodes hold the same state and both markets trade, end
  --kill     show a node dying and the markets going on, then end
  --tour     what is inside, one after another: a scripted week of one market, a portfolio's margin, a
             crash of 40 %, a node that comes back from SIGKILL, a set that loses two nodes
  --no-install, --no-build   for whoever has done that
USAGE
}

mode=live
install=true
build=true
for argument in "$@"; do
    case "$argument" in
        --ci | --kill | --tour) mode=${argument#--} ;;
        --no-install) install=false ;;
        --no-build) build=false ;;
        -h | --help) usage; exit 0 ;;
        *) echo "demo.sh: unknown option '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

if $install; then deploy/install-packages.sh build; fi
targets=(tenord tenor tenor-mm tenor-feed)
if [ "$mode" = tour ]; then targets+=(tenor-demo crash_replay make_entries tenor-play); fi
if $build; then
    echo "demo: building"
    cmake --preset release --log-level=WARNING
    cmake --build --preset release --target "${targets[@]}"
fi
bin=$PWD/build/release/node
if [ "$mode" = tour ]; then exec deploy/demo-tour.sh build/release; fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/tenor-demo.XXXXXX")
net=$folder/net
export TENOR_HOME=$folder/keys TENOR_NET=$net TENOR_TIMEOUT=60 # a machine may be crowded
declare -A running=()

clean_up() {
    local name
    trap - EXIT INT TERM
    for name in "${!running[@]}"; do kill -TERM "${running[$name]}" 2>/dev/null || true; done
    for name in "${!running[@]}"; do wait "${running[$name]}" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'echo; echo "demo: stopping"; exit 0' INT TERM

# start NAME COMMAND...: in the background, its words into a log. (Ctrl-C is for this script alone.)
start() {
    local name=$1
    shift
    setsid "$@" >>"$folder/$name.log" 2>&1 &
    running[$name]=$!
}
fail() {
    echo "demo: $*" >&2
    for log in "$folder"/*.log; do
        echo "-- ${log##*/}" >&2
        tail -n 4 "$log" >&2
    done
    exit 1
}
# until_true SECONDS WHAT COMMAND...
until_true() {
    local tries=$(($1 * 10)) what=$2
    shift 2
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "it did not come to be: $what"
        sleep 0.1
    done
}
tenor() { "$bin/tenor" "$@"; }

# ---- The exchange ----

port=7400
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || [ "$mode" != live ]; then
    port=$((20000 + RANDOM % 12000)) # somebody is there already, or this is a test
fi
echo "demo: four nodes, two markets (folder $folder)"
"$bin/tenord" testnet --out "$net" --nodes 4 --markets 2 --base-port "$port" >/dev/null
run_node() { start "node-$1" "$bin/tenord" start --home "$net/node-$1" log.format=logfmt; }
for i in 0 1 2 3; do run_node "$i"; done
serves() { tenor cluster -o json; }
until_true 60 "a node serves clients" serves

echo "demo: waiting for prices, quotes and the first trades, some ten seconds"
start feed "$bin/tenor-feed" --net "$net"
flows() { [ "$(grep -c '^prices flow' "$folder/feed.log")" -ge 2 ]; }
until_true 60 "prices flow in both markets" flows
start maker-1 "$bin/tenor-mm" --net "$net" --name maker-1 --market 1 --seed 1
start maker-2 "$bin/tenor-mm" --net "$net" --name maker-2 --market 1 --seed 2 --node 1
start maker-3 "$bin/tenor-mm" --net "$net" --name maker-3 --market 2 --seed 3 --node 2
start taker-1 "$bin/tenor-mm" --net "$net" --name taker-1 --market 1 --take 300 --seed 4 --node 1
start taker-2 "$bin/tenor-mm" --net "$net" --name taker-2 --market 2 --take 300 --seed 5 --node 3
trades_of() { tenor trades --market "$1" -o json | grep -c '"price"'; }
trades() { [ "$(trades_of "$1")" -gt "${2:-0}" ]; }
until_true 60 "market 1 trades" trades 1
until_true 60 "market 2 trades" trades 2
height() { tenor block -o json | sed -nE 's/.*"height": "([0-9]+)".*/\1/p'; }

# ---- What comes of it ----

# The state roots of one height that all nodes have executed.
check_roots() {
    local wanted i
    wanted=$(height)
    for i in 0 1 2 3; do
        [ -n "${running[node-$i]:-}" ] || continue
        until_true 60 "node $i has executed block $wanted" has_block "$i" "$wanted"
    done
    [ "$(sort -u "$folder"/root-* | wc -l)" -eq 1 ] || fail "the nodes do not hold the same state"
    echo "demo: all nodes hold the same state at height $wanted: $(head -n 1 "$folder"/root-0)"
}
has_block() {
    local line
    line=$(grep -F "msg=block height=$2 " "$folder/node-$1.log" | tail -n 1)
    [ -n "$line" ] && echo "${line##* root=}" >"$folder/root-$1"
}
# The node that leads a market, as its table says.
leader_of() {
    tenor cluster -o table | awk -v market="$1" '$1 ~ /^[0-9]+$/ && $5 ~ "(^|,)" market "(,|$)" { print $1; exit }'
}
is_above() { [ "$(height)" -gt "$1" ]; }
# has_traded_since HEIGHT MARKET: is its newest trade of a later block?
has_traded_since() {
    local newest
    newest=$(tenor trades --market "$2" --count 1 -o json | grep -oE '"block": "[0-9]+"' | grep -oE '[0-9]+' | tail -n 1)
    [ "${newest:-0}" -gt "$1" ]
}
# Of the nodes, the feed, the makers and takers: each still runs, and none of them tells of an error.
check_programs() {
    local name
    for name in "${!running[@]}"; do
        kill -0 "${running[$name]}" 2>/dev/null || fail "$name has ended"
    done
    if grep -HE 'level=error|bug at ' "$folder"/*.log; then fail "there are errors in a log"; fi
}

if [ "$mode" = ci ]; then
    sleep 20
    check_roots
    for market in 1 2; do
        until_true 60 "market $market goes on trading" has_traded_since "$(height)" "$market"
    done
    check_programs
    echo "demo: both markets trade, no errors, height $(height)"
    exit 0
fi

if [ "$mode" = kill ]; then
    victim=$(leader_of 1)
    echo "demo: node $victim leads market 1; killing it with SIGKILL"
    before=$(height)
    kill -KILL "${running[node-$victim]}"
    wait "${running[node-$victim]}" 2>/dev/null || true
    unset "running[node-$victim]"
    until_true 60 "blocks go on" is_above "$((before + 20))"
    until_true 60 "market 1 trades again" has_traded_since "$(height)" 1
    echo "demo: market 1 trades under another leader, height $(height)"
    tenor cluster -o table
    run_node "$victim"
    until_true 60 "node $victim is back" has_block "$victim" "$(height)"
    check_roots
    exit 0
fi

cat <<TRY

An exchange runs. Nodes serve clients on 127.0.0.1:$((port + 100)) to $((port + 103)), metrics on $((port + 200)) to $((port + 203)).
Logs are in $folder. In another terminal:

  export PATH=$bin:\$PATH TENOR_NET=$net TENOR_HOME=$TENOR_HOME
  tenor faucet                                  a key, an account, a session and money
  tenor chain                                   options of the nearest day
  tenor order place BTC-PERP buy 0.1            a first order

More: tenor --help; tenor --market 2 chain; tenor watch trades; tenor account. Ctrl-C here ends it all.
TRY
while sleep 1; do
    for name in "${!running[@]}"; do
        kill -0 "${running[$name]}" 2>/dev/null || fail "$name has ended"
    done
done
