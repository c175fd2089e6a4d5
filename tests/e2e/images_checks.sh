#!/usr/bin/env bash
# What docs/install.md promises of containers and Kubernetes, asked of a real engine. nightly_images.sh
# has made the image and runs this where it can leave nothing behind: as root, with namespaces of its own.
#
# usage: images_checks.sh SCRATCH PLATFORM
# SCRATCH is the folder of all files, PLATFORM what stands before the image's name.
set -uo pipefail
scratch=$1
image=$2/tenor
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
started=$SECONDS
passed=0
failed=0
check() {
    local name=$1
    shift
    if "$@" >"$scratch/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok: $name ($((SECONDS - started)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED: $name: $*: $(tail -n 5 "$scratch/out" | tr '\n' ' ')"
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
patience=180 # seconds; a machine may be busy
is_ready() { [ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "http://$1/readyz")" = 200 ]; }
is_alive() { [ "$(curl -s -o /dev/null -m 5 -w '%{http_code}' "http://$1/livez")" = 200 ]; }
inspect() { podman inspect --format "$2" "$1"; } # inspect CONTAINER FORMAT
is() { [ "$(inspect "$1" "$2")" = "$3" ]; }
logs_say() { podman logs "$1" 2>&1 | grep -q -- "$2"; }
height_of() { podman exec "$1" tenord status --home "$2" | sed -n 's/^height=\([0-9]*\) .*/\1/p' | grep .; }
is_at() { [ "$(height_of "$1" "$2")" -ge "$3" ]; }
goes_on() { # goes_on CONTAINER HOME: it executes blocks
    local from
    from=$(height_of "$1" "$2") && within $patience is_at "$1" "$2" $((from + 10))
}

ip link set lo up

# ---- The image -----------------------------------------------------------------------------------

run() { podman run --rm --network none --read-only --read-only-tmpfs=false --cap-drop ALL "$@"; }
loads_all() {
    # shellcheck disable=SC2016 # for the shell in there
    run --entrypoint sh "$image" -c \
        'for name in tenord tenor tenor-mm tenor-feed tenor-play tenor-sim; do ldd /usr/bin/$name || exit 1; done' \
        >"$scratch/libraries" && ! grep 'not found' "$scratch/libraries"
}
is_small() { [ "$(podman image inspect "$image" --format '{{.Size}}')" -lt 250000000 ]; }
has_user() { [ "$(run --entrypoint id "$image")" = "uid=7400(tenord) gid=7400(tenord) groups=7400(tenord)" ]; }
has_empty_home() { [ -z "$(run --entrypoint ls "$image" -A /var/lib/tenor)" ]; }
check "the image runs tenord" run "$image" version
tells_commit() { # of an image that is kept: any
    local commit='[0-9a-z-]+'
    if [ -e "$scratch/commit" ]; then commit=$(cat "$scratch/commit"); fi
    run "$image" version | grep -v '(unknown)' | grep -qxE "tenord [0-9.]+ \($commit\)" &&
        run --entrypoint tenor "$image" --version | grep -v '(unknown)' | grep -qxE "tenor [0-9.]+ \($commit\)"
}
check "its programs tell the commit that they were built from" tells_commit
check "every program in it finds its libraries" loads_all
check "it is below 250 MB" is_small
check "its user and group are 7400, which the manifests name" has_user
check "its home is empty" has_empty_home
check "it makes a home in its volume" run "$image" init --home /var/lib/tenor/mine

# ---- compose.yml ---------------------------------------------------------------------------------

podman system service --time=0 "unix://$scratch/compose.sock" >"$scratch/service" 2>&1 &
service=$!
export DOCKER_HOST=unix://$scratch/compose.sock
within 20 test -S "$scratch/compose.sock"
compose() { timeout 400 docker-compose -p tenor -f "$source/deploy/container/compose.yml" "$@" </dev/null; }
up() { compose up -d --no-build; }
container() { echo "tenor_$1_1"; }
tenor() { compose exec -T node-0 tenor "$@"; }
all_ready() {
    local i
    for i in 0 1 2 3; do is_ready "127.0.0.1:760$i" || return 1; done
}
quotes() { logs_say tenor_maker_1 ' [1-9][0-9]* of [0-9]* quoted'; }
has_position() { tenor positions -o json | grep -q BTC-PERP; }
# As a user of the host: the folder copied out, the published ports, no more of the net.
as_trader() {
    rm -rf "$scratch/net"
    podman cp tenor_node-0_1:/var/lib/tenor/net "$scratch/net" 2>/dev/null &&
        podman run --rm --network host --user root --entrypoint tenor -v "$scratch/net:/net:ro" \
            "$image" --net /net chain BTC
}
same_roots() {
    local height i
    height=$(height_of tenor_node-0_1 net/node-0) || return 1
    : >"$scratch/roots"
    for i in 0 1 2 3; do
        within $patience is_at "tenor_node-${i}_1" "net/node-$i" "$height" || return 1
        podman logs "tenor_node-${i}_1" 2>&1 | grep -F "\"height\":$height," | grep -F '"msg":"block"' |
            sed 's/.*"root":"\([0-9a-f]*\)".*/\1/' | tail -n 1 >>"$scratch/roots"
    done
    [ "$(wc -l <"$scratch/roots")" = 4 ] && [ "$(sort -u "$scratch/roots" | wc -l)" = 1 ]
}
is_confined() { # no capability, nothing new, a system call filter, a root that cannot be written
    local pid
    pid=$(inspect "$1" '{{.State.Pid}}')
    grep -q '^CapBnd:\s*0*$' "/proc/$pid/status" && grep -q '^CapEff:\s*0*$' "/proc/$pid/status" &&
        grep -q '^NoNewPrivs:\s*1$' "/proc/$pid/status" && grep -q '^Seccomp:\s*2$' "/proc/$pid/status" &&
        [ "$(stat -c %u "/proc/$pid")" = 7400 ] && refuses podman exec "$1" touch /var/lib/x
}
kill_process() { kill -KILL "$(inspect "$1" '{{.State.Pid}}')"; }
is_another() { is "$1" '{{.State.Running}}' true && [ "$(inspect "$1" '{{.State.Pid}}')" != "$2" ]; }
ended_well() {
    local i
    for i in 0 1 2 3; do is "tenor_node-${i}_1" '{{.State.ExitCode}}' 0 || return 1; done
}
nothing_left() {
    [ -z "$(podman ps -aq)" ] && [ -z "$(podman volume ls -q)" ] &&
        [ "$(podman network ls -q)" = podman ]
}
# podman, unlike docker, removes no container whose network others have: the second word takes it.
down() { compose down --volumes || compose down --volumes; }

check "compose up brings the net up" up
check "all four nodes are ready" within $patience all_ready
check "prices flow" within $patience logs_say tenor_feed_1 'prices flow: market 2'
check "the maker quotes" within $patience quotes
check "a node has no capability and cannot write beside its volume" is_confined tenor_node-1_1
check "the faucet gives an account and money" tenor faucet
check "a first order is accepted" tenor order place BTC-PERP buy 0.1
check "it is a position" has_position
check "a trader on the host reads the chain" as_trader
before=$(inspect tenor_node-2_1 '{{.State.Pid}}')
check "node 2 is killed" kill_process tenor_node-2_1
check "it is started again" within $patience is_another tenor_node-2_1 "$before"
check "all four are ready again" within $patience all_ready
before=$(inspect tenor_node-0_1 '{{.State.Pid}}')
check "node 0, whose port is the first, is restarted" compose restart node-0
check "it is another process" is_another tenor_node-0_1 "$before"
check "all four are ready again" within $patience all_ready
check "node 0 executes blocks" goes_on tenor_node-0_1 net/node-0
check "all nodes have one root at one height" same_roots
check "the position is still there" has_position
check "a second order is accepted" tenor order place BTC-PERP sell 0.1
height=$(height_of tenor_node-3_1 net/node-3)
check "compose stop stops it" compose stop
check "each node ended with 0" ended_well
check "compose up brings it back" up
check "all four are ready" within $patience all_ready
check "node 3 is above where it was" within $patience is_at tenor_node-3_1 net/node-3 "${height:-none}"
check "compose down takes all of it away" down
check "no container, volume or network is left" nothing_left
kill "$service"

# ---- Kubernetes ----------------------------------------------------------------------------------

work=$scratch/pods
net=$work/net
overlays=$work/kubernetes/example
node() { echo "node-$1-tenord-0"; }
address() { echo "10.89.74.1$1"; }
# Four overlays after the example's one, with the homes of a test net, as docs/install.md says.
make_overlays() {
    local i service
    mkdir -m 777 "$work" &&
        cp -r "$source/deploy/kubernetes" "$work/" &&
        podman run --rm --network none -v "$work:/pods" "$image" \
            testnet --out /pods/net --nodes 4 --listen-host 0.0.0.0 || return 1
    for i in 1 2 3; do
        cp -r "$overlays/node-0" "$overlays/node-$i" &&
            sed -i "s/node-0/node-$i/; s/peer-$i\.crt/peer-0.crt/" "$overlays/node-$i/kustomization.yaml" || return 1
    done
    for i in 0 1 2 3; do
        cp -r "$net/node-$i" "$overlays/node-$i/home"
        sed -i -E 's/^listen = "0\.0\.0\.0:7([456])0.*/listen = "0.0.0.0:7\100"/
            s/^address = "127\.0\.0\.1:740(.)"/address = "node-\1-peers:7400"/
            s/^(address|clients) = "127\.0\.0\.1:750(.)"/\1 = "node-\2-clients:7500"/' \
            "$overlays/node-$i/home/tenord.toml"
        for service in peers clients; do echo "$(address "$i") node-$i-$service"; done
    done >"$work/hosts"
    sed -i -E 's/127\.0\.0\.1:750(.)/node-\1-clients:7500/' "$net/client.conf"
}
render() {
    local i
    for i in 0 1 2 3; do
        kubectl kustomize "$overlays/node-$i" >"$work/objects-$i" &&
            /usr/bin/python3 "$here/images_pods.py" "$work/hosts" "$work/made-$i" <"$work/objects-$i" || return 1
    done
}
claim() { podman play kube --network none "$work/made-$1/claims.yaml"; } # it can be made once
make_objects() { # secrets, and the claims
    local i
    podman tag "$image" "$image:0.1.0" && podman network create --subnet 10.89.74.0/24 tenor || return 1
    for i in 0 1 2 3; do
        podman secret create "$(cat "$work/made-$i/secret.name")" "$work/made-$i/secret.yaml" && claim "$i" ||
            return 1
    done
}
play() { # its init containers to their end, then the pod
    local first
    first=$(node "$1")-first
    podman play kube --network none "$work/made-$1/first.yaml" &&
        [ "$(timeout "$patience" podman wait "$first-home")" = 0 ] && podman pod rm -f "$first" &&
        podman play kube --network tenor --ip "$(address "$1")" "$work/made-$1/pod.yaml"
}
play_all() {
    local i
    for i in 0 1 2 3; do play "$i" || return 1; done
}
each_is() { # each_is alive|ready
    local i
    for i in 0 1 2 3; do "is_$1" "$(address "$i"):7600" || return 1; done
}
has_own_keys() {
    [ "$(podman exec "$(node 0)-tenord" stat -c '%a %u' /var/lib/tenor/vote.key)" = '600 7400' ]
}
outside() { # another pod of the cluster: a program with the net's folder and names
    local words=() at name
    while read -r at name; do words+=(--add-host "$name:$at"); done <"$work/hosts"
    podman run --network tenor --user root -v "$net:/net" -e TENOR_NET=/net -e TENOR_HOME=/net/keys \
        "${words[@]}" --entrypoint "$@"
}
feed() { outside tenor-feed --name feed -d "$image"; }
client() { outside tenor --rm "$image" "$@"; }
# Its pod is gone; the claim stays, or is lost too and a new one is made.
remove_pod() { podman pod stop -t 60 "$(node "$1")" && podman pod rm "$(node "$1")"; }
lose_volume() {
    remove_pod "$1" && podman volume rm "state-$(node "$1")" && claim "$1"
}
comes_up() { # comes_up NODE: to where node 0 is now
    local height
    height=$(height_of "$(node 0)-tenord" /var/lib/tenor) &&
        within $patience is_at "$(node "$1")-tenord" /var/lib/tenor "$height"
}
remove_all() {
    local i
    podman rm -f -t 30 feed || return 1
    for i in 0 1 2 3; do remove_pod "$i" && podman volume rm "state-$(node "$i")" || return 1; done
    podman volume prune -f # where secrets were laid out
    podman network rm tenor
}

check "overlays for four nodes are written" make_overlays
check "kustomize makes the objects, and pods come of them" render
check "secrets and claims are taken" make_objects
check "four pods start" play_all
check "each is alive at the path of its liveness probe" within $patience each_is alive
check "each is ready at the path of its readiness probe" within $patience each_is ready
check "the node's key is its own alone" has_own_keys
check "the node is confined" is_confined "$(node 1)-tenord"
check "a feed finds the clients' services" feed
check "prices flow" within $patience logs_say feed 'prices flow'
check "the faucet gives an account and money" client faucet
check "a first order is accepted" client order place BTC-PERP buy 0.1 --limit 90000
check "a pod is stopped and removed" remove_pod 3
check "its successor starts with its volume" play 3
check "it comes up to the others" comes_up 3
check "it is ready" within $patience is_ready "$(address 3):7600"
check "a pod and its volume are lost" lose_volume 2
check "its successor starts with the node's keys" play 2
check "it takes the state from its peers" comes_up 2
check "all is taken away" remove_all
check "no container, volume or network is left" nothing_left

echo "nightly_images: $passed passed, $failed failed, $((SECONDS - started)) s"
[ "$failed" = 0 ]
