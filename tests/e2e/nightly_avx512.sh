#!/usr/bin/env bash
# The AVX-512 paths on a processor that has AVX-512: an emulated one, since the machines that test
# this have none. Debian's bochs plays a Skylake-X that boots Debian's kernel; its only programs are
# the ones below. What pricing, margin, the trees of hashes and the roots of whole markets give there
# by AVX-512 must be what this machine gives by the base path, bit for bit. qemu has no AVX-512.
#
# usage: nightly_avx512.sh BUILD [--install] [TEST...]
#   BUILD      the folder of a release build with its tests
#   --install  installs what is missing (root)
#   TEST...    of the tests in BUILD, instead of those below; none: only the bits
# It needs no root. The kernel's package is fetched by apt and not installed; TENOR_KERNEL=FILE is
# one that is there. Takes 7 minutes of a core for the bits alone, more for the tests.
# TENOR_KEEP=1 leaves all files. Ends with 77 where something is missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vectors=$here/../vectors/pricing/bits.hash
if [ $# -lt 1 ] || [ ! -d "$1" ]; then
    sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
build=$(cd "$1" && pwd)
shift
install=false
if [ "${1:-}" = --install ]; then install=true; shift; fi
tests=(test_pricing_paths test_pricing_twin test_margin_held test_margin_portfolio
    test_crypto_paths test_proof_trees)
if [ $# -gt 0 ]; then tests=("$@"); fi
if [ "${tests[0]}" = none ]; then tests=(); fi
minutes=120 # an emulator that takes longer hangs
scratch=$(mktemp -d -p /var/tmp tenor-avx512-XXXXXX)
emulator=

clean_up() {
    trap - EXIT
    if [ -n "$emulator" ]; then kill -KILL -- "-$emulator" 2>/dev/null || true; fi
    if [ -n "${TENOR_KEEP:-}" ]; then echo "kept: $scratch"; else rm -rf "$scratch"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- What it needs -------------------------------------------------------------------------------

syslinux=/usr/lib/syslinux/modules/bios/ldlinux.c32
isolinux=/usr/lib/ISOLINUX/isolinux.bin
list_missing() {
    missing=()
    command -v bochs >/dev/null || missing+=(bochs)
    [ -e /usr/share/bochs/BIOS-bochs-latest ] || missing+=(bochsbios)
    [ -e $isolinux ] || missing+=(isolinux)
    [ -e $syslinux ] || missing+=(syslinux-common)
    command -v xorriso >/dev/null || missing+=(xorriso)
    command -v cpio >/dev/null || missing+=(cpio)
    busybox --list 2>/dev/null | grep -x poweroff >/dev/null || missing+=(busybox-static)
}
list_missing
if $install && [ ${#missing[@]} -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" \
        >"$scratch/apt.log" 2>&1 || { cat "$scratch/apt.log" >&2; exit 1; }
    list_missing
fi
if [ ${#missing[@]} -gt 0 ]; then
    echo "nightly_avx512: SKIPPED, not installed: ${missing[*]};" \
        "give --install as root, or: apt-get install --no-install-recommends ${missing[*]}"
    exit 77
fi
programs=()
for name in root_bits "${tests[@]}"; do
    program=$(find "$build/tests" -name "$name" -type f -perm -u+x | head -n 1)
    if [ -z "$program" ]; then
        echo "nightly_avx512: no $name below $build/tests; build it first" >&2
        exit 2
    fi
    programs+=("$program")
done

# Of the displays of Debian's bochs only the one for the network needs neither screen nor terminal;
# it listens, so it gets a network of its own.
alone=(unshare --net)
if ! unshare --net true 2>/dev/null; then alone=(unshare --map-root-user --net); fi
if ! "${alone[@]}" true 2>/dev/null; then
    echo "nightly_avx512: SKIPPED, no network namespace for bochs's display may be made here; run as root"
    exit 77
fi

kernel=${TENOR_KERNEL:-}
if [ -z "$kernel" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
    if [ -z "$package" ] || ! (cd "$scratch" && apt-get -qq download "$package" 2>apt.log); then
        echo "nightly_avx512: SKIPPED, no kernel: apt knows no linux-image-cloud-amd64, or cannot" \
            "fetch it; apt-get update, or TENOR_KERNEL=FILE"
        exit 77
    fi
    dpkg-deb -x "$scratch"/linux-image-*.deb "$scratch/kernel"
    kernel=$(echo "$scratch"/kernel/boot/vmlinuz-*)
fi

# ---- The programs --------------------------------------------------------------------------------

root=$scratch/root
mkdir -p "$root/bin" "$root/tenor"
cp -L "$(command -v busybox)" "$root/bin/busybox"
cp "${programs[@]}" "$root/tenor/"
"${programs[0]}" base >"$root/tenor/roots"
cp "$vectors" "$root/tenor/prices"
if [ -x "$build/node/tenord" ]; then cp "$build/node/tenord" "$root/tenor/"; fi

# Compiled for this: the wide files at other levels, and with products fused, which must show.
pricing() {
    local name=$1
    shift
    if ! command -v "$1" >/dev/null; then echo "SKIPPED pricing by $*: no $1"; return; fi
    "$here/pricing_bits.sh" --build "$root/tenor/prices-$name" "$@"
}
pricing gcc-O0 gcc -O0 -ffp-contract=off
pricing gcc-O2 gcc -O2 -ffp-contract=off
pricing gcc-O3 gcc -O3 -ffp-contract=off
pricing clang-O2 clang -O2 -ffp-contract=off
"$here/pricing_bits.sh" --build "$root/tenor/fused" gcc -O2 -mfma -ffp-contract=fast

# The compiler must have used the wide registers, or the path proves nothing.
for program in root_bits prices-gcc-O2; do
    count=$(objdump -d --no-show-raw-insn "$root/tenor/$program" | grep -c '%zmm') || true
    echo "$program: $count instructions on 512 bits"
    if [ "$count" -lt 100 ]; then echo "FAILED: $program has no AVX-512 path" >&2; exit 1; fi
done

# What the loader will look for, where it will look.
{ ldd "$root"/tenor/* 2>/dev/null || true; } | grep -oE '/[^ :]+ \(' | cut -d' ' -f1 | sort -u |
    while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
# The only program of the emulated machine: runs the list, says what came, switches off.
/bin/busybox --install -s /bin
PATH=/bin
mkdir -p /proc /dev /tmp
mount -t proc proc /proc
mount -t devtmpfs dev /dev
cd /tenor || poweroff -f
say() { echo "@ $*"; }
verdict() { if [ "$1" = 0 ]; then say "ok: $2"; else say "FAILED: $2"; tail -n 20 /tmp/out; fi; }

grep -q avx512dq /proc/cpuinfo
verdict $? "the processor has AVX-512 F and DQ, and the kernel keeps its registers"
if [ -e tenord ]; then
    ./tenord version --json >/tmp/out 2>&1
    grep -q '"cpu":"avx512"' /tmp/out
    verdict $? "tenord picks avx512 by itself"
fi
for path in base avx2 avx512; do
    ./root_bits $path >/tmp/out 2>&1 && cmp -s /tmp/out roots
    verdict $? "root_bits $path: $(wc -l </tmp/out) block hashes and roots are this machine's base ones"
done
price() { # price BUILD PATH
    ./prices-$1 $2 >/tmp/out 2>&1 && cmp -s /tmp/out prices
    verdict $? "pricing_bits $1 $2: $(wc -l <prices) hashes are the committed ones"
}
for program in prices-*; do price ${program#prices-} avx512; done
price gcc-O2 base
price gcc-O2 avx2
./fused avx512 >/tmp/out 2>&1 && ! grep -qxF "$(grep '^raw' prices)" /tmp/out
verdict $? "control: pricing_bits avx512 with fused products gives other bits"
for program in test_*; do
    [ -x "./$program" ] || continue
    ./"$program" >/tmp/out 2>&1
    code=$?
    verdict $code "$program: $(grep -c '^\[       OK' /tmp/out) tests pass"
done
say end
poweroff -f
INIT
chmod 755 "$root/init"

# ---- The machine ---------------------------------------------------------------------------------

disc=$scratch/disc
mkdir -p "$disc/isolinux"
cp "$isolinux" "$syslinux" "$disc/isolinux/"
cp "$kernel" "$disc/kernel"
(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0 | gzip -1) >"$disc/initrd"
# bochs 2.7 says a wrong size for what XSAVEC stores, and a kernel that checks it gives up AVX.
cat >"$disc/isolinux/isolinux.cfg" <<'MENU'
DEFAULT tenor
PROMPT 0
LABEL tenor
KERNEL /kernel
APPEND initrd=/initrd console=ttyS0,115200 quiet loglevel=0 panic=-1 mitigations=off clearcpuid=xsavec,xsaves
MENU
xorriso -as mkisofs -quiet -o "$scratch/disc.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$disc" 2>"$scratch/xorriso.log" ||
    { cat "$scratch/xorriso.log" >&2; exit 1; }
cat >"$scratch/machine" <<MACHINE
display_library: rfb, options="timeout=0"
plugin_ctrl: speaker=0
config_interface: textconfig
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=1024, host=1024
boot: cdrom
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$scratch/disc.iso, status=inserted
com1: enabled=1, mode=file, dev=$scratch/serial
log: $scratch/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
clock: sync=none
MACHINE
echo continue >"$scratch/debugger" # Debian's bochs is built with its debugger, which waits
: >"$scratch/serial"
echo "the emulated machine starts"
started=$SECONDS
setsid "${alone[@]}" nice -n 10 timeout --foreground ${minutes}m \
    bochs -q -f "$scratch/machine" -rc "$scratch/debugger" </dev/null >"$scratch/screen" 2>&1 &
emulator=$!

# Tells what comes, as it comes, until the machine is off.
told=0
tell() {
    tr -d '\r' <"$scratch/serial" | head -n "$(wc -l <"$scratch/serial")" |
        sed -n '/^@ end/q;/^ISOLINUX/d;/^Loading /d;/./p' >"$scratch/lines" || true
    tail -n "+$((told + 1))" "$scratch/lines" | sed "s/^@ \(.*\)/\1 ($((SECONDS - started)) s)/"
    told=$(wc -l <"$scratch/lines")
}
while kill -0 "$emulator" 2>/dev/null && [ $((SECONDS - started)) -lt $((minutes * 60)) ]; do
    sleep 2
    tell
done
tell
passed=$(grep -c '^@ ok: ' "$scratch/lines") || true
failed=$(grep -c '^@ FAILED: ' "$scratch/lines") || true
echo "nightly_avx512: $passed passed, $failed failed, $((SECONDS - started)) s in the machine"
if ! grep -q '^@ end' "$scratch/serial"; then
    echo "nightly_avx512: the machine did not come to its end:" >&2
    tail -n 5 "$scratch/serial" "$scratch/bochs.log" >&2
    exit 1
fi
[ "$failed" = 0 ]
