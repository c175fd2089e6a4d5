#!/usr/bin/env bash
# What an operator touches of a node: pages made from tables, homes, keys, refused settings, health and
# metrics of a node that starts and stops, its store checked and copied, SIGHUP, the service manager's socket, a log nobody reads.
#
# usage: test_operator.sh TENORD DOCS
set -euo pipefail
tenord=$1
docs=$2
python=/usr/bin/python3
scratch=$(mktemp -d)
pids=()
clean_up() {
    local pid
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*" >&2
    for file in "$scratch/said" "$scratch"/*.log; do
        if [ -e "$file" ]; then
            echo "--- $file" >&2
            tail -n 20 "$file" >&2
        fi
    done
    exit 1
}

# expect CODE WORDS COMMAND...
expect() {
    local wanted=$1 words=$2 code=0
    shift 2
    timeout 20 "$@" >"$scratch/said" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || fail "ended with $code, not $wanted: $*"
    grep -qF -- "$words" "$scratch/said" || fail "does not say '$words': $*"
}

# within SECONDS WHAT COMMAND...
within() {
    local until=$(($(date +%s) + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$(date +%s)" -lt "$until" ] || fail "it did not come to be: $what"
        sleep 0.05
    done
}

# ---- Pages ---------------------------------------------------------------------------------------

"$tenord" config reference | diff - "$docs/config.md" ||
    fail "docs/config.md is not what 'tenord config reference' prints: write it anew"
"$tenord" config reference --metrics | diff - "$docs/metrics.md" ||
    fail "docs/metrics.md is not what 'tenord config reference --metrics' prints: write it anew"
expect 0 '"version":' "$tenord" version --json
"$python" -c 'import json,sys; json.load(open(sys.argv[1]))["commit"]' "$scratch/said"
expect 0 "tenord " "$tenord" version

# ---- Keys ----------------------------------------------------------------------------------------

key=$scratch/a.key
expect 0 "public 0" "$tenord" key new "$key"
[ "$(stat -c %a "$key")" = 600 ] || fail "a new key can be read by others"
made=$(cat "$scratch/said")
expect 2 "File exists" "$tenord" key new "$key"
expect 0 "$made" "$tenord" key show "$key"
if grep -qi "$(cat "$key")" "$scratch/said"; then fail "show told the secret"; fi
"$tenord" key export "$key" | "$tenord" key import "$scratch/b.key" >"$scratch/said"
cmp "$key" "$scratch/b.key" || fail "the key that was exported is not the one that was imported"
echo 12 >"$scratch/short"
expect 2 "holds no key: one line of 32 bytes in hex" \
    "$tenord" key import "$scratch/c.key" <"$scratch/short"
printf '%064d\n' 0 >"$scratch/zero"
expect 2 "holds no key" "$tenord" key import "$scratch/c.key" <"$scratch/zero"
[ ! -e "$scratch/c.key" ] || fail "a refused key left a file"
chmod 640 "$scratch/b.key"
expect 2 "can be read by others: chmod 600" "$tenord" key show "$scratch/b.key"
expect 2 "can be read by others" "$tenord" key export "$scratch/b.key"
expect 2 "key wants one of" "$tenord" key new
expect 2 "No such file" "$tenord" key new "$scratch/nowhere/a.key"
"$tenord" key new "$scratch/e.key" >/dev/null
expect 2 "File exists" "$tenord" key import "$scratch/e.key" <"$key"
if cmp -s "$key" "$scratch/e.key"; then fail "a refused import changed a key"; fi

# failing COMMAND...: on a disk without room for a byte it ends with 1, as a failure of the world does.
failing() {
    local code=0
    (
        trap '' XFSZ
        ulimit -f 0
        exec "$@"
    ) 2>&1 | cat >"$scratch/said" || code=$?
    [ "$code" = 1 ] || fail "ended with $code, not 1: $*"
    grep -qF "File too large" "$scratch/said" || fail "does not say what failed: $*"
}
failing "$tenord" key new "$scratch/d.key"
failing "$tenord" key import "$scratch/d.key" <"$key"
[ ! -e "$scratch/d.key" ] || fail "a key that could not be written left a file"
failing "$tenord" init --home "$scratch/full"
failing "$tenord" testnet --out "$scratch/full-net"

# ---- Homes and settings --------------------------------------------------------------------------

home=$scratch/home
mkdir "$home" # an empty folder, as the package leaves one, is as good as none
expect 0 "Its public key:" "$tenord" init --home "$home" --name alice --listen 127.0.0.1:1
expect 2 "File exists" "$tenord" init --home "$home"
expect 2 "No such file" "$tenord" init --home "$scratch/nowhere/home"
expect 2 "node.listen: 'nowhere' is not HOST:PORT" "$tenord" init --home "$scratch/other" --listen nowhere
[ ! -e "$scratch/other" ] || fail "a home was made for settings that are refused"
[ "$(stat -c %a "$home" "$home/vote.key" "$home/identity.pem" | sort -u | tr '\n' ' ')" = "600 700 " ] ||
    fail "a home can be read by others"
expect 0 'name = "alice"' "$tenord" config print --home "$home"
if grep -qi "$(cat "$home/vote.key")" "$scratch/said"; then fail "print told the secret"; fi
expect 0 "good" "$tenord" config check "$home/tenord.toml"
expect 2 "genesis.conf: No such file" "$tenord" config check --home "$home"

"$tenord" testnet --out "$scratch/net" --nodes 1 --base-port 1 >/dev/null
home=$scratch/net/node-0
expect 0 "good" "$tenord" config check --home "$home"
"$tenord" config print --home "$home" >"$scratch/printed.toml"
expect 0 "good" "$tenord" config check "$scratch/printed.toml"
grep -q '^node 127.0.0.1:101 node-0.crt$' "$scratch/net/client.conf" || fail "client.conf lacks the node"

# wrong WORDS SED...: a changed file is refused by check and by start alike; then it is whole again.
cp "$home/tenord.toml" "$scratch/whole.toml"
wrong() {
    local words=$1
    shift
    sed -i "$@" "$home/tenord.toml"
    expect 2 "$words" "$tenord" config check --home "$home"
    expect 2 "$words" "$tenord" start --home "$home"
    if [ -e "$home/log" ]; then fail "a log was made although: $words"; fi
    cp "$scratch/whole.toml" "$home/tenord.toml"
}
line=$(grep -n '^listen' "$home/tenord.toml" | tail -n 1 | cut -d: -f1)
wrong "tenord.toml:$line:1: unknown setting 'metrics.lisen'; did you mean 'metrics.listen'?" \
    "${line}s/listen/lisen/"
wrong "tenord.toml:$line:11: the line ends inside a string" "${line}s/.*/listen = \"/"
wrong "metrics.listen: 'x' is not HOST:PORT" "${line}s/.*/listen = \"x\"/"
wrong "clients.limits.slow: it wants a unit" 's/^# slow = .*/slow = 5/'
wrong "bytes that are no UTF-8" '1s/.*/# \xff/'
expect 2 "unknown setting 'log.levle'; did you mean 'log.level'?" \
    "$tenord" start --home "$home" log.levle=debug
chmod 644 "$home/identity.pem"
expect 2 "identity.pem can be read by others" "$tenord" config check --home "$home"
chmod 600 "$home/identity.pem"

# ---- A node at work ------------------------------------------------------------------------------

free=(node.listen=127.0.0.1:0 clients.listen=127.0.0.1:0 metrics.listen=127.0.0.1:0)
start() {
    : >"$scratch/node.log" # the last one's is not looked at
    "$tenord" start --home "$home" "${free[@]}" "$@" 2>"$scratch/node.log" &
    pids+=($!)
    within 60 "a port for metrics" has_port
}
# A line of the log may be half written.
has_port() {
    port=$("$python" - "$scratch/node.log" <<'PYTHON'
import json, sys
lines = open(sys.argv[1]).read().rpartition("\n")[0].splitlines()
print(next((line["port"] for line in map(json.loads, lines) if line["msg"] == "metrics"), ""))
PYTHON
)
    [ -n "$port" ]
}
# page NAME: sets $code; the body is in $scratch/page.
page() {
    code=$("$python" - "$port" "$1" "$scratch/page" <<'PYTHON'
import sys, urllib.request, urllib.error
try:
    answer = urllib.request.urlopen("http://127.0.0.1:%s%s" % tuple(sys.argv[1:3]), timeout=10)
except urllib.error.HTTPError as error:
    answer = error
except OSError:
    print(0)
    sys.exit()
open(sys.argv[3], "wb").write(answer.read())
print(answer.status)
PYTHON
)
}
is_code() {
    page "$1"
    [ "$code" = "$2" ]
}
stop() {
    kill -TERM "${pids[-1]}"
    local end=0
    wait "${pids[-1]}" || end=$?
    [ "$end" = 0 ] || fail "the node ended with $end"
    tells_no_secret
    unset 'pids[-1]'
}
# What must stand in no log: the vote key, and the lines of the TLS key.
tells_no_secret() {
    { cat "$home/vote.key"; sed -n '/BEGIN .*PRIVATE KEY/,/END/{/-----/!p}' "$home/identity.pem"; } >"$scratch/secrets"
    [ "$(wc -l <"$scratch/secrets")" -ge 3 ] || fail "a home without secrets"
    if grep -qiFf "$scratch/secrets" "$scratch/node.log"; then fail "the log tells a secret"; fi
}
metric() { sed -n "s/^$1 //p" "$scratch/page"; }

start log.level=debug
within 60 "a node alone is ready" is_code /readyz 200
is_code /livez 200 || fail "it does not live: $code"
is_code /nothing 404 || fail "a page that there is not: $code"
is_code /version 200 || fail "no version: $code"
grep -q '"protocol":1' "$scratch/page" || fail "a version without its protocol"
is_code /metrics 200 || fail "no metrics: $code"
[ "$(metric tenor_ready)" = 1 ] || fail "the metric of a ready node says no"
[ "$(metric process_resident_memory_bytes)" -gt 1000000 ] || fail "a process without memory"
[ "$(metric 'tenor_voice{voice="speaks"}')" = 1 ] || fail "the voice is not told"
if command -v promtool >/dev/null; then
    promtool check metrics <"$scratch/page" >"$scratch/said" 2>&1 || fail "promtool refuses the metrics"
    [ ! -s "$scratch/said" ] || fail "promtool complains"
fi
expect 2 "'nowhere' is not HOST:PORT" "$tenord" status --http nowhere
expect 0 '"voice":"speaks"' "$tenord" status --http "127.0.0.1:$port"
expect 0 "voice=speaks" "$tenord" status --home "$home"

# node.huge_pages: the tables' mapping asks for them, or the log says that there are none; by itself
# a node does not ask.
asks_for_huge_pages() { grep -q '^VmFlags:.* hg' "/proc/${pids[-1]}/smaps"; }
if asks_for_huge_pages; then fail "a node asks for huge pages unasked"; fi
stop
start node.huge_pages=true
within 60 "a node with huge pages is ready" is_code /readyz 200
asks_for_huge_pages || grep -q no_huge_pages "$scratch/node.log" || fail "huge pages are not asked for"

# The log: every line is a JSON object with time, level, module and msg.
"$python" - "$scratch/node.log" <<'PYTHON' || fail "a line of the log is no JSON"
import json, sys
for line in map(json.loads, open(sys.argv[1])):
    assert {"time", "level", "module", "msg"} <= line.keys(), line
PYTHON

# SIGHUP: levels and limits are taken up, what needs a restart is named, a broken file changes nothing.
said() { grep -q "$1" "$scratch/node.log"; }
sed -i 's/^# level = .*/level = "error"/; s/^# slow = .*/slow = "5s"/; s/^name = .*/name = "other"/' \
    "$home/tenord.toml"
kill -HUP "${pids[-1]}"
reloaded() {
    page /metrics
    [ "$(metric "$1")" = "$2" ]
}
within 60 "the reload is counted" reloaded tenor_reloads_total 1
if said '"msg":"reloaded"'; then fail "at level error the reload is told"; fi
sed -i 's/^level = .*/level = "info"/' "$home/tenord.toml"
kill -HUP "${pids[-1]}"
within 60 "the reload is told" said '"msg":"reloaded","restart_needed":1,"settings":"node.name"'
echo 'nonsense' >>"$home/tenord.toml"
kill -HUP "${pids[-1]}"
within 60 "a broken file is refused" said '"msg":"reload_refused"'
said "tenord.toml:[0-9]*:9: '=' is expected here" || fail "the refusal names no place"
within 60 "the refusal is counted" reloaded tenor_reloads_refused_total 1
cp "$scratch/whole.toml" "$home/tenord.toml"
# Another certificate: who connects from now on is shown it.
"$tenord" init --home "$scratch/other" --name other >/dev/null
cp -p "$scratch/other/identity.pem" "$home/clients.pem"
sed -i '/^\[clients\]/a identity = "clients.pem"' "$home/tenord.toml"
shows() {
    "$python" - "$scratch/node.log" "$home/$1" <<'PYTHON'
import json, ssl, sys
port = next(line["port"] for line in map(json.loads, open(sys.argv[1])) if line["msg"] == "clients")
seen = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port)))
own = open(sys.argv[2]).read().partition("-----BEGIN EC")[0]
sys.exit(ssl.PEM_cert_to_DER_cert(own) != seen)
PYTHON
}
shows identity.pem || fail "the node shows another certificate than its own"
kill -HUP "${pids[-1]}"
within 60 "the new certificate is shown" shows clients.pem
cp "$scratch/whole.toml" "$home/tenord.toml"
# A certificate that cannot be read: levels that stand beside it do not change either.
sed -i 's/^# level = .*/level = "error"/' "$home/tenord.toml"
sed -i '/^\[clients\]/a identity = "gone.pem"' "$home/tenord.toml"
kill -HUP "${pids[-1]}"
within 60 "a reload without its certificate is refused" reloaded tenor_reloads_refused_total 2
last_is_block() { tail -n 1 "$scratch/node.log" | grep -q '"level":"info".*"msg":"block"'; }
within 60 "lines at info go on" last_is_block
cp "$scratch/whole.toml" "$home/tenord.toml"
stop
is_code /readyz 0 || fail "somebody answers for a node that stopped"

