#!/usr/bin/env bash
# Installs what is missing, builds the release preset's demo and runs it: a scripted session of two
# market makers and a taker that prints the chain, a book, the fills and the balances.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: deploy/demo.sh [--quiet]   quiet: only the summary"; }

options=()
for argument in "$@"; do
    case "$argument" in
        --quiet) options+=("$argument") ;;
        -h | --help) usage; exit 0 ;;
        *) echo "demo.sh: unknown option '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

deploy/install-packages.sh build
echo "demo: building"
cmake --preset release --log-level=WARNING
cmake --build --preset release --target tenor-demo
echo
exec build/release/node/tenor-demo "${options[@]}"
