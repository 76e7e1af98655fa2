# What .ci/run and the other scripts share: messages, packages, ports, server processes. Sourced, never run.
# shellcheck shell=bash

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# Runs COMMAND on every way out that a shell can still act on. A signal without its own trap would end the shell only
# when the program in the foreground has ended, and without saying so in the exit status.
on_exit() {
    # shellcheck disable=SC2064 # expanded now, because it names the caller's variables
    trap "$1" EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# --- packages ---

as_root() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -n "$@"
    fi
}

# Installs Debian packages and starts none of their services: the tests start their own, with their own data.
# A subshell, so that its trap is its own.
apt_install() (
    command -v apt-get >/dev/null || die "no apt-get here to install $*"
    as_root true || die "installing $* takes root, or sudo without a password"

    # Debian asks this program before it starts a service; 101 means no (invoke-rc.d(8)). One that is already there
    # is the machine's own choice, and stays.
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi

    apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    # A third party's source that does not answer is no reason to give up: whether it matters, `install` will tell.
    as_root "${apt[@]}" update >&2 </dev/null || say "apt-get update failed; going on with the package lists at hand"
    as_root "${apt[@]}" install -y --no-install-recommends "$@" >&2 </dev/null || die "apt-get cannot install $*"
)

# make_venv DIR PACKAGE...: PyPI's packages in a virtual environment in DIR, if they are not there.
make_venv() {
    local venv=$1 packages=("${@:2}")
    # Written last: an installation that was interrupted, has other packages or was moved is made anew.
    local complete=$venv/complete wanted="${packages[*]} in $venv" python=python3
    [[ -e $complete && $(<"$complete") == "$wanted" ]] && return
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        apt_install python3-venv
        python=/usr/bin/python3 # Debian's, which the package is for
    fi
    "$python" -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --no-input --no-cache-dir --disable-pip-version-check "${packages[@]}" >&2 ||
        die "pip cannot install ${packages[*]}"
    echo "$wanted" >"$complete"
}

# --- ports ---

# A port of 127.0.0.1 on which nobody listens, of 10000 to 29999. Linux gives 32768 and up to outgoing connections, so
# that none of those takes it before the server does. Another server can; `is_up` notices.
free_port() {
    local port
    while port=$((10000 + RANDOM % 20000)); do
        (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# http METHOD PORT PATH [BODY]: sends a request without credentials to 127.0.0.1 and prints the status code. Bash does
# it, so that no HTTP client needs to be installed. A subshell, so that the connection is closed at its end.
http() (
    body=${4-}
    exec 3<>"/dev/tcp/127.0.0.1/$2"
    printf '%s %s HTTP/1.0\r\nHost: 127.0.0.1:%d\r\nContent-Length: %d\r\n\r\n%s' "$1" "$3" "$2" "${#body}" "$body" >&3
    read -r -t 10 _ status _ <&3
    echo "$status"
)

# is_up PID PORT: that very process listens on the port, and answers HTTP. An answer alone could be another server's
# that was quicker to take the port.
is_up() {
    local socket
    socket=$(awk -v port="$(printf ':%04X$' "$2")" '$2 ~ port && $4 == "0A" { print "socket:[" $10 "]" }' /proc/net/tcp)
    [[ -n $socket ]] || return 1
    find "/proc/$1/fd" -printf '%l\n' 2>/dev/null | grep -qxF "$socket" || return 1
    http GET "$2" / >/dev/null 2>&1
}

# --- server processes ---

# The start time of process PID in clock ticks since boot, nothing if it is gone or only waits to be reaped. Pids are
# used again; a pid with its start time is not.
start_time() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    # proc(5): the second field is the name in parentheses, with any character in it; the state is the third field, the
    # start time the 22nd.
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} == [ZX] ]] || echo "${fields[19]}"
}

# spawn DIR NAME COMMAND...: starts a server in the background and records it in DIR/pids; its pid is in $!, as after
# any `&`. It keeps no file of ours open: who reads our output through a pipe must see its end.
spawn() {
    local dir=$1 name=$2
    "${@:3}" >"$dir/log/$name.out" 2>&1 </dev/null &
    echo "$! $(start_time "$!")" >>"$dir/pids"
}

# wait_for SECONDS PID COMMAND...: repeats COMMAND until it succeeds; fails when the time is over or PID is gone.
wait_for() {
    local deadline=$((SECONDS + $1)) pid=$2
    until "${@:3}"; do
        [[ -n $(start_time "$pid") ]] || return 1
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# start_server DIR COMMAND...: runs COMMAND, which picks its ports and starts servers in DIR, and again if it fails: by
# the time a server binds a port, another program may have taken it. What a failed attempt leaves is removed.
start_server() {
    local dir=$1
    [[ -z $(ls -A "$dir" 2>/dev/null) ]] || die "$dir is not empty"
    attempt=
    on_exit "abandon_start $(printf %q "$dir")"
    for _ in 1 2 3; do
        mkdir -p "$dir/log"
        : >"$dir/pids"
        # In the background, because bash ignores `set -e` inside of a command whose failure is tested.
        ("${@:2}") &
        attempt=$!
        if wait "$attempt"; then
            trap - EXIT
            return
        fi
        show_logs "$dir"
        stop_server "$dir"
        say "the server did not start; its last words are above"
    done
    die "gave up after 3 attempts, each with other ports"
}

abandon_start() {
    if [[ -n $attempt ]]; then
        kill "$attempt" 2>/dev/null && wait "$attempt" || true
    fi
    stop_server "$1"
}

# stop_server DIR: ends what `spawn` recorded in DIR and removes DIR. There is nothing to save, so KILL: it is certain,
# and quicker than the goodbyes of a cluster.
stop_server() {
    local dir=$1 pid started
    [[ -e $dir/pids ]] || return 0
    while read -r pid started; do
        while [[ -n $started && $(start_time "$pid") == "$started" ]]; do
            kill -KILL "$pid" || break # it has just ended, or is not ours to end
            sleep 0.05
        done
    done <"$dir/pids"
    rm -rf "$dir"
}

show_logs() {
    local log
    for log in "$1"/log/*; do
        [[ -s $log ]] || continue
        say "--- the end of $log"
        tail -n 20 "$log" >&2
    done
}

# print_environment STORE PORT ACCESS_KEY SECRET_KEY: what the live tests read, as shell assignments.
print_environment() {
    printf 'S3FS_TEST_%s=%q\n' STORE "$1" ENDPOINT "http://127.0.0.1:$2" ACCESS_KEY "$3" SECRET_KEY "$4" \
        REGION us-east-1 BUCKET s3fs-live
}

# server_main COMMAND [DIR]: the command line of a server's script, which has the functions `install` and `start`.
server_main() {
    case "$#:${1-}" in
        1:install) install ;;
        2:start) start "$2" ;;
        2:stop) stop_server "$2" ;;
        *) die "usage: $0 install | start DIR | stop DIR" ;;
    esac
}
