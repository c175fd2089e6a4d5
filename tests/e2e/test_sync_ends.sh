#!/usr/bin/env bash
# A state that nobody can give: one node of four is away while more blocks come than are fetched one
# by one, all stop in order, so that no state which a store has is certified, and one never comes
# back. The three that start are a quorum only with the one that lacks the blocks: it must take them.
#
# usage: test_sync_ends.sh TENORD TENOR_PLAY
set -euo pipefail
tenord=$1
play=$2
. "$(dirname "$0")/set_lib.sh"

blocks=96 # further behind than start_options say
log_of() { echo "$work/node-$1.log"; }
has_said() { grep -q "$2" "$(log_of "$1")"; }

set_open 4
# No height of this test is certified.
for i in $(all_nodes); do echo "checkpoint_blocks 65536" >>"$net/node-$i/set.conf"; done
start_options+=(--behind-blocks 64 node.sync_patience=5s)
start_all
for i in $(all_nodes); do within 120 "node-$i votes" speaks "$i"; done
start_play 0
stop_node 2
within 120 "the others go on without node-2" is_at_least 0 $(($(height 0) + blocks))
end_play "trading before"
stop_node 3
stop_node 1
stop_node 0
stood=$(sed -n 's/.*msg=stopped height=//p' "$(log_of 0)" | tail -n 1)
for i in 0 1 2; do start_node "$i"; done
within 120 "node-2 asks for a state" has_said 2 msg=sync_begins
say "all others stopped at height $stood; node-3 is gone for ever, node-2 asks for a state"
within 300 "node-2 goes on by blocks" is_at_least 2 "$stood"
has_said 2 msg=sync_ends || fail "node-2 has the blocks, and does not say why"
if has_said 2 msg=sync_done; then fail "somebody served a state that nobody certified"; fi
for i in 0 1 2; do within 120 "node-$i votes" speaks "$i"; done
patience=120
moves_on 0 1 2
within 120 "all nodes hold one state" are_equal 0 1 2
check_logs
say "$(grep msg=sync_ends "$(log_of 2)")"
