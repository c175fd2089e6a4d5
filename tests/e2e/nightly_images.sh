#!/usr/bin/env bash
# The container image, compose.yml and the Kubernetes manifests, run by a real engine: podman builds the
# image, docker-compose brings the net up through podman's socket, and what kustomize makes of the
# manifests is played as pods. images_checks.sh asks what docs/install.md promises of all that.
#
# usage: nightly_images.sh [--install]      (root)
#   --install   installs what is missing (podman, crun, debootstrap and a few that they need)
# No registry is asked: the Dockerfile's Debian is made by debootstrap from this machine's mirror. The
# engine sees mounts, processes and shared memory of its own; its networks are in a network namespace with
# no way out (only the build has one: apt). What is left in the end: nothing but installed packages.
# 0.5 GB to fetch, 2 GB in /var/tmp, and a build of the project. TENOR_IMAGE=FILE keeps the image in
# FILE, and takes it from there the next time; TENOR_KEEP=1 leaves all files. Ends with 77 where something
# is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
platform=docker.io/library # what a name without a registry means to a Dockerfile

quietly() { # its words are shown when it fails
    "$@" >"$scratch/words" 2>&1 </dev/null || { tail -n 20 "$scratch/words" >&2; return 1; }
}

# ---- Inside: process 1 of namespaces of its own --------------------------------------------------

# How podman is told where everything is, without a word to the machine's own.
write_settings() {
    local files processes
    files=$(ulimit -Hn)
    processes=$(ulimit -Hu)
    cat >"$scratch/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=${files/unlimited/1048576}:${files/unlimited/1048576}", "nproc=${processes/unlimited/-1}:${processes/unlimited/-1}"]
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "none"
tmp_dir = "$scratch/tmp"
volume_path = "$scratch/volumes"
[network]
network_backend = "netavark"
network_config_dir = "$scratch/networks"
CONF
    cat >"$scratch/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$scratch/storage"
runroot = "$scratch/run"
CONF
}

