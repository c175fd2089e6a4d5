#!/usr/bin/env bash
# The thin client against real nodes: every command once for good, and every exit code.
#
# usage: test_client_commands.sh TENORD TENOR TENOR_FEED DOCS
set -euo pipefail
tenord=$1
tenor=$2
feed=$3
docs=$4
support=$(cd "$(dirname "${BASH_SOURCE[0]}")/../support" && pwd)
python=/usr/bin/python3
work=$(mktemp -d)
processes=()
passed=0
export TENOR_HOME=$work/home
unset TENOR_NET TENOR_KEY
export TENOR_TIMEOUT=60 # a machine may be crowded
. "$(dirname "${BASH_SOURCE[0]}")/net_lib.sh"

clean_up() {
    local process
    trap - EXIT
    for process in $(jobs -p) "${processes[@]}"; do kill -KILL "$process" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    local log
    echo "FAILED: $*" >&2
    cat "$work/out" "$work/err" >&2 2>/dev/null || true
    for log in "$work"/*.log; do
        if [ ! -f "$log" ]; then continue; fi
        echo "--- $(basename "$log")" >&2
        tail -n 15 "$log" >&2
    done
    exit 1
}

# ends CODE PATTERN ARGUMENTS...: tenor ends with that code, and says that on either output. Where
# the machine is so crowded that the desk waits for finality, it is asked again, as its hint says.
ends() {
    local code=$1 pattern=$2 end tries=0
    shift 2
    while true; do
        end=0
        timeout 60 "$tenor" "$@" >"$work/out" 2>"$work/err" || end=$?
        if ! grep -q 'rejected: 1102 DESK_CANCELS_ONLY' "$work/err" || [ $tries = 60 ]; then break; fi
        tries=$((tries + 1))
        sleep 0.5
    done
    [ "$end" = "$code" ] || fail "tenor $* ended with $end, not $code"
    grep -qE -- "$pattern" "$work/out" "$work/err" || fail "tenor $* does not say '$pattern'"
    passed=$((passed + 1))
}
ok() { ends 0 "$@"; }

# value NAME: of the last answer, the first there is.
value() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$work/out" | head -n 1; }

# ---- A net of two nodes ----------------------------------------------------------------------------

start_net() {
    local i
    base=$(base_port)
    "$tenord" testnet --out "$work/net" --nodes 2 --base-port "$base" --patience 5 >/dev/null
    for i in 0 1; do
        "$tenord" start --home "$work/net/node-$i" log.blocks=false log.format=logfmt \
            >"$work/node-$i.log" 2>&1 &
        processes+=($!)
    done
    "$feed" --net "$work/net" --quiet --metrics "127.0.0.1:$((base + 202))" >"$work/feed.log" 2>&1 &
    feed_process=$!
    processes+=("$feed_process")
    export TENOR_NET=$work/net
    within 60 grep -q 'prices flow' "$work/feed.log"
}

stop_net() {
    local process end
    for process in "$feed_process" "${processes[@]:0:2}"; do
        kill -TERM "$process"
        end=0
        wait "$process" || end=$?
        [ "$end" = 0 ] || fail "a program ended with $end when it was told to stop"
    done
    processes=()
    if grep -hE 'bug at|ERROR: |runtime error|msg=(diverged|evidence|results_wrong|no_op|bad_block) ' \
        "$work"/*.log; then
        fail "a log holds what it must not"
    fi
}

# completes WORDS WORD...: what bash offers for the last of them.
completes() {
    local wanted=$1
    shift
    (
        # shellcheck source=/dev/null
        . "$work/completion"
        COMP_WORDS=("$tenor" "$@")
        COMP_CWORD=$#
        _tenor
        echo "${COMPREPLY[*]}"
    ) >"$work/out"
    [ "$(cat "$work/out")" = "$wanted" ] || fail "of '$*' bash offers '$(cat "$work/out")'"
    passed=$((passed + 1))
}

# ---- Groups of commands ------------------------------------------------------------------------------

keys_are_made_shown_and_taken_in() {
    ok '"address": "0x[0-9a-f]{40}"' key new alice
    ok '"name": "alice"' key show alice
    ends 2 'cannot' key new alice
    "$tenor" key export alice >"$work/secret"
    ok '"name": "copy"' key import copy --file "$work/secret"
    ok '"name": "copy"' key list
    ends 2 'no secret key' key import bad --file "$docs/quickstart-trader.md"
    ends 2 "there is no key 'nobody'" key show nobody
    chmod 644 "$TENOR_HOME/keys/copy.key"
    ends 2 'read by others' key show copy
    chmod 600 "$TENOR_HOME/keys/copy.key"
    ok 'complete -o default -F _tenor tenor' completion
    cp "$work/out" "$work/completion"
    completes 'place' order pl
    completes 'get verify' proof ''
    completes 'account' acc
    completes '--limit --label' order place BTC-PERP buy 1 --l
    completes '--table' margin --ta
    completes '--net --node' cluster --n
}

the_first_order_is_two_commands_away() {
    ok '"cash": "100000.00"' faucet
    ok '"event": "accepted"' order place BTC-PERP buy 0.05 --limit 95000
    ok '"price": "95000"' order list
}

the_market_is_shown() {
    local option
    ok '"series": "BTC-PERP"' markets
    option=$(grep -oE '"BTC-[0-9A-Z]+-[0-9]+-C"' "$work/out" | tail -n 1 | tr -d '"')
    [ -n "$option" ] || fail "no option is listed"
    ok "\"series\": \"$option\"" chain "${option%-*-*}"
    ok '"delta"' chain
    ok '"delta"' chain btc
    ok '"series": "BTC-PERP"' markets --underlying btc
    ends 2 "there is no series 'BTC-PERQ'; did you mean BTC-PERP" book BTC-PERQ
    ok '"side": "bid"' book BTC-PERP --depth 5
    ok '"bid": "95000"' ticker BTC-PERP
    ok '"trades": \[\]' trades BTC-PERP
    ok 'SERIES .*KIND' markets -o table
}

orders_are_changed_and_cancelled() {
    local order
    ok '"order_id"' order list
    order=$(value order_id)
    ok '"event": "replaced"' order replace "$order" --limit 95100 --quantity 0.07
    ends 2 'the nearest are 0.07 and 0.08' order replace "$order" --limit 95100 --quantity 0.075
    ends 2 'the nearest are 95100 and 95100.5' order place BTC-PERP buy 0.05 --limit 95100.2
    ok '"reason|cancelled"' order cancel "$order"
    ends 3 'rejected: 103 ORDER_UNKNOWN' order cancel "$order"
    grep -q 'hint: ' "$work/err" || fail "no hint"
    ok '"client_id": "77"' order place BTC-PERP buy 0.01 --limit 95000 --id 77 --post reject
    ok 'repeated: done before' order place BTC-PERP buy 0.01 --limit 95000 --id 77 --post reject
    ok '"event": "cancelled"' order cancel --id 77
    ends 3 'rejected: 700 MARGIN_SHORT' order place BTC-PERP buy 50 --limit 95000
    ok '"state": "soft"' order place BTC-PERP buy 0.01 --limit 95000 --label 4 --wait soft
    ok '"event": "cancelled"' order cancel-all --label 4
}

# By a block, as if the leader left them out: the same results, and final at once.
what_a_leader_leaves_out_is_forced() {
    ends 2 'has no soft result' order place BTC-PERP buy 0.01 --limit 95000 --forced --wait soft
    ok '"event": "accepted"' order place BTC-PERP buy 0.01 --limit 95000 --id 78 --forced
    grep -q '"state": "final"' "$work/out" || fail "a forced order is not final"
    grep -q '"event": "result"' "$work/out" || fail "a forced order has no result"
    ok '"client_id": "78"' order list
    ok '"event": "cancelled"' order cancel --id 78 --forced
    ends 3 'rejected: 700 MARGIN_SHORT' order place BTC-PERP buy 50 --limit 95000 --forced
    ok '"event": "accepted"' order place BTC-PERP buy 0.01 --limit 95000 --label 4
    ok '"event": "cancelled"' order cancel-all --label 4
}

# seen_within SECONDS PROCESS...: do all who watch end? One that has ended badly is told by wait.
seen_within() {
    local tries=$(($1 * 10)) process
    shift
    for process in "$@"; do
        while kill -0 "$process" 2>/dev/null; do
            tries=$((tries - 1))
            [ "$tries" -gt 0 ] || return 1
            sleep 0.1
        done
    done
}

makers_quote_and_takers_trade() {
    ok '"cash": "500000.00"' faucet 500000 --key bob
    ends 3 'rejected: 503 MMP_UNKNOWN' quote BTC-PERP 99000x0.5 101000x0.5 --group 1
    ok '"event": "result"' mmp set --group 1 --trades 5
    ok '"event": "quoted"' quote BTC-PERP 99500x0.2 100500x0.2 --group 1
    timeout 120 "$tenor" watch trades --count 1 >"$work/trade" &
    local watcher=$!
    timeout 120 "$tenor" watch trades --count 1 --soft >"$work/trade.soft" &
    local early=$!
    timeout 120 "$tenor" watch account --key bob --count 1 >"$work/account" &
    local listener=$!
    sleep 1
    ok '"event": "trade"' order place BTC-PERP buy 0.1 --key bob
    until seen_within 10 "$watcher" "$early" "$listener"; do # who came too late for a trade sees the next one
        ok '"event": "trade"' order place BTC-PERP sell 0.1 --key bob
        ok '"event": "quoted"' quote BTC-PERP 99500x0.2 100500x0.2 --group 1
        ok '"event": "trade"' order place BTC-PERP buy 0.1 --key bob
    done
    wait "$watcher" || fail "watch trades"
    wait "$early" || fail "watch trades --soft"
    grep -q '"quantity":"0.1","term":' "$work/trade.soft" || fail "the soft trade has no place"
    wait "$listener" || fail "watch account"
    grep -q '"quantity":"0.1"' "$work/trade" || fail "the trade was not seen"
    grep -q '"series":"BTC-PERP"' "$work/account" || fail "the account did not hear of it"
    ok '"quantity": "0.1"' positions --key bob
    for _ in $(seq 600); do
        ok '"adl": "' positions --key bob
        if [ "$(value adl)" = 5/5 ]; then break; fi
        sleep 0.1
    done
    if [ "$(value adl) $(value adl_place) $(value adl_of)" != "5/5 1 1" ]; then fail "bob is not alone"; fi
    [ "$(value adl_block)" -gt 0 ] || fail "the place is of no block"
    [ "$(value adl_rank)" -ge 0 ] || fail "there is no rank"
    ok '"quantity": "0.1"' trades BTC-PERP
    ok '"event": "result"' mmp reset --group 1
    ok '"event": "cancelled"' mmp cancel --group 1
    ok '"passes": true' margin BTC-PERP buy 0.1
    ok '"passes": false' margin BTC-PERP buy 90
    ends 3 'rejected: 913 BID_NO_AUCTION' bid --account 1 --share 0.5 --pay-most 10
    ok '"liquidations": \[\]' liquidations
}

# Who has had enough of an answer, as head(1) has, ends it well, also where nothing happens; a disk
# that is full, or an output that is closed, is told.
an_answer_that_does_not_get_out_ends_it() {
    local command end
    for command in 'watch blocks' 'watch book BTC-PERP'; do
        # shellcheck disable=SC2086
        timeout 120 "$tenor" $command 2>"$work/err" | head -n 1 >"$work/out" ||
            fail "tenor $command did not end well when nobody read on"
        if grep -q 'cannot write' "$work/err"; then fail "tenor $command complains of a reader who has gone"; fi
    done
    end=0
    timeout 120 "$tenor" watch blocks >/dev/full 2>"$work/err" || end=$?
    grep -q 'cannot write the answer: No space left' "$work/err" || fail "a full disk is not told"
    [ "$end" = 1 ] || fail "tenor watch blocks onto a full disk ended with $end"
    end=0
    timeout 120 "$tenor" cluster >&- 2>"$work/err" || end=$?
    grep -q 'cannot write the answer: Bad file' "$work/err" || fail "a closed output is not told"
    [ "$end" = 1 ] || fail "tenor cluster with its output closed ended with $end"
    end=0
    "$tenord" version >&- 2>"$work/err" || end=$?
    [ "$end" = 1 ] || fail "tenord version with its output closed ended with $end"
    passed=$((passed + 5))
}

# Two orders and a cancel, watched both ways. False: the leader's term ended meanwhile.
watch_softly() {
    local soft final one end=0
    timeout 60 "$tenor" watch book BTC-PERP --soft --count 4 >"$work/soft" 2>"$work/soft.err" &
    soft=$!
    timeout 60 "$tenor" watch book BTC-PERP --count 4 >"$work/final" &
    final=$!
    within 60 test -s "$work/final" -a \( -s "$work/soft" -o -s "$work/soft.err" \)
    ok '"event": "accepted"' order place BTC-PERP buy 0.03 --limit 95200 --label 9
    ok '"event": "accepted"' order place BTC-PERP buy 0.02 --limit 95300 --label 9
    ok '"event": "cancelled"' order cancel-all --label 9
    wait "$soft" || end=$?
    wait "$final" || fail "watch book"
    if grep -qE 'has ended here|is led by|to lead' "$work/soft.err"; then return 1; fi
    [ "$end" = 0 ] || fail "watch book --soft: $(cat "$work/soft.err")"
    for one in soft final; do sed -n 's/.*\("bid":.*\)/\1/p' "$work/$one" >"$work/$one.levels"; done
    cmp -s "$work/soft.levels" "$work/final.levels" ||
        fail "soft and final differ: $(paste -d '|' "$work/soft.levels" "$work/final.levels")"
    grep -q '"bid":"95300","bid_size":"0.02"' "$work/soft" || fail "the soft book lacks an order"
}

# What the leader tells before it is final comes to the same book; the other node says who leads.
soft_books_come_to_what_is_final() {
    local port leaders=0 end
    watch_softly || watch_softly || watch_softly || fail "three terms ended while a book was watched"
    for port in $((base + 100)) $((base + 101)); do
        end=0
        timeout 60 "$tenor" watch book BTC-PERP --soft --count 1 --node "127.0.0.1:$port" \
            >"$work/out" 2>"$work/err" || end=$?
        if [ "$end" = 0 ]; then
            leaders=$((leaders + 1))
        else
            [ "$end" = 4 ] || fail "watch book --soft at a node that does not lead ended with $end"
            grep -q "led by the node at 127.0.0.1:$((2 * base + 201 - port)): subscribe there" \
                "$work/err" || fail "who does not lead does not name who does"
        fi
    done
    [ "$leaders" = 1 ] || fail "$leaders of two nodes tell what is soft"
}

the_chain_shows_last_trades() {
    local option mark
    ok '"delta"' chain
    read -r option mark < <("$python" - "$work/out" <<'PYTHON'
import json, sys
def rows(one):
    if isinstance(one, dict):
        if "mark" in one and "delta" in one:
            yield one
        one = list(one.values())
    for more in one if isinstance(one, list) else []:
        yield from rows(more)
best = max(rows(json.load(open(sys.argv[1]))), key=lambda row: float(row["mark"] or 0))
print(best["series"], int(float(best["mark"])))
PYTHON
    )
    ok '"event": "accepted"' order place "$option" sell 0.03 --limit "$mark" --key bob
    ok '"event": "trade"' order place "$option" buy 0.03 --limit "$mark"
    ok "\"last\": \"$mark\"" chain
    grep -q '"volume": "0.03"' "$work/out" || fail "the chain shows no volume of $option"
}

money_moves() {
    ok '"withdrawn": "100.50"' withdraw 100.50
    ends 3 'rejected: 701 CASH_SHORT' withdraw 999999999
    ok '"deposited": "5.00"' deposit 5 --key bob
    ok '"account": [0-9]' account open --model standard
    ok '"event": "result"' transfer 7.25 --to "$(value account)"
    ends 3 'rejected: 208 OWNER_MISMATCH' transfer 1 --to 1
    ok '"margin_model": "portfolio"' account
}

sessions_come_and_go() {
    ok '"session": "[0-9]+"' session list
    ok '"expires"' session new --days 1 --scope trade,cancel
    ends 3 'rejected: 1003 SESSION_SCOPE' quote BTC-PERP 99000x0.1 101000x0.1
    ok '"state": "revoked"' session revoke
    ends 2 'has no session in market 1' order cancel-all
    ok '"expires"' session new
    ok '"file"' session export --out "$work/session.key"
    ends 2 'there is one, and it stays' session export --out "$work/session.key"
    ends 2 'No such file' session export --out "$work/nowhere/session.key"
    local file
    file=$(echo "$TENOR_HOME"/sessions/*/default-1)
    chmod 644 "$file"
    ends 2 'others may read' session list
    ends 2 'others may read' session revoke
    ends 2 'others may read' order cancel-all
    chmod 600 "$file"
}

