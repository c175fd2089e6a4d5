#!/usr/bin/env bash
# `tenor margin` and `tenor price` as their user meets them: the examples of the docs to the byte,
# every kind of bad file with its one line of complaint, the options.
#
# usage: test_what_if.sh TENOR DOCS CASES
set -euo pipefail
tenor=$1
page=$2/what-if.md
examples=$2/examples
cases=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

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

# figure NAME FILE: the number behind "NAME": in JSON with one field a line.
figure() { sed -n "s/^ *\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" "$2" | head -n 1; }

examples_print_what_the_docs_show() {
    # To accept other figures: tenor margin --file NAME.json >NAME.table, with --json >NAME.answer.json.
    local file name command count=0
    for file in "$examples"/portfolio-*.table "$examples"/options.table; do
        name=$(basename "$file" .table)
        command=margin
        if [ "$name" = options ]; then command=price; fi
        "$tenor" "$command" --file "$examples/$name.json" >"$scratch/out" || fail "$name: $?"
        diff "$file" "$scratch/out" || fail "$name prints another table"
        "$tenor" "$command" --file "$examples/$name.json" --json >"$scratch/out"
        diff "$examples/$name.answer.json" "$scratch/out" || fail "$name prints other JSON"
        count=$((count + 1))
    done
    [ "$count" = 4 ] || fail "$count examples, expected 4"
}

the_page_shows_what_is_so() {
    local line
    # shellcheck disable=SC2016  # the fence is Markdown's
    sed -n '/^```json$/,/^```$/p' "$page" | sed '1d;$d' | diff - "$examples/portfolio-btc.json" ||
        fail "the page shows another portfolio"
    sed -n 's/^    \(.*[0-9]\)$/\1/p' "$page" >"$scratch/shown"
    [ "$(wc -l <"$scratch/shown")" -ge 16 ] || fail "the page shows no table"
    while read -r line; do
        grep -qxF -- "  $line" <(sed 's/^ */  /' "$examples/portfolio-btc.table") ||
            fail "the page shows '$line'"
    done <"$scratch/shown"
    while read -r line; do
        grep -qxF -- "$line" "$cases/refusals" || fail "the page shows '$line'"
    done < <(grep -E '^[a-z_]+\.json: ' "$page")
}

# cash_of TEXT: CE of an account that has nothing but this cash.
cash_of() {
    printf '{"now": "2026-11-20T12:00:00Z", "cash": %s, "underlyings": {}}' "$1" >"$scratch/file.json"
    "$tenor" margin --file "$scratch/file.json" --json >"$scratch/out" || fail "$1 is refused"
    figure cash_equity "$scratch/out"
}

numbers_are_read_as_they_are_written() {
    local written read
    while read -r written read; do
        [ "$(cash_of "$written")" = "$read" ] || fail "$written is read as $(cash_of "$written")"
    done <<'NUMBERS'
0 0
-0 0
-0.0 0
"-0" 0
1 1
0.1 0.1
"0.1" 0.1
"0.100000000000" 0.1
1e-6 0.000001
-1.5e+2 -150
1E2 100
123456789.123456 123456789.123456
-123456789.123456 -123456789.123456
"72057594037.927936" 72057594037.927936
"-72057594037.927936" -72057594037.927936
72057594037 72057594037
NUMBERS
}

standard_input_is_a_file_too() {
    "$tenor" margin --file - <"$examples/portfolio-btc.json" >"$scratch/out"
    cmp "$scratch/out" "$examples/portfolio-btc.table" || fail "it prints something else"
}

