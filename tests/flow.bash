# What every flow shares; sourced. Gives a state directory that goes away with the flow, the program, the stock client,
# and checks that say what they expected.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
ferrostack=${FERROSTACK:-$target/release/ferrostack}
[ -x "$ferrostack" ] || ferrostack=$target/debug/ferrostack
if [ ! -x "$ferrostack" ]; then
    (cd "$root" && cargo build --quiet --package ferrostack)
fi
state=$(mktemp -d)
trap 'flow_end' EXIT

flow_end() {
    local code=$?
    if [ "$code" -ne 0 ]; then
        printf 'The end of the log of the cloud:\n'
        tail -n 20 "$state/log/ferrostack.log" 2>/dev/null || true
    fi
    "$ferrostack" --state "$state" down >/dev/null 2>&1 || true
    exec 8>&- 9<&-
    rm -rf "$state"
    exit "$code"
}

say() { printf '[%3ds] %s\n' "$SECONDS" "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# Starts the cloud, or starts it again at the same address.
cloud_up() {
    "$ferrostack" --state "$state" up --detach --listen "${listen:-127.0.0.1:0}" --bcrypt-rounds 4 "$@"
    listen=$(jq -r '.url | ltrimstr("http://")' "$state/up.json")
}

# Starts the stock client, which is installed into var/ of the checkout once.
client_start() {
    mkdir -p "$root/var"
    "$root/demo/client" "$root/var"
    export OS_CLIENT_CONFIG_FILE=$state/clouds.yaml OS_CLOUD=${1:-ferrostack} PYTHONWARNINGS=ignore
    coproc client { exec "$root/var/client/bin/python" "$root/tests/client.py"; }
    exec 8>&"${client[1]}" 9<&"${client[0]}"
}

# Runs a command of the stock client and keeps its answer; notes the command.
ask() {
    jq -nc '$ARGS.positional' --args -- "$@" | tee -a "$state/asked" >&8
    IFS= read -r answer <&9 || fail "the stock client died at: $*"
}

# Runs a command of the stock client that has to succeed; prints its output.
os() {
    ask "$@"
    if [ "$(jq -r .code <<<"$answer")" != 0 ]; then
        fail "openstack $*: $(jq -r '.err + .out' <<<"$answer")"
    fi
    jq -rj .out <<<"$answer"
}

# Runs a command of the stock client that has to be refused, in words that hold WORDS.
refused() {
    local words=$1
    shift
    ask "$@"
    [ "$(jq -r .code <<<"$answer")" != 0 ] || fail "openstack $* was to be refused"
    jq -r .err <<<"$answer" | grep -qi -- "$words" || fail "openstack $*: no \"$words\" in: $(jq -r .err <<<"$answer")"
}

# Runs a command of the stock client and checks its JSON with a jq expression that has to be true. Arguments: the
# expression, the command.
check() {
    local expression=$1 out
    shift
    out=$(os "$@" -f json)
    jq -e "$expression" >/dev/null <<<"$out" || fail "openstack $*: not so: $expression; but: $out"
}

# Runs a command and prints one field of what it shows.
field() {
    local name=$1 out
    shift
    out=$(os "$@" -f json)
    jq -r --arg name "$name" '.[$name]' <<<"$out"
}

# Waits until a command's JSON is as the expression says.
wait_until() {
    local expression=$1 out
    shift
    for _ in $(seq 50); do
        out=$(os "$@" -f json)
        jq -e "$expression" >/dev/null <<<"$out" && return
        sleep 0.2
    done
    fail "openstack $*: never so: $expression; last: $out"
}

# Checks that the flow has used every command of the installed stock client that begins with one of the given words.
used_all() {
    local missing
    missing=$("$root/var/client/bin/python" "$root/tests/commands.py" "$state/asked" "$@") ||
        fail "commands of the stock client that are not used: $(paste -sd, <<<"$missing")"
}