blocks_and_proofs_are_checked() {
    ok '"height": "[0-9]+"' block
    ok "\"height\": \"$(value height)\"" block --height "$(value height)"
    ends 3 'rejected: 40004 BLOCK_UNKNOWN' block --height 4000000000
    ok '"nodes"' cluster
    timeout 30 "$tenor" watch blocks --count 3 >"$work/blocks" || fail "watch blocks"
    [ "$(wc -l <"$work/blocks")" = 3 ] || fail "three blocks are three lines"
    timeout 30 "$tenor" watch book BTC-PERP --count 1 >"$work/book" || fail "watch book"
    timeout 30 "$tenor" watch ticker BTC-PERP --count 1 >"$work/ticker" || fail "watch ticker"
    timeout 30 "$tenor" watch liquidations --seconds 1 >"$work/none" || fail "watch liquidations"
    ok 'certificate' proof get --out "$work/mine.proof"
    ok '"signed_weight": 2' proof verify --file "$work/mine.proof" -o json \
        --certificate "$work/mine.proof.certificate" --sequencers "$work/net/client.conf"
    # And by 200 lines of Python that share nothing with it, to the same root.
    python3 "$docs/examples/verify_account.py" "$work/net/client.conf" \
        "$work/mine.proof.certificate" "$work/mine.proof" >"$work/claim" || fail "verify_account"
    grep -q "^root $(value root | sed s/^0x//)$" "$work/claim" || fail "another root: $(cat "$work/claim")"
    # One of the two alone is not whom the certificate is of.
    sort "$work/net/node-0/set.conf" | grep '^validator' | head -n 1 >"$work/one.conf"
    ends 3 'another size' proof verify --file "$work/mine.proof" \
        --certificate "$work/mine.proof.certificate" --sequencers "$work/one.conf"
    ok 'certificate' proof get --series BTC-PERP --out "$work/series.proof"
    ends 3 'does not hold' proof verify --file "$work/series.proof" \
        --root 0000000000000000000000000000000000000000000000000000000000000000
}

