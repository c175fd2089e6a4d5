#!/usr/bin/env bash
# Four nodes of a set on this machine, as processes over TLS: finality, blocks and commands a second,
# what a crash costs, how fast a node that was away comes back. One JSON line a figure, each from a run
# of its own, the machine's own round trip and sync printed before. Where so many frames a second are
# asked for that signing them would take from the nodes, they are signed before the clock starts.
#
# bench_sequencer.sh --help says how it is called.
set -euo pipefail

usage() {
    cat <<'END'
usage: bench_sequencer.sh [BUILD] [FIGURE...]

  BUILD                where the programs were built (build/release)
  finality             from a frame to its final result
  blocks               how many a second
  commands             how many a second
  quotes               how many a second
  crash                what it costs that a node is killed
  leader               what it costs that the market's leader is killed
  behind               a node that was away comes back to many small blocks
  history              the same with 1000 commands a second; ten minutes, only when it is asked for

It prints JSON lines and ends with 1 where a figure's load was not held.
END
}
refuse() {
    echo "bench_sequencer.sh: $1" >&2
    usage >&2
    exit 2
}
for argument in "$@"; do
    case $argument in
        --help | -h)
            usage
            exit 0
            ;;
        -*) refuse "unknown option '$argument'" ;;
    esac
done
build=${1-build/release}
shift || true
figures=("$@")
[ ${#figures[@]} -gt 0 ] || figures=(finality blocks commands quotes crash leader behind)
tenord=$build/node/tenord
play=$build/node/tenor-play
if [ ! -x "$tenord" ] || [ ! -x "$play" ]; then refuse "there is no build in '$build'"; fi
for figure in "${figures[@]}"; do
    case $figure in
        finality | blocks | commands | quotes | crash | leader | behind | history) ;;
        *) refuse "there is no figure '$figure'" ;;
    esac
done
scratch=$(mktemp -d)
all_held=yes