every_bad_file_is_refused_with_its_place() {
    local file name
    : >"$scratch/all"
    for file in "$cases"/*.json; do
        name=$(basename "$file")
        [ "$(cd "$cases" && exit_code_of "$tenor" margin --file "$name")" = 2 ] ||
            fail "$name does not end with 2"
        [ ! -s "$scratch/stdout" ] || fail "$name prints an answer"
        [ "$(wc -l <"$scratch/stderr")" = 1 ] || fail "$name prints more than one line"
        cat "$scratch/stderr" >>"$scratch/all"
    done
    diff "$cases/refusals" "$scratch/all" || fail "other complaints than expected"
    [ "$(wc -l <"$scratch/all")" -ge 60 ] || fail "too few cases"
}

equity_is_what_its_parts_add_up_to() {
    local name
    for name in btc collateral standard; do
        awk -v name="$name" '
            function micros(money) { sub(/\./, "", money); return money + 0 }
            /^  equity \(E\)/ { equity = micros($3); seen++ }
            /^    (cash equity|options|collateral) / { parts += micros($NF); seen++ }
            /^  I?MM? balance/ { balance[$1] = micros($3); seen++ }
            /^  IM with open orders/ { orders = micros($5); seen++ }
            END { exit seen != 7 || equity != parts || balance["MM"] > equity ||
                       balance["IM"] > balance["MM"] || orders > balance["IM"] }' \
            "$examples/portfolio-$name.table" || fail "$name does not"
    done
    # 60000 + 1200.25 - 3.5 + 80: cash, unrealised and funding as given.
    [ "$(figure cash_equity "$examples/portfolio-btc.answer.json")" = 61276.75 ] || fail "CE differs"
}

# with_override TEXT: the BTC example with one more field, in $scratch/file.json.
without_end=$(sed '$d' "$examples/portfolio-btc.json")
with_override() { printf '%s,%s}\n' "$without_end" "$1" >"$scratch/file.json"; }

defaults_written_out_change_nothing() {
    "$tenor" margin --parameters --json >"$scratch/parameters"
    local parameters scenarios
    parameters=$("$tenor" margin --parameters |
        awk '$2 ~ /^-?[0-9]+$/ && $3 ~ /^-?[0-9]+$/ { printf "%s\"%s\": %s", comma, $1, $2; comma = "," }')
    scenarios=$(sed -n '/"scenarios": \[/,$p' "$scratch/parameters" | sed '$d')
    with_override "\"parameters\": {$parameters}, $scenarios"
    "$tenor" margin --file "$scratch/file.json" >"$scratch/out" || fail "refused"
    cmp "$scratch/out" "$examples/portfolio-btc.table" || fail "another answer"
}

an_override_counts() {
    with_override '"parameters": {"mm_factor_ppm": 900000}'
    "$tenor" margin --file "$scratch/file.json" --json >"$scratch/out"
    [ "$(figure im "$scratch/out")" = "$(figure im "$examples/portfolio-btc.answer.json")" ] ||
        fail "IM moved"
    [ "$(figure mm "$scratch/out")" != "$(figure mm "$examples/portfolio-btc.answer.json")" ] ||
        fail "MM did not move"
}

# Between them two accounts feel every parameter that margin reads: rates, thin and wide spreads, both
# ends of the term structure, low confidence, a cash asset that has lost, and a factor of each kind.
account_that_feels() { # MODEL POSITIONS PARAMETERS
    cat <<JSON
{"now": "2026-11-20T12:00:00Z", "cash": 900000, "stable": 0.98, "model": "$1",
 "underlyings": {
  "BTC": {"spot": 100000, "option_lot": 0.1, "linear_lot": 0.001, "perpetual_mark": 100050,
          "confidence": 0.4, "lambda": {"open_interest": 500000000}, "expiries": {
    "27NOV26": {"forward": 100150, "rate": 0.5, "vols": {"95000": 0.5, "100000": 0.3, "100100": 0.3}},
    "25DEC26": {"forward": 100600, "vols": {"130000": 0.6}},
    "19NOV27": {"forward": 110000, "rate": 0.9, "vols": {"110000": 0.35, "140000": 0.6}}}},
  "ETH": {"spot": 4000, "linear_lot": 0.1, "perpetual_mark": 4000, "lambda": {"volatility": 2}},
  "SOL": {"spot": 200, "linear_lot": 1, "perpetual_mark": 200, "lambda": {"share": 0.4}}},
 "positions": [$2], "parameters": {$3}}
JSON
}
perpetual='"unrealised": 0, "funding": 0'
declare -A feeling
feeling[portfolio]="{\"series\": \"BTC-PERP\", \"quantity\": 1, $perpetual},
  {\"series\": \"ETH-PERP\", \"quantity\": -9, $perpetual}, {\"series\": \"SOL-PERP\", \"quantity\": 90, $perpetual},
  {\"series\": \"BTC-27NOV26-100000-C\", \"quantity\": 2}, {\"series\": \"BTC-27NOV26-95000-P\", \"quantity\": -1},
  {\"series\": \"BTC-19NOV27-110000-P\", \"quantity\": -2}, {\"series\": \"BTC-19NOV27-140000-C\", \"quantity\": -3}"
feeling[standard]="{\"series\": \"BTC-PERP\", \"quantity\": 1, $perpetual},
  {\"series\": \"BTC-27NOV26-100000-C\", \"quantity\": -1.1}, {\"series\": \"BTC-27NOV26-100100-C\", \"quantity\": 1},
  {\"series\": \"BTC-25DEC26-130000-P\", \"quantity\": -1}, {\"series\": \"BTC-19NOV27-140000-C\", \"quantity\": -1}"

answer_of() { # MODEL PARAMETERS: on standard output, or false
    account_that_feels "$1" "${feeling[$1]}" "$2" | "$tenor" margin --file - --json 2>"$scratch/stderr"
}

# counts NAME VALUE: does an answer change?
counts() {
    local model
    for model in portfolio standard; do
        answer_of "$model" "\"$1\": $2" >"$scratch/answer" || continue
        cmp -s "$scratch/answer" "$scratch/before-$model" || return 0
    done
    return 1
}

every_parameter_that_margin_reads_counts_and_no_other() {
    local name default least most value values hit reads=yes count=0
    for name in portfolio standard; do
        answer_of "$name" '' >"$scratch/before-$name" || fail "$name: $(<"$scratch/stderr")"
    done
    while read -r name default least most _; do
        if [ "$name" = volatility_tau_ms ]; then reads=no; fi # from here on nothing of an account
        hit=no
        values=("$least" "$most")
        if [ "$reads" = yes ]; then # some are bound by others: also what is near
            values=($((default + (most - default) / 2)) $((least + (default - least) / 2)) "$most"
                $((default + 1)) $((default - 1)))
        fi
        for value in "${values[@]}"; do
            if counts "$name" "$value"; then hit=yes && break; fi
        done
        if [ "$name" = settlement_window_ms ]; then
            [ "$hit" = yes ] || fail "$name does not count"
        elif [ "$hit" != "$reads" ]; then
            fail "$name: counts: $hit, expected $reads"
        fi
        count=$((count + 1))
    done < <("$tenor" margin --parameters | sed -n '2,/^$/p' | sed '$d')
    [ "$count" -ge 89 ] || fail "only $count parameters"
}

every_parameter_has_bounds_and_is_named() {
    local name least most value code wanted count=0
    while read -r name _ least most _; do
        for value in $((least - 1)) $((most + 1)); do
            with_override "\"parameters\": {\"$name\": $value}"
            code=0
            "$tenor" margin --file "$scratch/file.json" >/dev/null 2>"$scratch/stderr" || code=$?
            [ "$code" = 2 ] || fail "$name: $value passes"
            wanted="parameters.$name: is out of its bounds; give a number from $least to $most"
            [[ $(<"$scratch/stderr") == *"$wanted" ]] || fail "$name: $(<"$scratch/stderr")"
        done
        count=$((count + 1))
    done < <("$tenor" margin --parameters | sed -n '2,/^$/p' | sed '$d')
    [ "$count" -ge 89 ] || fail "only $count parameters"
}

an_implied_vol_gives_the_vol_back() {
    local kind strike vol price option
    for kind in call put; do
        for strike in 60000 100000 150000; do
            for vol in 0.35 0.551242038 1.2; do
                option=(--series "BTC-26MAR27-$strike-${kind:0:1}" --now 2026-11-20T12:00:00Z)
                option[1]=${option[1]^^}
                "$tenor" price "${option[@]}" --forward 100600 --vol "$vol" --json >"$scratch/out"
                price=$(figure price "$scratch/out")
                "$tenor" price "${option[@]}" --forward 100600 --price "$price" --json >"$scratch/back"
                cmp "$scratch/out" "$scratch/back" || fail "$kind $strike at $vol"
            done
        done
    done
}

flags_and_files_price_alike() {
    "$tenor" price --kind put --strike 3500 --forward 4021.25 --left-ms 86400000 --vol 0.9 \
        --rate 0.04 >"$scratch/flags"
    echo '{"kind": "put", "strike": 3500, "forward": 4021.25, "left_ms": 86400000, "vol": 0.9,
        "rate": 0.04}' | "$tenor" price --file - >"$scratch/file"
    cmp "$scratch/flags" "$scratch/file" || fail "they do not"
    "$tenor" price --kind put --strike 3500 --forward 4021.25 --left-ms 86400000 --vol 0.9 \
        --rate 0.04 -o table | cmp - "$scratch/file" || fail "-o table differs"
    "$tenor" price --series BTC-25DEC26-100000-C --now 1795176000000 --forward 100600 --vol 0.55 \
        >"$scratch/flags"
    sed -n '1,/^$/p' "$examples/options.table" | sed '$d' | cmp - "$scratch/flags" ||
        fail "unix milliseconds differ"
}

# refused_price PATTERN ARGUMENT...
refused_price() {
    local pattern=$1
    shift
    [ "$(exit_code_of "$tenor" price "$@")" = 2 ] || fail "'$*' does not end with 2"
    [ ! -s "$scratch/stdout" ] || fail "'$*' prints an answer"
    grep -qF -- "$pattern" "$scratch/stderr" || fail "'$*': $(cat "$scratch/stderr")"
}

a_bad_option_is_refused_with_its_place() {
    local terms=(--kind call --strike 100 --left-ms 1000 --forward 100)
    refused_price 'vol: is missing; give it, or a price' "${terms[@]}"
    refused_price 'price: stands beside vol' "${terms[@]}" --vol 1 --price 1
    refused_price 'price: no volatility gives it' "${terms[@]}" --price 101
    refused_price 'vol: is not a finite decimal number' "${terms[@]}" --vol nan
    refused_price 'vol: is out of its bounds; give a number from 0 to 1000' "${terms[@]}" --vol 1001
    refused_price 'rate: has more decimals' "${terms[@]}" --vol 1 --rate 0.0000000001
    refused_price 'kind: is missing' --strike 100 --forward 100 --vol 1 --left-ms 1
    refused_price 'kind: unknown word "fall"' --strike 1 --forward 1 --vol 1 --left-ms 1 --kind fall
    refused_price 'series: expired' --series BTC-20NOV26-1-C --now 2026-11-20T12:00:00Z \
        --forward 1 --vol 1
    refused_price 'series: "BTC-25DEC26" is not an option' --series BTC-25DEC26 \
        --now 2026-11-20T12:00:00Z --forward 1 --vol 1
    refused_price 'strike: stands beside series' --series BTC-25DEC26-1-C --strike 1 \
        --now 2026-11-20T12:00:00Z --forward 1 --vol 1
    refused_price 'strike: is missing; give it, of one unit, or a series' --kind call
    refused_price '-o takes table or json' -o xml
    refused_price "given twice" --vol 1 --vol 1
    refused_price "without its value '--vol'" --vol
    refused_price "unknown option '--volatility'" --volatility 1
    echo '{"options": [{"kind": "call", "strike": 1, "forward": 1, "left_ms": 1, "vol": 1, "q": 0}]}' \
        >"$scratch/file.json"
    refused_price 'options[0].q: unknown field' --file "$scratch/file.json"
    refused_price 'leave the other options out' --file "$scratch/file.json" --vol 1
}

wrong_usage_ends_with_2() {
    [ "$(exit_code_of "$tenor")" = 2 ] || fail "no command"
    [ "$(exit_code_of "$tenor" margni)" = 2 ] || fail "an unknown command"
    grep -qF "unknown command 'margni'" "$scratch/stderr" || fail "the command is not named"
    [ "$(exit_code_of "$tenor" margin)" = 2 ] || fail "no file"
    [ "$(exit_code_of "$tenor" margin --file)" = 2 ] || fail "--file alone"
    [ "$(exit_code_of "$tenor" margin --jsno --file x)" = 2 ] || fail "an unknown option"
    grep -qF "unknown option '--jsno'" "$scratch/stderr" || fail "the option is not named"
}

help_tells_the_commands_and_options() {
    [ "$(exit_code_of "$tenor" --help)" = 0 ] || fail "--help"
    [ "$(grep -cE '^  (margin|price) ' "$scratch/stdout")" = 2 ] || fail "a command is missing"
    [ "$(exit_code_of "$tenor" margin --help)" = 0 ] || fail "margin --help"
    grep -q -- --parameters "$scratch/stdout" || fail "an option is missing"
    [ "$(exit_code_of "$tenor" price --help)" = 0 ] || fail "price --help"
    grep -q -- --left-ms "$scratch/stdout" || fail "an option is missing"
}

a_file_that_is_not_there_is_refused() {
    local command
    for command in margin price; do
        [ "$(exit_code_of "$tenor" $command --file "$scratch/nowhere")" = 2 ] ||
            fail "$command with a file that is not there"
        grep -qF "cannot read $scratch/nowhere" "$scratch/stderr" || fail "the file is not named"
        [ "$(exit_code_of "$tenor" $command --file "$scratch")" = 2 ] || fail "$command with a directory"
        grep -qF "cannot read $scratch: Is a directory" "$scratch/stderr" || fail "it is not said to be one"
    done
}

a_failure_of_the_world_ends_with_1() {
    [ -w /dev/full ] || return 0
    local code=0
    "$tenor" margin --file "$examples/portfolio-btc.json" >/dev/full 2>"$scratch/stderr" || code=$?
    [ "$code" = 1 ] || fail "output that cannot be written ends with $code"
}

tests=(
    examples_print_what_the_docs_show
    the_page_shows_what_is_so
    numbers_are_read_as_they_are_written
    standard_input_is_a_file_too
    every_bad_file_is_refused_with_its_place
    equity_is_what_its_parts_add_up_to
    defaults_written_out_change_nothing
    an_override_counts
    every_parameter_that_margin_reads_counts_and_no_other
    every_parameter_has_bounds_and_is_named
    an_implied_vol_gives_the_vol_back
    flags_and_files_price_alike
    a_bad_option_is_refused_with_its_place
    wrong_usage_ends_with_2
    help_tells_the_commands_and_options
    a_file_that_is_not_there_is_refused
    a_failure_of_the_world_ends_with_1
)
for test in "${tests[@]}"; do
    "$test"
    echo "ok: $test"
done
