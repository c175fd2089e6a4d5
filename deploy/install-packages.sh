#!/usr/bin/env bash
# Installs what a command of this project needs and the machine lacks: Debian 12, root or sudo.
#
# Each need is tested by what it provides (a command, a header, a runtime library), never by package
# name, so a compiler that came from elsewhere is left alone. Nothing missing means no apt at all.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: deploy/install-packages.sh GROUP...

  build   compile the library and the programs
  test    build and run the tests, plain and under sanitizers
  check   the structural checks of .ci
USAGE
}

# Where nft and others are, which a user's own path lacks on Debian.
PATH=$PATH:/usr/sbin:/sbin

has_command() { command -v "$1" >/dev/null 2>&1; }

has_header() { echo "#include <$1>" | cc_any -E - >/dev/null 2>&1; }

# Headers are looked up by whichever compiler is there; without one every header counts as missing.
cc_any() {
    if has_command gcc; then gcc -x c "$@"; else clang -x c "$@"; fi
}

has_clang_runtime() {
    local resource_dir
    resource_dir=$(clang -print-resource-dir 2>/dev/null) || return 1
    compgen -G "$resource_dir/lib/linux/libclang_rt.$1-*.a" >/dev/null
}

# Debian's python, whichever other one stands first on the path.
has_python_module() { /usr/bin/python3 -c "import $1" >/dev/null 2>&1; }

# need GROUP PACKAGE TEST...: remembers PACKAGE when its group was asked for and TEST fails.
packages=()
need() {
    local group=$1 package=$2
    shift 2
    [[ " $groups " == *" $group "* ]] || return 0
    "$@" || packages+=("$package")
}

list_missing() {
    need build gcc has_command gcc
    need build libc6-dev has_header stdio.h
    need build cmake has_command cmake
    need build ninja-build has_command ninja
    need build libjansson-dev has_header jansson.h
    need build liblmdb-dev has_header lmdb.h
    need build libnng-dev has_header nng/nng.h
    need build libmbedtls-dev has_header mbedtls/x509_crt.h
    need build libevent-dev has_header event2/event.h
    need build protobuf-c-compiler has_command protoc-c
    need build libprotobuf-c-dev has_header protobuf-c/protobuf-c.h
    need build libncurses-dev has_header ncurses.h
    need build libsecp256k1-dev has_header secp256k1_preallocated.h
    need test clang has_command clang
    need test libclang-rt-14-dev has_clang_runtime fuzzer
    need test libcmocka-dev has_header cmocka.h
    need test spin has_command spin # the vote rules' model
    need test iproute2 has_command ip # nodes in networks of their own
    need test nftables has_command nft
    need test faketime has_command faketime
    need test curl has_command curl # the pages of operators use it
    need test tmux has_command tmux # the terminal of tests
    need test python3 test -x /usr/bin/python3 # verifiers and bots that share nothing with the C code
    need test protobuf-compiler has_command protoc
    need test python3-protobuf has_python_module google.protobuf
    need test python3-cryptography has_python_module cryptography
    need test python3-pycryptodome has_python_module Cryptodome
    if [ "$(uname -m)" != aarch64 ]; then # pricing must give the same bits there
        need test gcc-aarch64-linux-gnu has_command aarch64-linux-gnu-gcc
        need test libc6-dev-arm64-cross test -e /usr/aarch64-linux-gnu/include/stdio.h
        need test qemu-user has_command qemu-aarch64
    fi
    need check binutils has_command nm
    need check clang-format has_command clang-format
    need check shellcheck has_command shellcheck
    need check prometheus has_command promtool # what it says of metrics and rules
    need check systemd has_command systemd-analyze
    need check dpkg-dev has_command dpkg-shlibdeps
    need check file has_command file
    need check docker-compose has_command docker-compose
    need check kubernetes-client has_command kubectl
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# A package must not start a service on the machine of someone who only wants to run the tests.
# A policy that is there already stays as it is.
policy=/usr/sbin/policy-rc.d
policy_is_ours=false
forbid_services() {
    if [ -e "$policy" ]; then return; fi
    policy_is_ours=true
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}
clean_up() {
    if $policy_is_ours; then as_root rm -f "$policy"; fi
    rm -f "$log"
}

# apt and dpkg say a lot; it is shown only when they fail.
log=
apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null >"$log" 2>&1 && return
    cat "$log" >&2
    return 1
}

groups=""
for argument in "$@"; do
    case "$argument" in
        build | test | check) groups="$groups $argument" ;;
        -h | --help) usage; exit 0 ;;
        *) echo "install-packages.sh: unknown group '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done
if [ -z "$groups" ]; then usage >&2; exit 2; fi

list_missing
if [ ${#packages[@]} -eq 0 ]; then
    echo "packages: nothing is missing"
    exit 0
fi
echo "packages: installing ${packages[*]}"
if ! has_command apt-get; then
    echo "install-packages.sh: no apt-get here; install the equivalents by hand" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! has_command sudo; then
    echo "install-packages.sh: neither root nor sudo; as root run:" >&2
    echo "  apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
fi

trap clean_up EXIT
log=$(mktemp)
forbid_services
apt update || echo "packages: some lists could not be refreshed; going on with those there are" >&2
apt install --no-install-recommends -y "${packages[@]}"

# What was asked for must be there now, or the failure would surface later and elsewhere.
hash -r
packages=()
list_missing
if [ ${#packages[@]} -ne 0 ]; then
    echo "install-packages.sh: still missing after the installation: ${packages[*]}" >&2
    exit 1
fi
