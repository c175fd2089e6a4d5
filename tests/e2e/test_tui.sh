#!/usr/bin/env bash
# tenor tui on a terminal of tmux, by what stands on the screen: chain, book, account and positions of
# real nodes, as they change: soft where the leader tells it, else final; other sizes of the terminal; its
# end.
#
# usage: test_tui.sh TENORD TENOR TENOR_FEED
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bots_lib.sh
. "$here/bots_lib.sh"
export TENOR_KEY=alice LC_ALL=C.UTF-8
unset TMUX

screen() { tmux -S "$work/tmux" -f /dev/null "$@"; }
leave() {
    screen kill-server 2>/dev/null || true
    clean_up
}
trap leave EXIT

# shown PATTERN...: now, each on a line of its own. look SECONDS PATTERN...: before long.
shown() {
    local pattern
    screen capture-pane -p >"$work/screen.log"
    for pattern in "$@"; do grep -qE -- "$pattern" "$work/screen.log" || return 1; done
}
look() { until_true "$1" "the screen shows: ${*:2}" shown "${@:2}"; }
# last_line_is LINE: what is drawn reaches that line.
last_line_is() { screen capture-pane -p | sed -n "$1p" | grep -q '^up down page: select'; }
place() { "$tenor" order place BTC-PERP "$@" -o json >"$work/order.log" 2>&1 || fail "order $*"; }

start_net 2
"$tenor" faucet 100000 >/dev/null 2>&1 || fail "alice has no account"
"$tenor" --key bob faucet 100000 >/dev/null 2>&1 || fail "bob has no account"
place sell 0.5 --limit 100500 --key bob
place buy 0.05 --limit 100500
place buy 0.02 --limit 95000

end=0
"$tenor" tui </dev/null >"$work/order.log" 2>&1 || end=$?
[ "$end" = 2 ] || fail "without a terminal it ends with $end"
grep -q 'it needs a terminal' "$work/order.log" || fail "it does not say that it needs a terminal"

# The shell in the terminal outlives it, and tells how it ended.
cat >"$work/shell" <<SHELL
"$tenor" tui
echo "ended with \$?"
stty -a | grep -oE '[-]?(icanon|echo)\b' | tr '\n' ' '
exec sleep 100
SHELL
screen new-session -d -x 110 -y 50 "sh $work/shell"
look 60 '^Tenor  market 1  block [0-9]+' '^SERIES +BID +ASK +MARK +IV % +DELTA' \
    '^BTC-PERP +95000.* 100500' '^BTC-[0-9A-Z]+-[0-9]+-C .*[0-9]+\.[0-9]{2} +[0-9]+\.[0-9] +0\.[0-9]+'

# At the leader's node, wherever it is; at the other one what blocks have.
look 60 '^Tenor .* soft prices' 'BTC-PERP soft'
cat >"$work/other" <<SHELL
for i in 0 1; do
    "$tenord" status --home "$work/net/node-\$i" | grep -q 'leads=yes' ||
        exec "$tenor" tui --node 127.0.0.1:\$(($port + 100 + i))
done
SHELL
screen new-window "sh $work/other"
look 60 '^Tenor .* final prices' 'BTC-PERP final' '(ask) +100500 +0\.45' '(bid) +95000 +0\.02'
screen send-keys q
look 60 '^Tenor .* soft prices'

# Book of the first series, account, margin, position.
look 60 '(ask) +100500 +0\.45' '(bid) +95000 +0\.02' '^ACCOUNT [0-9]+  orders 1 ' \
    '^cash +[0-9]+\.[0-9]{2}' '^equity +[0-9]' '^initial margin +[1-9][0-9]*\.' \
    '^maintenance margin +[1-9][0-9]*\.' '^free +[1-9]' 'BTC-PERP +0\.05 +[0-9]+\.[0-9]{2}'
last_line_is 50 || fail "the last line is not the help"

# She alone is long, so once a sweep has ranked her she is first in the queue: all lamps are lit.
look 60 ' POSITION +QUANTITY +VALUE +ADL$' ' BTC-PERP +0\.05 +[0-9]+\.[0-9]{2} +5/5$'

# As it changes.
place buy 0.03 --limit 95100
look 60 '(bid) +95100 +0\.03' '^ACCOUNT [0-9]+  orders 2 ' '^BTC-PERP +95100'
title() { sed -nE '2s/.*DELTA +([A-Z0-9-]+).*/\1/p' "$work/screen.log"; }
before=$(title)
[ "$before" = BTC-PERP ] || fail "the book on the screen is '$before'"
screen send-keys Down
is_other() { shown '^Tenor' && [ "$(title)" != "$before" ]; }
until_true 60 "another book is shown" is_other

# Sizes: smaller, far too small, and back.
screen resize-window -x 80 -y 24
until_true 60 "24 lines are used" last_line_is 24
look 60 '^Tenor  market 1' '^ACCOUNT [0-9]+' '^free +[1-9]' '^SERIES +BID +ASK +DELTA ' \
    ' POSITION +QUANTITY +VALUE$'
screen resize-window -x 12 -y 3
look 60 '^needs 12 lin'
screen resize-window -x 120 -y 40
until_true 60 "40 lines are used" last_line_is 40
look 60 '^Tenor  market 1' '^SERIES' '^ACCOUNT [0-9]+  orders 2 ' 'BTC-PERP +0\.05'

# Who waits for a node that takes the connection and says nothing is told for what, and how long.
start silent /usr/bin/python3 -c 'import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(600)'
until_true 60 "somebody listens who never answers" test -s "$work/silent.log"
cat >"$work/wait" <<SHELL
"$tenor" cluster --node "127.0.0.1:$(cat "$work/silent.log")" --trust "$work/net/node-0.crt" --timeout 600
SHELL
screen new-window "sh $work/wait"
look 60 '^tenor cluster: connecting: no answer yet; waits [0-9]+ s more \(--timeout\)'
screen kill-window
kill_off silent
look 60 '^Tenor  market 1'

# A node that goes is told; it comes back, and so do blocks.
for name in node-0 node-1; do kill_off "$name"; done
look 60 'not connected'
for name in node-0 node-1; do
    start "$name" "$tenord" start --home "$work/net/$name" log.format=logfmt log.blocks=false \
        metrics.listen=127.0.0.1:0
done
is_back() { shown '^Tenor  market 1  block [0-9]+' && ! grep -q 'not connected' "$work/screen.log"; }
until_true 60 "it is connected again" is_back

screen send-keys q
look 60 '^ended with 0' '^icanon echo'
if shown '^SERIES'; then fail "it leaves its screen behind"; fi
pid=$(screen display-message -p '#{pane_pid}')
[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "sleep 100 " ] || fail "a program stays behind"
stop feed
stop node-0
stop node-1
echo "the terminal shows the market, an account and their changes"