every_exit_code_means_what_help_says() {
    ends 2 'unknown command' ordr
    ends 2 "did you mean --limit" order place BTC-PERP buy 1 --limti 5
    TENOR_NET='' ends 2 'where is the net' markets
    TENOR_TIMEOUT=0 ends 2 'TENOR_TIMEOUT takes 1 to 86400 seconds' markets
    TENOR_TIMEOUT=1m ends 2 'TENOR_TIMEOUT takes 1 to 86400 seconds' markets
    ends 2 'client.conf' markets --net "$work/nowhere"
    ends 2 "'a/b' is no name of a key" account --key a/b
    ends 2 'needs --chain HEX too' markets --net '' --node 127.0.0.1:1
    ends 2 '--timeout takes a whole number from 1' markets --timeout 0
    ends 2 '--market takes a whole number from 1' order place BTC-PERP buy 0.01 --market 0
    ends 2 "no series of 'ETH' is listed in market 1" markets --underlying ETH
    ends 2 'the amount is written like 1250.50' deposit x
    ends 2 "expected at '95000'; usage: tenor order place SERIES" order place BTC-PERP buy 1 95000
    ends 2 'the amount is more than there can be' deposit 99999999999999
    ends 2 'is more than a book holds' order place BTC-PERP buy 99999999999
    ends 2 'a side is PRICExQUANTITY' quote BTC-PERP 99000x 101000x1
    ends 2 'which limit\?' mmp set --group 2
    ends 3 'rejected: 200 ACCOUNT_UNKNOWN' positions --account 4000
    ends 2 'cannot read .*nowhere' key import new --file "$work/nowhere"
    ends 2 'cannot read .*nowhere' proof verify --file "$work/nowhere" --root "$(printf '%064d' 0)"
    ends 2 'cannot write .*nowhere' proof get --series BTC-PERP --out "$work/nowhere/a.proof"
    local end=0
    "$tenor" cluster >/dev/full 2>"$work/err" || end=$?
    [ "$end" = 1 ] || fail "an answer that cannot be written ends with $end"
    ends 4 'not connected: .*does a node run there' cluster --node 127.0.0.1:1 --trust "$work/net/node-0.crt" --timeout 60
    # Another node's certificate: whoever answers there is not who was meant.
    ends 4 'not connected: .*is --net, or --trust, the right' cluster --node "127.0.0.1:$((base + 100))" \
        --trust "$work/net/node-1.crt" --timeout 60
    ends 4 'not connected: .*is --net, or --chain, the right' cluster --timeout 60 --chain \
        00000000000000000000000000000000000000000000000000000000000000aa
    ok '"nodes"' cluster --node "127.0.0.1:$((base + 101))"
    ok '"nodes"' --net "$work/net" cluster
}

