#!/usr/bin/env bash
# Every block of sh of README, the quickstarts and the operators' page, as a reader would type it, on
# free ports. A block that cannot be run here says so in its first line, with the reason:
# "# Not run by test_pages.sh: REASON". Commands in a block of another kind fail the test.
#
# usage: test_pages.sh PROGRAMS SOURCE      the folder with tenord, tenor, tenor-feed, tenor-mm
set -euo pipefail
programs=$1
source=$2
work=$(mktemp -d)
. "$(dirname "${BASH_SOURCE[0]}")/net_lib.sh"

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

# blocks FILE: those to be run; what is not run is told on standard error.
blocks() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import re, sys
MARK = "# Not run by test_pages.sh: "
PROGRAMS = r"^(\$ |sudo )*(tenor|tenord|tenor-[a-z]+|cmake|ctest|apt-get|curl|tests/|deploy/|build/)\b"
path = sys.argv[1]
name = path.rsplit("/", 1)[1]
text = open(path).read()
found = re.findall(r"^```(.*)\n((?:.*\n)*?)^```$", text, re.M)
if 2 * len(found) != len(re.findall("^```", text, re.M)):
    sys.exit(name + ": a block without its end")
for kind, block in found:
    first = block.split("\n")[0]
    if kind == "sh" and not first.startswith(MARK):
        if MARK in block:
            sys.exit("%s: the mark stands in the first line: %s" % (name, first))
        sys.stdout.write(block)
    elif kind == "sh":
        if len(first) < len(MARK) + 12:
            sys.exit("%s: a block that is not run must say why: %s" % (name, first))
        print("not run, %s: %s" % (name, first[len(MARK):]), file=sys.stderr)
    elif re.search(PROGRAMS, block, re.M):
        sys.exit("%s: commands in a block that is none of sh: %s" % (name, first))
PYTHON
}

# Programs as the page's reader has them in his path. The pages' ports are fixed; a wrapper gives the
# net free ones. Of a build it is only looked at whether there is such a preset and such a target.
make_programs() {
    local bin=$1 program
    mkdir -p "$bin"
    for program in tenor tenor-feed tenor-mm; do ln -s "$programs/$program" "$bin/$program"; done
    cat >"$bin/tenord" <<WRAPPER
#!/bin/sh
if [ "\$1" = testnet ]; then exec "$programs/tenord" "\$@" --base-port $(base_port); fi
exec "$programs/tenord" "\$@"
WRAPPER
    cat >"$bin/cmake" <<WRAPPER
#!/bin/sh
while [ \$# -gt 0 ]; do
    case \$1 in
        --preset) shift; grep -q "\"name\": \"\$1\"" "$source/CMakePresets.json" ;;
        --target)
            shift
            grep -qE "add_executable\(\$1( |$)|tenor_module\(\${1#tenor_} " \
                "$source/src/CMakeLists.txt" "$source/node/CMakeLists.txt"
            ;;
        --build) ;;
        *) false ;;
    esac || { echo "cmake: '\$1' is none that there is" >&2; exit 1; }
    shift
done
WRAPPER
    chmod +x "$bin/tenord" "$bin/cmake"
}

# page NAME FILE SAID...: its blocks in one shell, behind what $before says; they must say all of that.
before=''
page() {
    local name=$1 file=$2 said
    shift 2
    make_programs "$work/$name/bin"
    {
        echo 'set -eum' # with job control, for %4
        echo "$before"
        blocks "$file"
        echo 'echo the page is through'
    } >"$work/$name/blocks" || fail "the blocks of $name cannot be read"
    # shellcheck disable=SC2016
    sed -i 's/ &$/ \& echo $! >>pids/' "$work/$name/blocks"
    mkdir -p "$work/$name/build/release"
    ln -s "$programs" "$work/$name/build/release/node"
    ln -s "$source/docs" "$work/$name/docs"
    (cd "$work/$name" && env -u TENOR_NET -u TENOR_KEY PATH="$work/$name/bin:$PATH" \
        TENOR_HOME="$work/$name/home" TENOR_SOURCE="$source" PYTHONDONTWRITEBYTECODE=1 \
        TENOR_TIMEOUT=60 timeout 240 bash blocks >out 2>err) || fail "the blocks of $name fail"
    for said in "$@" 'the page is through'; do
        grep -qE -- "$said" "$work/$name/out" || fail "the blocks of $name do not say '$said'"
    done
    end_processes TERM
    echo "ok: $name"
}

# Files that README names at the beginning of a line of a block are there.
while read -r file; do
    [ -e "$source/$file" ] || fail "README.md names $file, which is not there"
done < <(sed -nE 's/^(tests|deploy)(\/[a-z.-]+).*/\1\2/p' "$source/README.md")

# Of the demo's net a smaller one: a node, prices, a maker.
before='tenord testnet --out net --nodes 1 >/dev/null
tenord start --home net/node-0 2>node.log &
tenor-feed --net net >feed.log &
export TENOR_NET=net
until grep -q "prices flow" feed.log; do sleep 0.2; done
tenor-mm --net net --name maker --quiet >maker.log &
until tenor chain -o json | grep -qE "\"bid\": \"[0-9]"; do sleep 0.2; done'
page readme "$source/README.md" 'margin' '"cash": "100000.00"' '"delta"' '"event": "trade"'
before=''
page trader "$source/docs/quickstart-trader.md" '"cash": "100000.00"' '"event": "accepted"' \
    '"passes": true' '"event": "cancelled"' '"withdrawn": "1000.00"' 'cash of all accounts'
page operator "$source/docs/quickstart-operator.md" 'the public|[0-9a-f]{66}' 'ready' 'tenor_'
page maker "$source/docs/quickstart-maker.md" '"event": "quoted"' 'BTC-PERP' 'sides quoted [1-9]'
page operating "$source/docs/operating.md" 'Its public key:' 'public 0'
