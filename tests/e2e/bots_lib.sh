# shellcheck shell=bash
# What tests of bots and screens share: nodes and a feed on free ports, programs that run until they are told
# to end, and nothing of them left behind. Who sources this has set tenord, tenor and feed.

: "${tenord:?} ${tenor:?} ${feed:?}"
work=$(mktemp -d)
export TENOR_HOME=$work/keys TENOR_NET=$work/net
export TENOR_TIMEOUT=60 # a machine may be crowded
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
# ended NAME: waits for it; it must end with 0.
ended() {
    local end=0
    wait "${running[$1]}" || end=$?
    unset "running[$1]"
    [ "$end" = 0 ] || fail "$1 ended with $end"
}
# stop NAME: told to, it must end with 0.
stop() {
    kill -TERM "${running[$1]}"
    ended "$1"
}
# kill_off NAME: without a word.
kill_off() {
    kill -KILL "${running[$1]}"
    wait "${running[$1]}" 2>/dev/null || true
    unset "running[$1]"
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

# start_net NODES: until prices flow.
start_net() {
    local i nodes=$1
    port=$((20000 + RANDOM % 12000))
    until is_free; do port=$((20000 + RANDOM % 12000)); done
    "$tenord" testnet --out "$work/net" --nodes "$nodes" --base-port "$port" --patience 5 >/dev/null
    for ((i = 0; i < nodes; i++)); do
        start "node-$i" "$tenord" start --home "$work/net/node-$i" log.format=logfmt \
            log.blocks=false metrics.listen=127.0.0.1:0
    done
    until_true 60 "a node serves clients" "$tenor" cluster -o json
    start feed "$feed" --net "$work/net" --quiet
    until_true 60 "prices flow" grep -q '^prices flow' "$work/feed.log"
}