stop_all() {
    local pid
    for pid in "$scratch"/*.pid; do
        if [ -e "$pid" ]; then
            kill -9 "$(cat "$pid")" 2>/dev/null || true
            wait "$(cat "$pid")" 2>/dev/null || true
            rm -f "$pid"
        fi
    done
}
clean_up() {
    stop_all
    rm -rf "$scratch"
}
trap clean_up EXIT

start() {
    "$tenord" start --home "$scratch/net/node-$1" --quiet 2>>"$scratch/node-$1.log" &
    echo $! >"$scratch/$1.pid"
}
fresh_net() {
    stop_all
    rm -rf "$scratch/net"
    printf 'chain = "bench"\ncommands_per_frame_max = 64\n' >"$scratch/genesis"
    "$tenord" testnet --out "$scratch/net" --nodes 4 --base-port $((20000 + RANDOM % 20000)) \
        --genesis "$scratch/genesis" >"$scratch/said"
    for i in 0 1 2 3; do start "$i"; done
    sleep 2
}
value() { "$tenord" status --home "$scratch/net/node-$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
# The one node that leads; while a set begins there may be none, or two that think so.
leader() {
    local i tries leaders
    for ((tries = 0; tries < 600; tries++)); do
        leaders=()
        for i in 0 1 2 3; do
            if [ "$(value "$i" market1.leads 2>/dev/null)" = yes ]; then leaders+=("$i"); fi
        done
        if [ ${#leaders[@]} = 1 ]; then
            echo "${leaders[0]}"
            return
        fi
        sleep 0.1
    done
    echo "bench_sequencer: no node leads alone" >&2
    return 1
}
field() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$1"; }
line() { printf '{"bench":"sequencer","figure":"%s",%s}\n' "$1" "$2"; }
# run NAME OPTION...: a fresh set, played; what tenor-play said lies in $scratch/NAME.
run() {
    local name=$1
    shift
    fresh_net
    "$play" --net "$scratch/net" --node "$(leader)" --watch "$(leader)" "$@" >"$scratch/$name" ||
        echo "bench_sequencer: $name ended with $?" >&2
    cat "$scratch/$name"
}

figure_finality() {
    run finality --seconds 15 --frames 200 --commands 1 --quotes 0
    local at
    at=$(leader)
    line finality "\"accounts\":16,\"p50_us\":$(value "$at" finality_p50_us),\"p50_us_target\":6000,\
\"p99_us\":$(value "$at" finality_p99_us),\"p99_us_target\":15000,\"batches\":$(value "$at" finality_count)"
}
figure_blocks() {
    run blocks --ahead --seconds 15 --frames 1000 --commands 1 --quotes 0
    line blocks "\"per_second\":$(field "$scratch/blocks" blocks_per_second),\"per_second_target\":300"
}
figure_commands() {
    run commands --ahead --seconds 15 --frames 3400 --commands 16 --quotes 0
    line commands "\"accounts\":16,\"frame\":16,\"per_second\":$(field "$scratch/commands" commands_per_second),\
\"per_second_target\":50000"
}
figure_quotes() {
    run quotes --ahead --seconds 15 --frames 6500 --commands 0 --quotes 64 --series 65
    line quotes "\"accounts\":16,\"frame\":64,\"per_second\":$(field "$scratch/quotes" quotes_per_second),\
\"per_second_target\":400000"
}
# A node that does not lead the market is killed while all trade.
figure_crash() {
    fresh_net
    local at other
    at=$(leader)
    other=$(((at + 2) % 4))
    (
        sleep 8
        kill -9 "$(cat "$scratch/$other.pid")"
    ) &
    "$play" --net "$scratch/net" --node "$at" --watch "$at" --seconds 8 --frames 200 --commands 1 \
        --quotes 0 --keep-going >"$scratch/crash" || true
    cat "$scratch/crash"
    line sequencer_crash "\"longest_block_gap_ms\":$(field "$scratch/crash" longest_block_gap_ms),\"target\":150"
}
figure_leader() {
    fresh_net
    local at other
    at=$(leader)
    other=$(((at + 2) % 4))
    (
        sleep 8
        kill -9 "$(cat "$scratch/$at.pid")"
    ) &
    "$play" --net "$scratch/net" --node "$other" --watch "$other" --seconds 8 --frames 200 \
        --commands 1 --quotes 0 --keep-going >"$scratch/leader" || true
    cat "$scratch/leader"
    line leader_crash "\"trading_again_ms\":$(field "$scratch/leader" longest_gap_ms),\"target\":1000"
}
# Frames that were final when tenor-play said so last.
frames_final() { sed -n 's/.*msg=trades final=\([0-9]*\).*/\1/p' "$scratch/told" | tail -n 1 | grep . || echo 0; }
# away FIGURE FRAMES COMMANDS SECONDS: a node is away while nearly as long a history comes to be as is
# fetched block by block (10 000; past that it takes the state), at so many frames a second of so many
# commands; then how much faster than real time it catches up. What became final of that load while the
# history came to be is told beside, and less than 95 % of it fails: a machine that was full made another
# history. The play begins before the node goes: it wants to see all.
away() {
    fresh_net
    local at other play_pid before history began took_ms height_gone=0 height_back=0 deadline=$4
    local asked=$2 final_before final_gone frames
    at=$(leader)
    other=$(((at + 2) % 4))
    "$play" --net "$scratch/net" --node "$at" --watch "$at" --seconds 900 --frames "$2" \
        --commands "$3" --quotes 0 --keep-going --tell >"$scratch/behind" 2>"$scratch/told" &
    play_pid=$!
    sleep 6
    kill -9 "$(cat "$scratch/$other.pid")"
    before=$(value "$at" height)
    final_before=$(frames_final)
    began=$(date +%s%N)
    until [ $((height_gone - before)) -ge 9500 ] || [ $((($(date +%s%N) - began) / 1000000000)) -ge "$deadline" ]; do
        sleep 0.2
        height_gone=$(value "$at" height)
    done
    kill -TERM "$play_pid"
    wait "$play_pid" || true
    height_gone=$(value "$at" height)
    history=$((($(date +%s%N) - began) / 1000000))
    grep -v 'msg=trades' "$scratch/told" >&2 || true
    final_gone=$(field "$scratch/behind" frames_final)
    frames=$(((${final_gone:-0} - final_before) * 10000 / history)) # tenths of a frame a second
    if [ "$frames" -lt $((asked * 95 / 10)) ]; then
        echo "bench_sequencer: $1: the load was not held: $((frames / 10)).$((frames % 10)) of $asked frames/s" >&2
        all_held=no
    fi
    began=$(date +%s%N)
    start "$other"
    until [ "$height_back" -ge "$height_gone" ]; do
        sleep 0.05
        height_back=$(value "$other" height 2>/dev/null || echo 0)
        [ -n "$height_back" ] || height_back=0
    done
    took_ms=$((($(date +%s%N) - began) / 1000000))
    line "$1" "\"blocks\":$((height_gone - before)),\"history_ms\":$history,\
\"frames_per_second_asked\":$asked,\"frames_per_second_held\":$((frames / 10)).$((frames % 10)),\
\"commands_per_second_held\":$(field "$scratch/behind" commands_per_second),\
\"blocks_per_second_held\":$(((height_gone - before) * 1000 / history)),\"catch_up_ms\":$took_ms,\
\"blocks_per_second\":$(((height_gone - before) * 1000 / took_ms)),\"took_state\":$(
        grep -c 'sync_begins' "$scratch/node-$other.log" || true
    ),\"times_real_time\":$((history / took_ms)),\"target\":10"
}
# Many small blocks, as fast as they come.
figure_behind() { away behind 200 1 120; }
# Some 20 blocks and 1 000 commands a second: eight minutes.
figure_history() { away history 20 50 700; }

"$build/tests/bench/bench_link" 2>/dev/null | grep -i 'raw\|tcp' | head -n 2 || true
"$build/tests/bench/bench_log" 2>/dev/null | grep '"fdatasync"' | head -n 1 || true
for figure in "${figures[@]}"; do "figure_$figure"; done
[ "$all_held" = yes ]