what_is_sent_and_not_answered_is_ambiguous_and_safe_to_repeat() {
    local port relay
    # The client says three things: its logon, what series there are, the order.
    "$python" "$support/cut_relay.py" $((base + 100)) 3 >"$work/port" &
    relay=$!
    within 60 test -s "$work/port"
    port=$(cat "$work/port")
    ends 5 'ambiguous: the commands were sent' order place BTC-PERP buy 0.01 --limit 95000 --id 991 \
        --node "127.0.0.1:$port" --trust "$work/net/node-0.crt" --timeout 6
    grep -q 'with --id 991' "$work/err" || fail "the way to find out is not told"
    kill "$relay"
    wait "$relay" || true
    ok 'repeated: done before' order place BTC-PERP buy 0.01 --limit 95000 --id 991
    ok '"event": "cancelled"' order cancel-all
}

every_command_has_help_with_an_example() {
    local line words count=0
    ok 'usage: tenor COMMAND' --help
    cp "$work/out" "$work/commands"
    while read -r line; do
        read -ra words <<<"$line"
        timeout 10 "$tenor" "${words[@]}" --help >"$work/help" || fail "tenor $line --help"
        grep -q '^usage: tenor' "$work/help" || fail "tenor $line --help has no usage"
        if [ "$line" != price ]; then
            grep -q '^example:' "$work/help" || fail "tenor $line --help has no example"
        fi
        count=$((count + 1))
    done < <(sed -n 's/^  \([a-z][a-z-]*\( [a-z][a-z-]*\)\{0,1\}\)  .*/\1/p' "$work/commands")
    [ "$count" -ge 40 ] || fail "only $count commands are listed"
}

