#!/usr/bin/env bash
# The package and its unit under a systemd that is process 1: a Debian 12 made by debootstrap, booted
# with Debian's kernel by qemu without hardware's help, where systemd_guest.sh installs the .deb and
# does what docs/install.md says, word by word. The machine has no network but its own loopback.
#
# usage: nightly_systemd.sh BUILD [--container] [--install]      (root)
#   BUILD        the folder of a release build; cpack makes the package of it
#   --container  systemd-nspawn boots it instead, under this machine's kernel: 5 minutes
#   --install    installs what is missing
# 0.5 GB to fetch and 3 GB in /var/tmp. TENOR_DEBIAN=DIR keeps the Debian in DIR,
# and takes it from there the next time; TENOR_KEEP=1 leaves all other files. Ends with 77 where
# something is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -lt 1 ] || [ ! -e "$1/CPackConfig.cmake" ]; then
    echo "usage: nightly_systemd.sh BUILD [--container] [--install]; BUILD is a folder that cmake made" >&2
    exit 2
fi
build=$(cd "$1" && pwd)
shift
install=false
container=false
for option in "$@"; do
    case $option in
        --install) install=true ;;
        --container) container=true ;;
        *) echo "nightly_systemd: unknown option '$option'" >&2; exit 2 ;;
    esac
done
minutes=60
skip() {
    echo "nightly_systemd: SKIPPED, $*"
    exit 77
}
if [ "$(id -u)" != 0 ]; then skip "only root can make a Debian; sudo"; fi
if [ "$(uname -m)" != x86_64 ]; then skip "it knows how to boot x86_64 only"; fi