# ---- Its store, checked and copied ----------------------------------------------------------------

expect 0 "the store is whole" "$tenord" db check --home "$home"
grep -qE '^blocks [0-9]+ to [0-9]+ are one chain' "$scratch/said" || fail "the blocks are not followed"
expect 0 "log from" "$tenord" db stats --home "$home"
root=$(sed -n 's/^root *//p' "$scratch/said")
height=$(sed -n 's/^height *//p' "$scratch/said")
[ "$height" -gt 0 ] || fail "nothing was stored"
copy=$scratch/copy
expect 0 "$root; it has no keys" "$tenord" backup --home "$home" --to "$copy"
expect 2 "File exists; give a folder that is not there yet" "$tenord" backup --home "$home" --to "$copy"
expect 2 "No such file" "$tenord" backup --home "$home" --to "$scratch/nowhere/copy"
expect 0 "the store is whole" "$tenord" db check --home "$copy"
expect 0 'every root is the same' "$tenord" replay --verify --home "$home"
# Some blocks have no batch: which, the log says.
block=$(sed -n 's/.*"msg":"block","height":\([0-9]*\),.*"batches":[1-9].*/\1/p' "$scratch/node.log" | tail -n 1)
[ -n "$block" ] || fail "no block of the last run has a batch"
expect 0 ", market 1, term " "$tenord" inspect --home "$home" block "$block"
expect 2 "is the home of a node of a set" "$tenord" run --solo --home "$home"
# Stopped where nobody signed: then only who knows the root can tell.
expect 0 "without a certificate" "$tenord" snapshot create --home "$home" --to "$scratch/snapshot"
expect 2 "cannot read $scratch/nowhere: No such file" "$tenord" snapshot verify \
    --from "$scratch/nowhere" --chain "$(printf '0%.0s' {1..64})"