the_terminal_shows_the_market() {
    ends 2 'needs a terminal' tui
    "$python" "$support/pty_screen.py" jq 'SERIES BID ASK MARK' 'BTC-PERP' 'BTC-[0-9A-Z]+-[0-9]+-C' \
        'ACCOUNT 0' 'initial margin' 'free [0-9]' -- "$tenor" tui >"$work/out" 2>"$work/err" ||
        fail "tenor tui"
    passed=$((passed + 1))
}

# Of a net that was empty: nothing that the feed sent was refused, its first round included. A node
# that a crowded machine holds up answers late, and then the feed leaves out what it has no room for.
the_feed_counts_what_becomes_of_its_reports() {
    "$python" - "http://127.0.0.1:$((base + 202))/metrics" >"$work/out" <<'PYTHON' || fail "no metrics"
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode(), end="")
PYTHON
    local name late
    counted() { sed -n "s/^tenor_feed_$1 //p" "$work/out"; }
    if command -v promtool >/dev/null; then
        promtool check metrics <"$work/out" >"$work/err" 2>&1 || fail "promtool refuses the metrics"
    fi
    late=$(counted 'errors_by_code_total{.*name="ANSWER_LATE"}')
    [ "$(counted errors_total)" = "${late:-0}" ] || fail "of a new net: errors"
    [ "$(counted invalid_total)" = 0 ] || fail "of a new net: reports that a node found wrong"
    if [ "${late:-0}" = 0 ] && [ "$(counted lost_total)" = 0 ]; then
        for name in no_room skipped; do
            [ "$(counted "${name}_total")" = 0 ] || fail "of a new net: $name"
        done
    fi
    [ $(($(counted governance_total) % 5)) = 0 ] || fail "the market is defined by halves"
    [ "$(counted governance_total)" != 0 ] || fail "the market was not defined"
    grep -qE '^tenor_feed_taken_total [1-9][0-9]+$' "$work/out" || fail "nothing was taken"
    local end=0
    "$feed" --metrics 127.0.0.1:port >"$work/out" 2>"$work/err" || end=$?
    [ "$end" = 2 ] || fail "a wrong --metrics ends with $end"
    grep -q 'metrics: ' "$work/err" || fail "a wrong --metrics is not told"
    passed=$((passed + 1))
}

