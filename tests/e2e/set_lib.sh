# shellcheck shell=bash
# What tests of a set of real nodes share: homes, namespaces, processes, faults, and their end.
#
# Each node has a network namespace of its own, joined by a bridge in one more, so that tests meet
# nobody's ports and nobody's firewall. Who may not make namespaces gets plain loopback with free
# ports; then what needs a firewall is left out. Local clients need no network: they use the homes'
# sockets. A test sources this file, calls set_open, and lists its processes only through here.

# shellcheck disable=SC2034 # used by who sources this
set_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
support=$set_here/../support
python=/usr/bin/python3
work=$(mktemp -d)
net=$work/net
tag=tn$$
nodes=0
everyone=() # 0 to nodes - 1
scope=loopback
declare -A running=()    # name: pid, of all that this test started and that may still run
declare -A node_before=() # node: words before its command line (a preload, a limit)
mounts=()
# Logs are read by these tests; ports of the gateway and of metrics are any that are free.
start_options=(--quiet --segment-bytes 4194304 log.format=logfmt clients.listen=127.0.0.1:0
    metrics.listen=127.0.0.1:0)
play_seed=0
: "${tenord:?} ${play:?}" # set by who sources this

say() { printf '%6.1f  %s\n' "$(($(date +%s%N) / 1000000 - set_begin_ms))e-3" "$*"; }
set_begin_ms=$(($(date +%s%N) / 1000000))

clean_up() {
    local name pid mount
    trap - EXIT
    for name in "${!running[@]}"; do
        pid=${running[$name]}
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [ "$scope" = namespaces ]; then
        for name in $(ip netns list | sed -n "s/^\($tag-[a-z0-9]*\).*/\1/p"); do
            ip netns del "$name" || true
        done
    fi
    for mount in "${mounts[@]}"; do umount -l "$mount" 2>/dev/null || true; done
    if [ -n "${TENOR_KEEP:-}" ]; then
        echo "kept: $work"
    else
        rm -rf "$work"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    local log
    echo "FAILED: $*" >&2
    for log in $(all_nodes); do status "$log" >&2 || true; done
    for log in "$work"/*.log; do
        echo "--- $(basename "$log")" >&2
        (grep -v 'msg=block' "$log" || true) | tail -n 15 >&2
    done
    exit 1
}

# ---- Opening -------------------------------------------------------------------------------------

# in_space NAME COMMAND...: in the network of that name; plainly without namespaces. Becomes COMMAND.
in_space() {
    local name=$1
    shift
    if [ "$scope" = namespaces ]; then
        exec nsenter "--net=/run/netns/$tag-$name" -- "$@"
    fi
    exec "$@"
}

add_space() {
    local name=$1 address=$2
    ip netns add "$tag-$name" || return 1
    ip -n "$tag-$name" link set lo up
    ip -n "$tag-hub" link add "$name" type veth peer name eth0 netns "$tag-$name"
    ip -n "$tag-hub" link set "$name" master bridge up
    ip -n "$tag-$name" address add "$address/24" dev eth0
    ip -n "$tag-$name" link set eth0 up
}

open_spaces() {
    local i
    if [ "${TENOR_SCOPE:-}" = loopback ] || ! command -v ip >/dev/null; then return 1; fi
    ip netns add "$tag-hub" 2>/dev/null || return 1
    scope=namespaces
    ip -n "$tag-hub" link add bridge type bridge 2>/dev/null || return 1
    ip -n "$tag-hub" link set bridge up
    for ((i = 0; i < nodes; i++)); do add_space "n$i" "$(address_of "$i")" || return 1; done
    add_space stranger 10.77.0.99
}

address_of() {
    if [ "$scope" = namespaces ]; then echo "10.77.0.$((10 + $1))"; else echo 127.0.0.1; fi
}

free_ports() {
    "$python" - "$1" <<'PYTHON'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*[one.getsockname()[1] for one in held])
PYTHON
}

# Puts the addresses of this test in place of those that testnet wrote.
set_addresses() {
    local i j words=()
    for ((i = 0; i < nodes; i++)); do
        words+=(-e "s/\"127\.0\.0\.1:$((20000 + i))\"/\"$(address_of "$i"):${port_of[$i]}\"/")
    done
    for ((j = 0; j < nodes; j++)); do sed -i "${words[@]}" "$net/node-$j/tenord.toml"; done
}

# set_open NODES: homes and networks, nothing runs yet.
set_open() {
    nodes=$1
    mapfile -t everyone < <(all_nodes)
    "$tenord" testnet --out "$net" --nodes "$nodes" --base-port 20000 >/dev/null
    if open_spaces; then
        read -ra port_of <<<"$(for ((i = 0; i < nodes; i++)); do printf '7400 '; done)"
    else
        if [ "$scope" = namespaces ]; then ip netns del "$tag-hub" || true; fi
        scope=loopback
        read -ra port_of <<<"$(free_ports "$nodes")"
    fi
    set_addresses
    say "$nodes nodes, network: $scope"
}

# ---- Processes -----------------------------------------------------------------------------------

# run NAME COMMAND...: in the background; what it says goes to NAME.out and NAME.log.
run() {
    local name=$1
    shift
    "$@" >>"$work/$name.out" 2>>"$work/$name.log" &
    running[$name]=$!
}
# signal NAME SIGNAL...
signal() { kill "-$2" "${running[$1]}"; }
# ended NAME: waits for it; its exit status is in $end.
ended() {
    end=0
    wait "${running[$1]}" 2>/dev/null || end=$?
    unset "running[$1]"
}
is_alive() { kill -0 "${running[$1]}" 2>/dev/null; }

start_node() {
    local before
    read -ra before <<<"${node_before[$1]:-}"
    run "node-$1" in_space "n$1" "${before[@]}" "$tenord" start --home "$net/node-$1" \
        "${start_options[@]}"
}
start_all() { for ((i = 0; i < nodes; i++)); do start_node "$i"; done; }
# stop_node NODE: as an operator does; it must end well.
stop_node() {
    signal "node-$1" TERM
    ended "node-$1"
    [ "$end" = 0 ] || fail "node-$1 ended with $end when it was told to stop"
}
kill_node() {
    signal "node-$1" KILL
    ended "node-$1"
    [ "$end" = 137 ] || fail "node-$1 had ended with $end before it was killed"
}
stop_all() { for ((i = 0; i < nodes; i++)); do stop_node "$i"; done; }

# ---- Looking -------------------------------------------------------------------------------------

# within SECONDS WHAT COMMAND...: until it is true.
within() {
    local until=$(($(date +%s) + $1)) what=$2
    shift 2
    while ! "$@"; do
        [ "$(date +%s)" -lt "$until" ] || fail "it did not come to be: $what"
        sleep 0.05
    done
}
# status NODE: one line.
status() { timeout 10 "$tenord" status --home "$net/node-$1" 2>/dev/null; }
# field NODE NAME: of the status; 0 when the node does not answer.
field() {
    local line
    line=$(status "$1") || line=""
    line=" $line "
    case $line in
        *" $2="*)
            line=${line#*" $2="}
            echo "${line%% *}"
            ;;
        *) echo 0 ;;
    esac
}
height() { field "$1" height; }
speaks() { [ "$(field "$1" voice)" = speaks ]; }
leads() { [ "$(field "$1" market1.leads)" = yes ]; }
# leader_among NODES...: sets $leader.
leader_among() {
    local i
    for i in "$@"; do
        if leads "$i"; then
            leader=$i
            return 0
        fi
    done
    return 1
}
all_nodes() { seq 0 $((nodes - 1)); }
is_at_least() { [ "$(height "$1")" -ge "$2" ]; }
# moves_on NODES...: each of them gets further by 10 blocks while somebody trades.
moves_on() {
    local i wanted=0 mine
    for i in "$@"; do
        mine=$(height "$i")
        if [ "$mine" -gt "$wanted" ]; then wanted=$mine; fi
    done
    wanted=$((wanted + 10))
    for i in "$@"; do
        within "${patience:-60}" "node-$i is past $wanted" is_at_least "$i" "$wanted"
    done
}
# stands_still SECONDS NODES...: no block while they are cut off.
stands_still() {
    local seconds=$1 i before=()
    shift
    for i in "$@"; do before[i]=$(height "$i"); done
    sleep "$seconds"
    for i in "$@"; do
        [ "$(height "$i")" = "${before[$i]}" ] || fail "node-$i goes on without a quorum"
    done
}
# All that run stand at one height with one root.
# Blocks come while they are asked one after another, so what each tells is kept, until there is a
# height of which all have told the same root.
are_equal() {
    local i asked=()
    for i in "$@"; do # all at once: blocks go on meanwhile
        status "$i" | sed 's/ epoch=.*//' >>"$work/state-$i" &
        asked+=($!)
    done
    for i in "${asked[@]}"; do wait "$i" || return 1; done
    for i in "$@"; do sort -u "$work/state-$i"; done | sort | uniq -c |
        awk -v all=$# '$1 == all { found = 1 } END { exit !found }'
}