# Debian as its image has it, and nothing pulled: the name is what the Dockerfile's FROM says.
make_base() {
    local name root=$scratch/base
    name=$(sed -n 's/^FROM \([^ ]*\)$/\1/p' "$source/deploy/container/Dockerfile")
    if podman image exists "$platform/$name"; then return; fi
    echo "debootstrap makes $name"
    quietly nice debootstrap --variant=minbase bookworm "$root" "$(cat "$scratch/site")"
    cp "$scratch/sources.list" "$root/etc/apt/sources.list"
    printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb \
        "$root"/usr/share/{doc,man,locale}/*
    tar -C "$root" -cf "$scratch/base.tar" .
    quietly podman import --change 'CMD ["bash"]' "$scratch/base.tar" "$platform/$name"
    rm -rf "$root" "$scratch/base.tar"
}

make_image() {
    local started=$SECONDS
    if [ -e "${TENOR_IMAGE:-}" ]; then
        quietly podman load -i "$TENOR_IMAGE"
        echo "the image is that of $TENOR_IMAGE"
        return
    fi
    make_base
    TENOR_COMMIT=$(cat "$scratch/commit")
    export TENOR_COMMIT
    echo "docker-compose builds the image"
    printf 'version: "3.8"\nservices: {homes: {build: {network: host}}}\n' >"$scratch/build.yml"
    nice -n 10 podman system service --time=0 "unix://$scratch/build.sock" >"$scratch/service" 2>&1 &
    until [ -S "$scratch/build.sock" ]; do sleep 0.2; done
    DOCKER_HOST=unix://$scratch/build.sock quietly docker-compose -p tenor \
        -f "$source/deploy/container/compose.yml" -f "$scratch/build.yml" build
    kill $!
    echo "the image is built ($((SECONDS - started)) s, $(podman image inspect "$platform/tenor" \
        --format '{{.Size}}') bytes)"
    if [ -n "${TENOR_IMAGE:-}" ]; then quietly podman save -o "$TENOR_IMAGE" "$platform/tenor"; fi
}

inside() {
    scratch=$1
    mount -t tmpfs run /run
    mount -t tmpfs shm /dev/shm
    mount -t tmpfs engine /var/lib/containers
    # What the machine's list of name servers is a link to.
    [ -e /etc/resolv.conf ] || install -D -m 644 "$scratch/resolv.conf" "$(readlink -m /etc/resolv.conf)"
    # crun does with cgroups of one version or the other, not with both.
    if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
    write_settings
    export CONTAINERS_CONF=$scratch/containers.conf CONTAINERS_STORAGE_CONF=$scratch/storage.conf
    make_image
    # bash waits for it as process 1, and so for everybody's orphans, which podman wants to see gone.
    unshare --net "$here/images_checks.sh" "$scratch" "$platform"
}
if [ "${1:-}" = --inside ]; then
    inside "$2"
    exit
fi

# ---- Outside ---------------------------------------------------------------------------------------

install=false
case "$*" in
    "") ;;
    --install) install=true ;;
    *) echo "usage: nightly_images.sh [--install]" >&2; exit 2 ;;
esac
skip() {
    echo "nightly_images: SKIPPED, $*"
    exit 77
}
if [ "$(id -u)" != 0 ]; then skip "only root can run it; sudo"; fi

list_missing() {
    missing=()
    command -v podman >/dev/null || missing+=(podman)
    command -v crun >/dev/null || missing+=(crun)
    command -v catatonit >/dev/null || missing+=(catatonit)
    test -x /usr/lib/podman/netavark || missing+=(netavark)
    test -x /usr/lib/podman/aardvark-dns || missing+=(aardvark-dns)
    command -v iptables >/dev/null || missing+=(iptables)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v docker-compose >/dev/null || missing+=(docker-compose)
    command -v kubectl >/dev/null || missing+=(kubernetes-client)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v curl >/dev/null || missing+=(curl)
    /usr/bin/python3 -c 'import yaml' 2>/dev/null || missing+=(python3-yaml)
}
list_missing
if $install && [ ${#missing[@]} -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2
    list_missing
fi
if [ ${#missing[@]} -gt 0 ]; then
    skip "not installed: ${missing[*]}; give --install, or:" \
        "apt-get install --no-install-recommends ${missing[*]}"
fi

scratch=$(mktemp -d -p /var/tmp tenor-images-XXXXXX)
made_folder=false
machine=
clean_up() {
    trap - EXIT
    if [ -n "$machine" ]; then
        kill -KILL "$machine" 2>/dev/null || true # with it process 1, and so all of them
        wait "$machine" 2>/dev/null || true
        sleep 2 # they are gone by then
    fi
    # The groups that the engine makes for its own processes and never takes away. Busy ones stay.
    find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true
    if $made_folder; then rmdir /var/lib/containers 2>/dev/null || true; fi
    if [ -n "${TENOR_KEEP:-}" ]; then echo "kept: $scratch"; else rm -rf "$scratch"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2016 # apt's own words
apt-get indextargets --format '$(SITE) $(RELEASE)' | sort -u |
    sed -nE 's/^([^ ]+) (bookworm(-updates|-security)?)$/deb \1 \2 main/p' >"$scratch/sources.list"
sed -n 's/^deb \([^ ]*\) bookworm main$/\1/p' "$scratch/sources.list" | head -n 1 >"$scratch/site"
if [ ! -s "$scratch/site" ]; then skip "apt has no lists of Debian 12: apt-get update"; fi
cp -L /etc/resolv.conf "$scratch/resolv.conf"
# A commit of its own: what the image tells can be from nowhere else.
if [ ! -e "${TENOR_IMAGE:-}" ]; then
    echo "image-$(git -C "$source" rev-parse --short HEAD 2>/dev/null || echo of-no-checkout)" >"$scratch/commit"
fi
if [ ! -e /var/lib/containers ]; then
    mkdir /var/lib/containers
    made_folder=true
fi
unshare --mount --pid --ipc --fork --kill-child --mount-proc "$here/nightly_images.sh" --inside "$scratch" </dev/null &
machine=$!
code=0
wait "$machine" || code=$?
machine=
(exit "$code")