histories_and_pipes_are_fed() {
    local day
    ok '"series"' markets
    day=$(sed -n 's/^ *"series": "BTC-\([0-9A-Z]*\)".*/\1/p' "$work/out" | tail -n 1)
    cat >"$work/history.csv" <<HISTORY
time_ms,underlying,feed,expiry,value
1795305600000,BTC,spot,,100250.5
1795305600000,BTC,forward,$day,100610
1795305603000,BTC,spot,,100251
HISTORY
    "$feed" --setup never --csv "$work/history.csv" --speed 10 >"$work/out" 2>"$work/err" ||
        fail "a history ends with $?"
    grep -q 'reports=9 .*taken=9 .* lines=3 lines_refused=0' "$work/out" || fail "of a history"
    printf '%s\n' '{"underlying":"BTC","feed":"spot","value":"100252"}' '{"feed":"spot"}' \
        '{"underlying":"BTC","feed":"rate","expiry":"'"$day"'","value":0.04}' |
        "$feed" --setup never --pipe >"$work/out" 2>"$work/err" || fail "a pipe ends with $?"
    grep -q 'standard input:2: underlying: is in no market' "$work/err" || fail "the line is not named"
    grep -q 'reports=6 .*taken=6 .* lines=3 lines_refused=1' "$work/out" || fail "of a pipe"
    sed -i 's/100610/-1/' "$work/history.csv"
    local end=0
    "$feed" --setup never --csv "$work/history.csv" >"$work/out" 2>"$work/err" || end=$?
    [ "$end" = 2 ] || fail "a bad history ends with $end"
    grep -q 'history.csv:3: value: is above zero' "$work/err" || fail "its line is not named"
    passed=$((passed + 3))
}

