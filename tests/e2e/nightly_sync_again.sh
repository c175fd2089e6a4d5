#!/usr/bin/env bash
# A state that nobody can give, and blocks that nobody keeps: one node of seven is away while more
# blocks come than are fetched one by one; another loses its home and takes the state, so it keeps none
# of those (it is silent until the next epoch; the five others are a quorum without both); all stop in
# order, so that no state which a store has is certified. The one that was away and the one without the
# blocks meet first: the state is asked for, blocks are tried, for a minute, and the state is asked for
# again. Then the others come, who keep the blocks. Takes a minute and a half
# (docs/specs/sync.md, "When nobody has a state to give").
#
# usage: nightly_sync_again.sh TENORD TENOR_PLAY
set -euo pipefail
tenord=$1
play=$2
. "$(dirname "$0")/set_lib.sh"

blocks=96     # further behind than start_options say
checkpoint=64 # blocks between signed checkpoints
log_of() { echo "$work/node-$1.log"; }
said() { grep -c "$2" "$(log_of "$1")" 2>/dev/null || true; }
has_said() { [ "$(said "$1" "$2")" -ge "${3:-1}" ]; }

# Blocks of the end of trading are to come before the next checkpoint.
is_past_checkpoint() {
    local past=$(($(height 0) % checkpoint))
    [ "$past" -ge 2 ] && [ "$past" -le 16 ]
}

set_open 7
others=(1 3 4 5 6)
start_options+=(--behind-blocks 64 node.sync_patience=1s)
start_all
for i in $(all_nodes); do within 120 "node-$i votes" speaks "$i"; done
start_play 1
stop_node 2
lacks=$(($(sed -n 's/.*msg=stopped height=//p' "$(log_of 2)" | tail -n 1) + 1))
within 300 "the others go on without node-2" is_at_least 1 $((lacks + 2 * blocks))
stop_node 0
rm -rf "$net/node-0/log" "$net/node-0/store"
start_node 0
within 120 "node-0 has the state of its peers" has_said 0 msg=sync_done
within 120 "node-0 follows" is_at_least 0 "$(height 1)"
within 300 "a checkpoint is behind" is_past_checkpoint
end_play "trading before"
for i in "${others[@]}" 0; do stop_node "$i"; done
stood=$(sed -n 's/.*msg=stopped height=//p' "$(log_of 0)" | tail -n 1)
[ $((stood % checkpoint)) != 0 ] || fail "by chance node-0 stands at a checkpoint, run it again"

for i in 0 2; do start_node "$i"; done
within 120 "node-2 asks for a state" has_said 2 msg=sync_begins
say "node-0 stopped at height $stood; node-2 lacks all blocks from $lacks on, and asks for a state"
within 120 "node-2 tries blocks" has_said 2 msg=sync_ends
say "$(grep msg=sync_ends "$(log_of 2)" | tail -n 1)"
within 300 "node-2 asks for a state once more" has_said 2 msg=sync_again
say "$(grep msg=sync_again "$(log_of 2)")"
if has_said 2 msg=sync_done; then fail "somebody served a state that nobody certified"; fi
is_at_least 2 "$lacks" && fail "node-2 has blocks that nobody who runs keeps"

for i in "${others[@]}"; do start_node "$i"; done
within 300 "node-2 has what the others stopped with" is_at_least 2 "$stood"
for i in 2 "${others[@]}"; do within 120 "node-$i votes" speaks "$i"; done
start_play 1
patience=120
moves_on "${everyone[@]}"
within 120 "all nodes hold one state" are_equal "${everyone[@]}"
end_play "trading after"
check_logs
say "node-2 has all blocks, and votes"
