#!/usr/bin/env bash
# The demo as its user meets it: what it prints, what it ends with. Figures are added up here once
# more, from the printed tables.
#
# usage: test_demo.sh DEMO POOR-DEMO   the second is built with a taker that cannot pay
set -euo pipefail
demo=$1
poor=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=$scratch/out

fail() {
    echo "FAILED: ${FUNCNAME[1]}: $*"
    exit 1
}

# exit_code_of COMMAND...: runs it, with its output in $scratch/stdout and $scratch/stderr.
exit_code_of() {
    local code=0
    "$@" >"$scratch/stdout" 2>"$scratch/stderr" || code=$?
    echo "$code"
}

# field NAME: the first word after NAME in the summary.
field() { awk -v name="$1" '/^Summary$/ { on = 1 } on && $1 == name { print $2 }' "$out"; }

two_runs_print_the_same_bytes() {
    "$demo" >"$out" || fail "the demo ended with $?"
    "$demo" >"$scratch/again"
    cmp "$out" "$scratch/again" || fail "the second run differs"
}

quiet_prints_the_summary_only() {
    "$demo" --quiet >"$scratch/quiet"
    sed -n '/^Summary$/,$p' "$out" | cmp - "$scratch/quiet" || fail "not the same summary"
}

every_fill_is_told_once_and_stands_on_the_tape() {
    local told taped
    told=$(grep -cE '^    fill [0-9]+ ' "$out")
    taped=$(grep -cE '  (book|package|block)$' <(sed -n '/The tape/,/^Summary$/p' "$out"))
    [ "$(field fills)" = 18 ] || fail "$(field fills) fills, expected 18"
    [ "$told" = 18 ] || fail "$told fills told"
    [ "$taped" = 18 ] || fail "$taped fills on the tape"
}

every_refusal_was_asked_for() {
    [ "$(field refusals)" = "9," ] || fail "$(field refusals) refusals, expected 9"
    [ "$(grep -c '^    refused ' "$out")" = 9 ] || fail "the summary counts other ones"
}

cash_adds_up_to_zero_in_every_table() {
    grep -qE '^  conservation .*: 0 micros$' "$out" || fail "no line says so"
    # Cents as integers: awk's doubles hold them exactly.
    awk '
        function cents(money) { sub(/\./, "", money); return money + 0 }
        /^  balances / { on = 1; sum = 0; next }
        on && $1 == "sum" { tables++; if (sum != 0 || cents($2) != 0) bad = 1; on = 0 }
        on && $1 != "account" { sum += cents($2) }
        END { exit bad || tables != 4 }' "$out" || fail "a table does not add up"
    awk '
        function cents(money) { sub(/\./, "", money); return money + 0 }
        $1 == "cash" && $2 == "accounts" { held = cents($3) + cents($6) + cents($9) }
        $1 == "came" { came = cents($4); went = cents($7); seen = 1 }
        END { exit !seen || held != came - went || came == 0 || went == 0 }' "$out" ||
        fail "what is held is not deposits less withdrawals"
}

fees_of_the_tape_are_the_fees_of_the_house() {
    awk '
        function cents(money) { sub(/\./, "", money); return money + 0 }
        / (book|package|block)$/ && NF == 13 { taped += cents($11) + cents($12) }
        $1 == "cash" && $2 == "accounts" { held = cents($6) }
        END { exit held == 0 || taped != held }' "$out" || fail "they differ"
}

the_chain_never_shows_a_crossed_market() {
    awk -F'|' '
        /^ .*\|.*\| +[0-9]+ \|.*\|/ {
            rows++
            split($2, call, " "); split($4, put, " ")
            if (call[2] != "-" && call[2] + 0 >= call[3] + 0) bad = 1
            if (put[2] != "-" && put[2] + 0 >= put[3] + 0) bad = 1
        }
        END { exit bad || rows < 18 }' "$out" || fail "crossed, or too few rows"
}

every_kind_of_order_shows_its_mark() {
    local pattern
    for pattern in '^    repeated .*client id 102 ' '^    replaced .*kept its place' \
        '^    refreshed .* shown' ': would trade with its own owner$' '^    protected .*40 quotes gone' \
        '^    waits ' '^    triggered .*the mark reached 2000' ' package$' ' block$' \
        ': mass cancel$' '^    funding .*receives' '^    settled .*receives' '^  nobody holds one$'; do
        grep -qE "$pattern" "$out" || fail "no line like '$pattern'"
    done
}

the_page_is_plain_and_narrow() {
    if LC_ALL=C grep -nP '[^\x20-\x7e]' "$out"; then fail "not plain ASCII"; fi
    awk 'length > 120 { print; bad = 1 } END { exit bad }' "$out" || fail "wider than 120 columns"
    if grep -n ' $' "$out"; then fail "spaces at the end of a line"; fi
}

an_unknown_option_ends_with_2_and_prints_nothing_else() {
    local option
    for option in --quite -q 7 ''; do
        [ "$(exit_code_of "$demo" "$option")" = 2 ] || fail "'$option' does not end with 2"
        grep -qF "unknown option '$option'" "$scratch/stderr" || fail "'$option' is not named"
        [ ! -s "$scratch/stdout" ] || fail "'$option' prints to standard output"
    done
}

help_tells_the_options() {
    [ "$(exit_code_of "$demo" --help)" = 0 ] || fail "--help does not end with 0"
    grep -q -- '--quiet' "$scratch/stdout" || fail "--help does not name --quiet"
}

a_refusal_nobody_asked_for_ends_with_1_and_its_name() {
    [ "$(exit_code_of "$poor")" = 1 ] || fail "the poor taker's demo does not end with 1"
    grep -qF 'MARGIN_SHORT: free equity after the command would be below zero' "$scratch/stderr" ||
        fail "the refusal is not named: $(cat "$scratch/stderr")"
}

output_that_cannot_be_written_ends_with_1() {
    [ -w /dev/full ] || return 0
    local code=0
    "$demo" >/dev/full 2>"$scratch/stderr" || code=$?
    [ "$code" = 1 ] || fail "ended with $code"
}

tests=(
    two_runs_print_the_same_bytes
    quiet_prints_the_summary_only
    every_fill_is_told_once_and_stands_on_the_tape
    every_refusal_was_asked_for
    cash_adds_up_to_zero_in_every_table
    fees_of_the_tape_are_the_fees_of_the_house
    the_chain_never_shows_a_crossed_market
    every_kind_of_order_shows_its_mark
    the_page_is_plain_and_narrow
    an_unknown_option_ends_with_2_and_prints_nothing_else
    help_tells_the_options
    a_refusal_nobody_asked_for_ends_with_1_and_its_name
    output_that_cannot_be_written_ends_with_1
)
for test in "${tests[@]}"; do
    "$test"
    echo "ok: $test"
done
