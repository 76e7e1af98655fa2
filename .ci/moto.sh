#!/bin/bash
# moto's S3 for the live tests, on 127.0.0.1.
#
#   moto.sh install      moto in a virtual environment under target/, if it is not there
#   moto.sh start DIR    starts it with its log in DIR; prints the environment of the live tests
#   moto.sh stop DIR     ends it and removes DIR
set -euo pipefail
# shellcheck source=.ci/lib.sh disable=SC1091
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# In the tree, and ignored by git.
venv=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")/target/ci/moto
# moto's own extra for its server brings the dependencies of all of AWS's services; S3 needs these two beside its own.
packages=('moto[s3]==5.2.*' 'flask==3.1.*' 'flask-cors==6.0.*')

install() {
    make_venv "$venv" "${packages[@]}"
}

start() {
    local dir
    dir=$(realpath -m "$1")
    [[ -x $venv/bin/moto_server ]] || die "moto is not installed: bash $0 install"
    start_server "$dir" start_moto "$dir"
    # Any keys will do: moto checks no signature.
    print_environment moto "$(<"$dir/port")" S3FSLIVETESTS live/tests+moto/0123456789
}

start_moto() {
    local dir=$1 port
    port=$(free_port)
    echo "$port" >"$dir/port"
    # moto uses the AWS client library, which must not look for credentials of its own.
    spawn "$dir" moto env HOME="$dir" AWS_ACCESS_KEY_ID=none AWS_SECRET_ACCESS_KEY=none AWS_DEFAULT_REGION=us-east-1 \
        AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true \
        "$venv/bin/moto_server" -H 127.0.0.1 -p "$port"
    wait_for 60 "$!" is_up "$!" "$port"
}

server_main "$@"
