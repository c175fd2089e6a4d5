#!/usr/bin/env bash
# docs/examples/verify_proof.py, which shares nothing with src/, says of every vector what the C
# verifier says, and refuses each when a digit is changed, cut off or added.
#
# usage: test_verify_proof.sh VERIFIER VECTORS
set -euo pipefail
verifier=$1
vectors=$2
root=$(cat "$vectors/state.root")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
python=$(python3 -c 'import sys; print(sys.executable)') # not a wrapper that looks for it each time
verify() { "$python" "$verifier" "$@"; }

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# refuse WHAT ARGUMENTS: the verifier ends with 1 and names a step.
refuse() {
    local what=$1 status=0
    shift
    verify "$@" >"$work/said" 2>&1 || status=$?
    if [ "$status" != 1 ] || ! grep -qE '^bad proof: [A-Z_]+$' "$work/said"; then
        fail "$what: ended with $status: $(cat "$work/said")"
    fi
    passed=$((passed + 1))
}

for proof in "$vectors"/*.hex; do
    name=$(basename "$proof" .hex)
    leaves=()
    if [ -f "$vectors/$name.leaves" ]; then leaves=("$vectors/$name.leaves"); fi
    verify "$root" "$proof" "${leaves[@]}" >"$work/claim" || fail "$name: $(cat "$work/claim")"
    diff "$vectors/$name.claim" "$work/claim" || fail "$name: another claim than the C verifier's"
    passed=$((passed + 1))

    text=$(cat "$proof")
    for part in 1 4 7; do
        at=$((${#text} * part / 10))
        digit=${text:at:1}
        other=0
        if [ "$digit" = 0 ]; then other=1; fi
        echo "${text:0:at}$other${text:at+1}" >"$work/bad"
        refuse "$name with another digit at $at" "$root" "$work/bad" "${leaves[@]}"
    done
    echo "${text:0:${#text}-2}" >"$work/bad"
    refuse "$name cut" "$root" "$work/bad" "${leaves[@]}"
    echo "${text}00" >"$work/bad"
    refuse "$name continued" "$root" "$work/bad" "${leaves[@]}"
    refuse "$name under another root" "${root:0:62}00" "$proof" "${leaves[@]}"
done
sed '1s/^./x/;1s/^x/0/;2s/[0-9]$/x/;2s/x$/77/' "$vectors/leaves.leaves" >"$work/leaves"
refuse "leaves with another sum" "$root" "$vectors/leaves.hex" "$work/leaves"
echo "$passed passed, 0 failed"
