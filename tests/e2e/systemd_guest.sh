#!/usr/bin/env bash
# What docs/install.md and docs/quickstart-operator.md promise of the service, on a Debian that
# systemd has booted. nightly_systemd.sh makes that machine and runs this in it, as a unit, once for
# each boot: the first installs, starts, reloads, stops, kills, freezes and upgrades the node, and
# boots again; the second finds it running, and removes it.
#
# usage: systemd_guest.sh PACKAGE NEWER_PACKAGE      (root, in a machine made for it)
# Says "@ ok: ..." or "@ FAILED: ..." a line. Node 0 of a test net is the service; it leads the
# market. The other three are transient units.
set -uo pipefail
package=$1
newer=$2
home=/var/lib/tenor
net=/srv/net
memory=/srv/boot # what the first boot leaves for the second

say() { echo "@ $*"; }
failures=0
check() {
    local name=$1
    shift
    if "$@" >/tmp/out 2>&1; then
        say "ok: $name"
    else
        failures=$((failures + 1))
        say "FAILED: $name: $*: $(tail -n 3 /tmp/out | tr '\n' ' ')"
    fi
}
refuses() { ! "$@"; }
within() { # within SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ $SECONDS -ge $end ]; then return 1; fi
        sleep 0.5
    done
}
show() { systemctl show --value -p "$1" tenord; }
is() { [ "$(show "$1")" = "$2" ]; } # a property of the unit
journal() { journalctl -q -u tenord -o cat --since "@$since" "$@"; }
says() { journal | grep -q -- "$1"; }
as_node() { sudo -u tenord "$@"; }
height_of() { tenord status --home "$1" | sed -n 's/^height=\([0-9]*\) .*/\1/p' | grep .; }
height() { height_of $home; }
grows() { local now; now=$(height) && [ "$now" -gt "$1" ]; }
goes_on() { # it makes blocks
    local from
    within 60 height && from=$(height) && within 60 grows "$from"
}
other_start() {
    systemd-run -q --collect --unit "node-$1" tenord start --home "$net/node-$1"
}
others_start() {
    local i
    for i in 1 2 3; do
        if ! systemctl -q is-active "node-$i"; then other_start "$i"; fi
    done
}

# ---- The first boot ------------------------------------------------------------------------------

installs() {
    check "apt installs the package" apt-get install -y "$package"
    check "nothing is started by installing" is ActiveState inactive
    check "nothing is enabled by installing" refuses systemctl is-enabled tenord
    check "there is a user tenord" getent passwd tenord
    check "its home is its own" [ "$(stat -c '%U %a' $home)" = "tenord 700" ]
    check "the unit has no complaint" systemd-analyze verify tenord.service
    say "note: $(systemd-analyze security --no-pager tenord.service | tail -n 1)"
}

refuses_to_start_without_a_set() {
    check "init makes a home" as_node tenord init --home $home
    check "config check says what is missing" refuses as_node tenord config check --home $home
    check "a start without a set fails" refuses systemctl enable --now tenord
    check "with exit 2" is ExecMainStatus 2
    sleep 5
    check "and is not tried again" is NRestarts 0
    check "the journal says why" says 'genesis.conf and set.conf are the set'
}