expect 0 "no trusted root was given" "$tenord" snapshot verify --from "$scratch/snapshot"
expect 0 "each is under the root $root" "$tenord" snapshot verify --from "$scratch/snapshot" --root "$root"

# ---- Killed: its log goes further than its store --------------------------------------------------

# The store takes no checkpoint meanwhile.
blocks_since() { [ "$(grep -c '"msg":"block"' "$scratch/node.log")" -ge "$1" ]; }
start --checkpoint-blocks 1000000
within 60 "twelve blocks more" blocks_since 12
expect 0 " of the log, behind the store's checkpoint" "$tenord" replay --verify --home "$home"
kill -KILL "${pids[-1]}"
wait "${pids[-1]}" 2>/dev/null || true
unset 'pids[-1]'
replay() { expect "$1" "$2" "$tenord" replay --verify --home "$home" "${@:3}"; }
replay 0 " of the log, behind the store's checkpoint"
grep -q "^blocks 1 to $height: every root is the same; the last is $root" "$scratch/said" ||
    fail "the store's part is not told"
last=$(sed -n "s/^blocks $((height + 1)) to \([0-9]*\) of the log.*/\1/p" "$scratch/said")
[ "$last" -ge $((height + 12)) ] || fail "the log's blocks are not all executed: '$last'"
grep -q "; $((last - height)) of them are under a FINALIZATION whose signatures hold$" "$scratch/said" ||
    fail "their certificates are not checked"
