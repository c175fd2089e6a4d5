#!/usr/bin/env bash
# A node without a network: it takes entries of a random market, is killed with SIGKILL, comes back by
# itself, checks its store, executes all blocks again, and proves what an account has to somebody who
# only knows the root.
#
# usage: deploy/demo-node.sh BUILD
set -euo pipefail
build=$1
tenord=$build/node/tenord
scratch=$(mktemp -d)
node=
clean_up() {
    if [ -n "$node" ]; then kill -9 "$node" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap clean_up EXIT
home=$scratch/home
mkdir "$home"

show() {
    printf '\n$ %s\n' "$*" | sed "s#$scratch/##g; s#$build/[a-z]*/##g"
    "$@" 2>&1 | sed "s#$scratch/##g"
}

"$build/tests/e2e/make_entries" --seed 1 --count 40000 --out "$scratch/entries" \
    --genesis "$home/genesis.conf"
run=("$tenord" run --solo --home "$home" --entries "$scratch/entries" --archive)
printf '\n$ tenord run --solo --home home --entries entries --archive &\n'
"${run[@]}" 2>"$scratch/said" &
node=$!
for _ in $(seq 300); do # until it has made some blocks
    if [ "$(grep -c msg=block "$scratch/said")" -ge 20 ]; then break; fi
    sleep 0.01
done
kill -9 "$node" 2>/dev/null || true
wait "$node" 2>/dev/null || true
node=
tail -n 1 "$scratch/said"
printf '\n$ kill -9\n\n$ tenord run --solo --home home --entries entries --archive\n'
"${run[@]}" 2>&1 | sed -n '/msg=ready/p;$p'
show "$tenord" db check --home "$home"
show "$tenord" replay --verify --home "$home"
show "$tenord" inspect --home "$home" account 1
root=$("$tenord" db stats --home "$home" | awk '$1 == "root" { print $2 }')
show "$tenord" inspect --home "$home" --out "$scratch/account.proof" proof account 1
show "$build/node/tenor" proof verify --file "$scratch/account.proof" --root "$root"