# ---- Trading and watching ------------------------------------------------------------------------

start_watch() { run watch "$python" "$support/watch_set.py" "$net" "$nodes"; }
end_watch() {
    signal watch TERM
    ended watch
    tail -n 1 "$work/watch.out"
    [ "$end" = 0 ] || fail "nodes told different things of one height"
}

# start_play NODE [OPTION...]: bots that trade at that node until end_play; back when they trade.
start_play() {
    local node=$1 folder=${play_net:-$net}
    shift
    play_seed=$((play_seed + 1))
    : >"$work/play.log"
    : >"$work/play.out"
    run play "$play" --net "$folder" --node "$node" --watch "$node" --seed "$play_seed" \
        --seconds 100000 --keep-going --tell "$@"
    within 120 "trading through node-$node" play_trades
}
play_trades() {
    is_alive play || fail "tenor-play ended before it traded"
    grep -q 'msg=trades' "$work/play.log"
}
frames_final() { sed -n 's/.*msg=trades final=//p' "$work/play.log" | tail -n 1; }
final_past() { [ "$(frames_final)" -gt "$1" ]; } 2>/dev/null
# trade_on: frames go on to become final.
trade_on() {
    local before
    before=$(frames_final)
    within "${patience:-60}" "frames become final again" final_past $((before + 20))
}
# figure NAME: of what the last play printed.
figure() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" "$work/play.out"; }
# end_play WORDS: its figures; they must say that the nodes agree and that no frame's fate is open.
end_play() {
    signal play TERM
    ended play
    say "$1: $(tail -n 1 "$work/play.out")"
    [ "$end" = 0 ] || fail "tenor-play ended with $end: $1"
    [ "$(figure frames_final)" -gt 0 ] || fail "nothing was traded: $1"
}

# check_logs: nobody said what must not be said.
check_logs() {
    local bad='bug at|ERROR: |runtime error|WARNING: Thread'
    bad+='|msg=(diverged|evidence|results_wrong|no_op|bad_block|ban) '
    if grep -HE "$bad" "$work"/node-*.log >&2; then fail "a node complained"; fi
}