grep -q '^every root up to that of block ' "$scratch/said" || fail "their roots are not compared"
replay 0 "blocks $((height + 1)) to $((height + 5)) of the log" --until $((height + 5))
replay 2 "final blocks up to $last, not until $((last + 1))" --until $((last + 1))

# log_change HOME WHAT NUMBER: the group with the NUMBERth block (record 18) behind record $from gets
# one changed byte (flip), or the log ends in the middle of it (tear). Says segment, byte and record.
from=$("$tenord" db stats --home "$home" | sed -n 's/^log from *//p')
log_change() {
    "$python" - "$1/log" "$2" "$3" "$from" <<'PYTHON'
import glob, struct, sys
folder, what, number, begin = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
page, head, record_head, body_type = 4096, 64, 9, 18
for path in sorted(glob.glob(folder + "/*.log")):
    data, at = bytearray(open(path, "rb").read()), page
    while data[at:at + 4] == b"TNLG":
        first, size = struct.unpack_from("<Q", data, at + 40)[0], struct.unpack_from("<I", data, at + 48)[0]
        place, position = at + head, first
        while place < at + head + size:
            length, kind = struct.unpack_from("<IB", data, place + 4)
            number -= kind == body_type and position >= begin
            if number == 0:
                if what == "flip":
                    data[place + record_head + length // 2] ^= 1
                else:
                    data[at + head + size // 2:] = bytes(len(data) - (at + head + size // 2))
                open(path, "wb").write(data)
                print(path.split("/")[-1], at, first)
                sys.exit()
            place, position = place + record_head + length, position + 1
        at += -(-(head + size) // page) * page
sys.exit("no such block in the log")
PYTHON
}
cp -r "$home" "$scratch/flipped"
cp -r "$home" "$scratch/torn"
killed=$home
home=$scratch/flipped
read -r segment byte record <<<"$(log_change "$home" flip 5)"
replay 3 "$segment is damaged at byte $byte: a good group behind says that records from $record on"
grep -q "^blocks $((height + 1)) to [0-9]* of the log" "$scratch/said" || fail "what is before it is not told"
home=$scratch/torn
read -r segment byte record <<<"$(log_change "$home" tear 5)"
replay 0 "behind record $((record - 1)) the log has "
grep -q ' bytes that are no whole group: torn off by a crash' "$scratch/said" || fail "it is not called torn"
home=$killed
start
within 60 "the killed node is ready" is_code /readyz 200
stop
expect 0 "the store is whole" "$tenord" db check --home "$home"

# The copy, its keys and settings make a home that goes on from there.
cp "$home"/{vote.key,identity.pem,tenord.toml} "$copy"
whole=$home
home=$copy
start
within 60 "the copy runs" is_code /livez 200
within 60 "it has what was stored" said '"msg":"ready".*"checkpoint":'"$height,"
stop

# One byte of a root, wherever it stands: found, and named.
"$python" - "$copy/store/data.mdb" "$root" <<'PYTHON'
import sys
root = bytes.fromhex(sys.argv[2])
data = open(sys.argv[1], "rb").read()
assert root in data
open(sys.argv[1], "wb").write(data.replace(root, bytes([root[0] ^ 1]) + root[1:]))
PYTHON
expect 3 "the store is damaged" "$tenord" db check --home "$copy"
home=$whole

# A set of four of which one runs: alive, not ready, and why.
"$tenord" testnet --out "$scratch/four" --nodes 4 --base-port 1 >/dev/null
home=$scratch/four/node-0
start log.level=warn log.level=info
within 60 "a node without peers is not ready" is_code /readyz 503
has_reason() {
    is_code /readyz 503
    grep -q "^$1: " "$scratch/page"
}
within 60 "it says why" has_reason quorum
is_code /livez 200 || fail "a node without peers is taken for dead"
stop

# ---- The service manager, and a log that nobody reads --------------------------------------------

home=$scratch/net/node-0
"$python" - "$tenord" "$home" "$scratch" "${free[@]}" <<'PYTHON' || fail "the service manager was not told"
import os, signal, socket, subprocess, sys, time
tenord, home, scratch, words = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(scratch + "/notify")
manager.settimeout(20)
# Standard error is a pipe that is never read while the node runs at the highest level.
node = subprocess.Popen([tenord, "start", "--home", home, "log.level=debug", *words],
                        stderr=subprocess.PIPE,
                        env=dict(os.environ, NOTIFY_SOCKET=scratch + "/notify", WATCHDOG_USEC="600000"))
def until(word):
    while True:
        lines = manager.recv(4096).decode().split("\n")
        if word in lines:
            return lines
try:
    until("READY=1")
    until("WATCHDOG=1")
    node.send_signal(signal.SIGHUP)
    assert any(line.startswith("MONOTONIC_USEC=") for line in until("RELOADING=1"))
    until("READY=1")
    for _ in range(5):
        until("WATCHDOG=1")
    node.send_signal(signal.SIGTERM)
    until("STOPPING=1")
    assert node.wait(20) == 0
finally:
    if node.poll() is None:
        node.kill()
        node.wait()
PYTHON

echo "an operator is told"