joins() {
    check "a test net is made" tenord testnet --out $net --nodes 4
    rm -rf ${home:?}/*
    cp -a $net/node-0/. $home/
    chown -R tenord:tenord $home
    check "config check finds nothing" as_node tenord config check --home $home
    check "its three peers start" others_start
    check "systemctl enable --now" systemctl enable --now tenord
    check "it is active, so it said READY=1" is ActiveState active
    check "it said at what it is" is StatusText 'at work'
    check "it is enabled" systemctl is-enabled tenord
    check "it makes blocks" goes_on
    check "the set's others see it" tenord status --home $net/node-1
}

is_shut_in() {
    local pid
    pid=$(show MainPID)
    check "no capability" grep -qx $'CapEff:\t0000000000000000' "/proc/$pid/status"
    check "no new privilege" grep -qx $'NoNewPrivs:\t1' "/proc/$pid/status"
    check "a filter of system calls" grep -qx $'Seccomp:\t2' "/proc/$pid/status"
    check "it runs as its user" [ "$(stat -c %U "/proc/$pid")" = tenord ]
    check "/usr cannot be written" refuses nsenter -t "$pid" -m touch /usr/x
    check "/etc cannot be written" refuses nsenter -t "$pid" -m touch /etc/x
    check "its home can" nsenter -t "$pid" -m touch $home/x
    check "no device but the harmless" refuses nsenter -t "$pid" -m test -e /dev/vda
    check "the store is mapped" grep -q "$home/.*\.mdb" "/proc/$pid/maps"
    if systemd-detect-virt -qc; then
        say "note: a container's limit of files is that of who made it: $(grep -o 'files.*' "/proc/$pid/limits")"
    else
        check "65 536 files" grep -qE '^Max open files +65536 +65536' "/proc/$pid/limits"
    fi
    check "no core" grep -qE '^Max core file size +0 +0' "/proc/$pid/limits"
    check "nothing of it is locked in memory" grep -qE '^VmLck:[[:space:]]+0 kB' "/proc/$pid/status"
}

logs() {
    journal "_PID=$(show MainPID)" >/tmp/journal
    check "the journal has its lines" [ "$(wc -l </tmp/journal)" -gt 3 ]
    check "each is an object with time, level, msg" python3 -c '
import json, sys
for line in open("/tmp/journal"):
    entry = json.loads(line)
    assert {"time", "level", "msg"} <= entry.keys(), line'
}

reloads() {
    local pid
    pid=$(show MainPID)
    sed -i 's/^# level = "info"/level = "debug"/' $home/tenord.toml
    check "systemctl reload" systemctl reload tenord
    check "the node takes it up" within 60 says '"msg":"reloaded"'
    echo 'level = "nonsense"' >>$home/tenord.toml
    check "reload with a broken file" systemctl reload tenord
    check "is refused" within 60 says '"msg":"reload_refused"'
    check "the same process goes on" is MainPID "$pid"
    check "active, not reloading" within 60 is ActiveState active
    sed -i '$d' $home/tenord.toml
    sed -i 's/^level = "debug"/# level = "info"/' $home/tenord.toml
    systemctl reload tenord
}

# Terms go round: whoever leads before this node does is told to stop, and starts again after.
takes_the_lead() {
    local turn i
    for turn in 1 2 3 4 5 6 7 8; do
        if as_node tenord status --home $home | grep -q 'leads=yes'; then return 0; fi
        for i in 1 2 3; do
            if tenord status --home "$net/node-$i" | grep -q 'leads=yes'; then
                systemctl stop "node-$i"
                sleep 2
                other_start "$i"
            fi
        done
        echo "turn $turn"
        sleep 3
    done
    return 1
}
stops() {
    local began
    check "the node leads the market" takes_the_lead
    check "and goes on" goes_on
    sleep 1
    since=$(date +%s)
    began=$SECONDS
    check "systemctl stop" systemctl stop tenord
    say "note: stopped in $((SECONDS - began)) s of the $(show TimeoutStopUSec) that it has"
    check "in time" [ $((SECONDS - began)) -lt 30 ]
    check "it says that it stopped, and where" says '"msg":"stopped","height":'
    check "another leads it now" within 60 another_leads
    check "with exit 0" is ExecMainStatus 0
    check "nobody had to kill it" is Result success
    check "the others go on" within 60 others_go_on
    check "it starts again" systemctl start tenord
    check "and makes blocks" goes_on
}
others_go_on() {
    local from
    from=$(height_of "$net/node-1")
    sleep 3
    [ "$(height_of "$net/node-1")" -gt "$from" ]
}
another_leads() {
    local i
    for i in 1 2 3; do
        if tenord status --home "$net/node-$i" | grep -q 'leads=yes'; then return 0; fi
    done
    return 1
}

comes_back() { # comes_back NAME RESTARTS
    check "$1: it is restarted" within 120 is NRestarts "$2"
    check "$1: it says READY=1 again" within 90 is ActiveState active
    check "$1: it makes blocks" goes_on
}
survives() {
    kill -KILL "$(show MainPID)"
    comes_back "kill -9" 1
    local began=$SECONDS
    kill -STOP "$(show MainPID)"
    comes_back "frozen" 2
    say "note: from SIGSTOP to blocks $((SECONDS - began)) s"
    check "frozen: it was the watchdog" says 'Watchdog timeout'
    systemctl stop node-1 node-2 # half of the set: no blocks, but a node that lives
    sleep 40
    check "no quorum for 40 s is no reason to restart" is NRestarts 2
    check "no quorum: the others come back" others_start
    check "no quorum: it goes on after" goes_on
}

is_upgraded() {
    local pid
    pid=$(show MainPID)
    check "a newer package" apt-get install -y "$newer"
    cp /tmp/out /tmp/words
    check "says that a restart is wanted" grep 'systemctl restart tenord' /tmp/words
    check "leaves the running node alone" is MainPID "$pid"
    check "which makes blocks" goes_on
    check "the unit is up to date" is NeedDaemonReload no
    check "restart runs the new program" systemctl restart tenord
    check "another process" refuses is MainPID "$pid"
    check "makes blocks" goes_on
    check "still enabled" systemctl is-enabled tenord
}

# ---- The second boot -----------------------------------------------------------------------------

was_started_by_the_boot() {
    check "the boot starts it" within 60 is ActiveState active
    check "its others start" others_start
    check "it makes blocks" goes_on
    check "above what it had" grows "$(cat $memory)"
}

leaves() {
    check "apt removes it" apt-get remove -y tenor
    check "which stops the node" refuses pgrep -u tenord tenord
    check "leaves no unit" refuses systemctl cat tenord
    check "and the home" [ -s $home/vote.key ]
    check "apt purges it" apt-get purge -y tenor
    check "and leaves the home, with the key in it" [ -s $home/vote.key ]
    check "nothing of it failed" refuses sh -c 'systemctl --failed --plain --no-legend | grep -q tenord'
    check "it comes back over that home" apt-get install -y "$package"
    check "and starts" systemctl enable --now tenord
    check "and makes blocks" goes_on
}

systemctl is-system-running --wait >/dev/null
since=$(date +%s)
export DEBIAN_FRONTEND=noninteractive
say "note: $(systemctl --version | head -n 1), $(uname -r), the system is $(systemctl is-system-running)"
if [ ! -e $memory ]; then
    installs
    refuses_to_start_without_a_set
    joins
    is_shut_in
    logs
    reloads
    stops
    survives
    is_upgraded
    height >$memory
    sync
    say "boots again"
    systemctl --no-block reboot
else
    was_started_by_the_boot
    leaves
    say "end"
    systemctl --no-block poweroff
fi
