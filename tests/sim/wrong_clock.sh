#!/usr/bin/env bash
# One of four nodes takes it to be another time, by up to hours: the set must go on at nearly the
# speed that it has with right clocks. Blocks are counted in simulated time, so what it prints is the
# same on every machine. A node that is ahead is passed over, which costs its share of the views.
#
# usage: tests/sim/wrong_clock.sh TENOR_SIM_WHOLE FIRST LAST
set -euo pipefail
program=$1
first=$2
last=$3
blocks() {
    "$program" --seeds "$first..$last" --seconds 4 --nodes 4 --byzantine 0 --first --faults "$1" |
        tail -n 1 | sed -n 's/.*"failed":0,.*"blocks":\([0-9]*\),.*/\1/p'
}
right=$(blocks none)
wrong=$(blocks time-of-day)
echo "blocks of seeds $first..$last: $right with right clocks, $wrong with a wrong one"
if [ "$right" -lt 100 ] || [ $((wrong * 100)) -lt $((right * 70)) ]; then
    echo "a wrong clock slows the set: less than 70 % of its blocks" >&2
    exit 1
fi