# A trade stands in the homes of both nodes for both of its accounts.
fills_are_found_in_every_home() {
    local i
    for i in 0 1; do
        "$tenord" inspect --home "$work/net/node-$i" fills 0 >"$work/out" 2>"$work/err" ||
            fail "inspect fills of node-$i ended with $?"
        grep -qE ' sells [0-9]+ lots of BTC-PERP @ .* makes, with account 1, ' "$work/out" ||
            fail "node-$i does not know what the maker sold"
        "$tenord" inspect --home "$work/net/node-$i" fills 1 >"$work/out" 2>"$work/err" ||
            fail "inspect fills of node-$i ended with $?"
        grep -qE ' buys [0-9]+ lots of BTC-PERP @ .* takes, with account 0, ' "$work/out" ||
            fail "node-$i does not know what the taker bought"
        grep -qE '^[1-9][0-9]* fills in blocks [1-9][0-9]* to ' "$work/out" || fail "node-$i has a gap"
    done
}

# A fill names its orders; each stands in the homes of both nodes, with the same life.
orders_are_found_in_every_home() {
    local i id ids found=0
    "$tenord" inspect --home "$work/net/node-0" fills 1 >"$work/fills"
    mapfile -t ids < <(sed -n 's/.*, order \([0-9]*\) .*/\1/p' "$work/fills" | sort -u)
    for id in "${ids[@]}"; do
        for i in 0 1; do
            "$tenord" inspect --home "$work/net/node-$i" order "$id" >"$work/order-$i" 2>"$work/err" ||
                fail "inspect order $id of node-$i ended with $?: $(cat "$work/err")"
            grep -q '^account      1$' "$work/order-$i" || fail "order $id is another's on node-$i"
            grep -qE '^[0-9]+\.[0-9]+ +filled: [0-9]+ lots @ ' "$work/order-$i" ||
                fail "node-$i does not know that order $id was filled"
            grep -qE '^[0-9]+\.[0-9]+ +(placed|quoted).*: ' "$work/order-$i" ||
                fail "node-$i does not know how order $id began"
        done
        # One may have stopped some blocks before the other: of an order that is over, no matter.
        if grep -q ', closed$' "$work/order-0" && grep -q ', closed$' "$work/order-1"; then
            diff "$work/order-0" "$work/order-1" || fail "the nodes tell two lives of order $id"
        fi
        found=$((found + 1))
    done
    [ "$found" -ge 1 ] || fail "no order of account 1 was filled"
    if "$tenord" inspect --home "$work/net/node-0" order 99999999 2>"$work/err"; then
        fail "there is an order 99999999"
    fi
    grep -q 'there is no order 99999999 yet: the last is ' "$work/err" || fail "$(cat "$work/err")"
}

start_net
for group in keys_are_made_shown_and_taken_in the_first_order_is_two_commands_away \
    the_market_is_shown orders_are_changed_and_cancelled what_a_leader_leaves_out_is_forced \
    makers_quote_and_takers_trade an_answer_that_does_not_get_out_ends_it \
    soft_books_come_to_what_is_final the_chain_shows_last_trades money_moves \
    sessions_come_and_go blocks_and_proofs_are_checked every_exit_code_means_what_help_says \
    what_is_sent_and_not_answered_is_ambiguous_and_safe_to_repeat \
    every_command_has_help_with_an_example the_terminal_shows_the_market \
    the_feed_counts_what_becomes_of_its_reports histories_and_pipes_are_fed; do
    "$group"
    echo "ok: $group"
done
stop_net
fills_are_found_in_every_home
orders_are_found_in_every_home
echo "$passed passed, 0 failed"
