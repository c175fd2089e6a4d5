# shellcheck shell=bash
# What tests of clients share: a free place for a test net's ports, and waiting. Who sources this has
# set work, a folder, and fail, a function.
: "${work:?}"

# A port P with P to P + 3, P + 100 to P + 103, P + 200 to P + 203 free.
base_port() {
    /usr/bin/python3 - <<'PYTHON'
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

# within SECONDS COMMAND...: until it is true. What it says last is in $work/seen.
within() {
    local until=$(($(date +%s) + $1))
    shift
    while ! "$@" >"$work/seen" 2>&1; do
        [ "$(date +%s)" -lt "$until" ] || fail "it did not come to be: $*"
        sleep 0.1
    done
}
