#!/usr/bin/env bash
# The blocks of README and of the quickstarts for makers and operators, as a reader would type them,
# on free ports. The traders' page is run by test_client_commands.sh.
#
# usage: test_pages.sh PROGRAMS SOURCE      the folder with tenord, tenor, tenor-feed, tenor-mm
set -euo pipefail
programs=$1
source=$2
work=$(mktemp -d)

# Ends what the blocks of a page have started, by the numbers that they wrote down.
end_processes() {
    local signal=$1 page process
    for page in "$work"/*/pids; do
        if [ ! -f "$page" ]; then continue; fi
        while read -r process; do kill "-$signal" "$process" 2>/dev/null || true; done <"$page"
        while read -r process; do
            while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
        done <"$page"
        rm "$page"
    done
}
clean_up() {
    trap - EXIT
    end_processes KILL
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    local log
    echo "FAILED: $*" >&2
    for log in "$work"/*/*.log "$work"/*/out "$work"/*/err; do
        if [ ! -f "$log" ]; then continue; fi
        echo "-- ${log#"$work"/}" >&2
        tail -n 8 "$log" >&2
    done
    exit 1
}

base_port() {
    /usr/bin/python3 - "$source/tests/e2e" <<'PYTHON'
import random, socket
def free(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
while True:
    base = random.randrange(20000, 32000)
    if all(free(base + more + i) for more in (0, 100, 200) for i in range(4)):
        print(base)
        break
PYTHON
}

# page NAME FILE SAID...: its blocks of sh, in one shell; they must say all of that.
page() {
    local name=$1 file=$2 program said
    shift 2
    mkdir -p "$work/$name/bin"
    for program in tenor tenor-feed tenor-mm; do
        ln -s "$programs/$program" "$work/$name/bin/$program"
    done
    # The pages' ports are fixed; a wrapper gives the net free ones.
    cat >"$work/$name/bin/tenord" <<WRAPPER
#!/bin/sh
if [ "\$1" = testnet ]; then exec "$programs/tenord" "\$@" --base-port $(base_port); fi
exec "$programs/tenord" "\$@"
WRAPPER
    chmod +x "$work/$name/bin/tenord"
    {
        echo 'set -eum' # with job control, for %4
        # shellcheck disable=SC2016 # the fence is Markdown's
        sed -n '/^```sh$/,/^```$/p' "$file" | grep -v '^```'
        echo 'echo the page is through'
    } >"$work/$name/blocks"
    # shellcheck disable=SC2016
    sed -i 's/ &$/ \& echo $! >>pids/' "$work/$name/blocks"
    (cd "$work/$name" && env -u TENOR_NET -u TENOR_KEY PATH="$work/$name/bin:$PATH" \
        TENOR_HOME="$work/$name/home" TENOR_SOURCE="$source" PYTHONDONTWRITEBYTECODE=1 \
        timeout 120 bash blocks >out 2>err) || fail "the blocks of $name fail"
    for said in "$@" 'the page is through'; do
        grep -qE -- "$said" "$work/$name/out" || fail "the blocks of $name do not say '$said'"
    done
    end_processes TERM
    echo "ok: $name"
}

# What README tells to run in a folder that is built: the tests, the demo and the builds are run by
# CI itself, so that their programs and files must be there is what is left.
readme() {
    local file
    while read -r file; do
        [ -e "$source/$file" ] || fail "README.md names $file, which is not there"
    done < <(sed -nE 's/^(tests|deploy)(\/[a-z.-]+).*/\1\2/p' "$source/README.md")
    mkdir -p "$work/readme/build/release"
    ln -s "$programs" "$work/readme/build/release/node"
    ln -s "$source/docs" "$work/readme/docs"
    grep '^build/release/node/' "$source/README.md" >"$work/readme/blocks"
    (cd "$work/readme" && timeout 60 bash -eu blocks >out 2>err) || fail "the commands of README.md"
    grep -q 'margin' "$work/readme/out" || fail "README's margin says nothing"
    echo "ok: readme"
}

readme
page operator "$source/docs/quickstart-operator.md" 'the public|[0-9a-f]{66}' 'ready' 'tenor_'
page maker "$source/docs/quickstart-maker.md" '"event": "quoted"' 'BTC-PERP' 'sides quoted [1-9]'