list_missing() {
    missing=()
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    if $container; then
        command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
    else
        command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
    fi
    command -v mke2fs >/dev/null || missing+=(e2fsprogs)
    command -v cpio >/dev/null || missing+=(cpio)
    command -v dpkg-shlibdeps >/dev/null || missing+=(dpkg-dev)
    command -v file >/dev/null || missing+=(file)
    busybox --list 2>/dev/null | grep -x switch_root >/dev/null || missing+=(busybox-static)
}
PATH=$PATH:/usr/sbin:/sbin
list_missing
if $install && [ ${#missing[@]} -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2
    list_missing
fi
if [ ${#missing[@]} -gt 0 ]; then
    skip "not installed: ${missing[*]}; give --install, or:" \
        "apt-get install --no-install-recommends ${missing[*]}"
fi
# shellcheck disable=SC2016 # apt's own words
site=$(apt-get indextargets --format '$(SITE) $(RELEASE)' | sed -n 's/ bookworm$//p' | head -n 1)
image=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
if [ -z "$site" ] || [ -z "$image" ]; then skip "apt has no lists of Debian 12: apt-get update"; fi

scratch=$(mktemp -d -p /var/tmp tenor-systemd-XXXXXX)
machine=
clean_up() {
    trap - EXIT
    if [ -n "$machine" ] && kill -TERM "$machine" 2>/dev/null; then
        wait "$machine" || true
        sleep 10 # a container is torn down by then
    fi
    if [ -n "${TENOR_KEEP:-}" ]; then echo "kept: $scratch"; else rm -rf "$scratch"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
quietly() { # its words are shown when it fails
    "$@" >"$scratch/words" 2>&1 </dev/null || { tail -n 20 "$scratch/words" >&2; return 1; }
}

# ---- The package, and one that is newer ----------------------------------------------------------

quietly cpack -G DEB --config "$build/CPackConfig.cmake" -B "$scratch/package"
package=$(echo "$scratch"/package/tenor_*.deb)
dpkg-deb -R "$package" "$scratch/newer"
sed -i 's/^Version: .*/&+newer/' "$scratch/newer/DEBIAN/control"
quietly dpkg-deb -b --root-owner-group "$scratch/newer" "$scratch/newer.deb"
needs=$(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/ //g')

# ---- A Debian ------------------------------------------------------------------------------------

debian=${TENOR_DEBIAN:-$scratch/debian}
if [ ! -e "$debian/boot/made" ]; then
    echo "debootstrap makes a Debian"
    quietly nice debootstrap --variant=minbase --include="systemd,systemd-sysv,dbus,udev,kmod,sudo,\
procps,python3-minimal,libpython3-stdlib,$needs" bookworm "$debian" "$site"
    # Its kernel, without what a package would do to a loader of boots that there is not.
    (cd "$scratch" && quietly apt-get -qq download "$image")
    dpkg-deb -x "$scratch"/linux-image-*.deb "$scratch/kernel"
    cp -a "$scratch"/kernel/lib/modules "$debian/usr/lib/"
    cp -a "$scratch"/kernel/boot/. "$debian/boot/"
    quietly chroot "$debian" depmod "$(basename "$scratch"/kernel/lib/modules/*)"
    touch "$debian/boot/made"
fi
root=$scratch/root
cp -a "$debian" "$root"
release=$(basename "$root"/usr/lib/modules/*)

echo tenor-test >"$root/etc/hostname"
echo '127.0.0.1 localhost tenor-test' >"$root/etc/hosts"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
mkdir -p "$root/srv/test"
cp "$package" "$root/srv/test/tenor.deb"
cp "$scratch/newer.deb" "$root/srv/test/newer.deb"
cp "$here/systemd_guest.sh" "$root/srv/test/"
cat >"$root/etc/systemd/system/tenor-test.service" <<'UNIT'
[Unit]
Description=The test of this machine
[Service]
WorkingDirectory=/srv/test
ExecStart=/bin/bash -c '/srv/test/systemd_guest.sh /srv/test/tenor.deb /srv/test/newer.deb >>RESULTS 2>&1'
[Install]
WantedBy=multi-user.target
UNIT
ln -s ../tenor-test.service "$root/etc/systemd/system/multi-user.target.wants/"

# ---- The machine ---------------------------------------------------------------------------------

# What finds the disk, before there is a system.
make_initrd() {
    local first=$scratch/first module
    mkdir -p "$first/bin"
    cp -L "$(command -v busybox)" "$first/bin/busybox"
    for module in $(chroot "$root" modprobe -S "$release" -a --show-depends virtio_pci virtio_blk |
        awk '$1 == "insmod" && !seen[$2]++ { print $2 }'); do
        cp "$root$module" "$first/"
        echo "/bin/busybox insmod /$(basename "$module")" >>"$first/modules"
    done
    cat >"$first/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /dev /disk
/bin/busybox mount -t devtmpfs dev /dev
. /modules 2>/dev/null
until [ -e /dev/vda ]; do /bin/busybox sleep 0.2; done
/bin/busybox mount -t ext4 /dev/vda /disk
/bin/busybox mount -o move /dev /disk/dev
exec /bin/busybox switch_root /disk /sbin/init
INIT
    chmod 755 "$first/init"
    (cd "$first" && find . | cpio -o -H newc --quiet | gzip -1) >"$scratch/initrd"
}

# 133: it wants to boot again.
boot_container() {
    local code=133 child
    trap 'kill -TERM "$child" 2>/dev/null || true; exit 1' TERM
    while [ $code = 133 ]; do
        code=0
        timeout --kill-after=9 "${minutes}m" systemd-nspawn --quiet --private-network --register=no \
            --keep-unit --boot --machine tenor-test --bind "$scratch/results:/results" \
            --directory "$root" &
        child=$!
        wait "$child" || code=$?
    done
}

: >"$scratch/results"
echo "the machine boots"
started=$SECONDS
if $container; then
    sed -i 's|RESULTS|/results|' "$root/etc/systemd/system/tenor-test.service"
    rm "$root/etc/fstab"
    boot_container </dev/null >"$scratch/console" 2>&1 &
else
    sed -i 's|RESULTS|/dev/ttyS1|' "$root/etc/systemd/system/tenor-test.service"
    quietly mke2fs -t ext4 -d "$root" "$scratch/disk" 2500M
    make_initrd
    nice -n 10 timeout "${minutes}m" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 2048 \
        -nic none -display none -monitor none \
        -serial "file:$scratch/console" -serial "file:$scratch/results" \
        -drive "file=$scratch/disk,format=raw,if=virtio,cache=unsafe" \
        -kernel "$root/boot/vmlinuz-$release" -initrd "$scratch/initrd" \
        -append 'console=ttyS0 panic=5 root=/dev/vda rw' </dev/null >"$scratch/console.qemu" 2>&1 &
fi
machine=$!

told=0
tell() {
    tr -d '\r' <"$scratch/results" | head -n "$(wc -l <"$scratch/results")" >"$scratch/lines" || true
    tail -n "+$((told + 1))" "$scratch/lines" | sed "s/^@ \(.*\)/\1 ($((SECONDS - started)) s)/"
    told=$(wc -l <"$scratch/lines")
}
while kill -0 "$machine" 2>/dev/null; do
    sleep 2
    tell
done
tell
passed=$(grep -c '^@ ok: ' "$scratch/lines") || true
failed=$(grep -c '^@ FAILED: ' "$scratch/lines") || true
echo "nightly_systemd: $passed passed, $failed failed, $((SECONDS - started)) s in the machine"
if ! grep -qx '@ end' "$scratch/lines"; then
    echo "nightly_systemd: the machine did not come to its end; its console says:" >&2
    tail -n 15 "$scratch"/console* >&2
    exit 1
fi
[ "$failed" = 0 ]
