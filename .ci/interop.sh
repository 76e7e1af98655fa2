#!/bin/bash
# The original, fs-s3fs, and this crate on the same bucket: what one makes, the other sees.
#
#   interop.sh install      fs-s3fs in a virtual environment under target/, if it is not there
#   interop.sh run          drives both on the server that the environment of the live tests names
#   interop.sh on STORE     installs all of it and the server, radosgw or moto, starts the server, and runs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/lib.sh disable=SC1091
source .ci/lib.sh

# In the tree, and ignored by git.
venv=$(realpath .)/target/ci/interop
# fs 2.4.16 takes any setuptools, but needs pkg_resources, which setuptools 81 removed.
packages=('fs==2.4.16' 'fs-s3fs==1.1.1' 'boto3==1.44.*' 'six==1.17.*' 'setuptools<81')

install() {
    make_venv "$venv" "${packages[@]}"
}

run() {
    [[ -x $venv/bin/python ]] || die "fs-s3fs is not installed: bash $0 install"
    cargo build --example interop
    # The tests need nobody's proxy on the way to loopback.
    NO_PROXY='*' no_proxy='*' PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" tests/interop/interop.py \
        "${CARGO_TARGET_DIR:-target}/debug/examples/interop" \
        "$S3FS_TEST_ENDPOINT" "$S3FS_TEST_ACCESS_KEY" "$S3FS_TEST_SECRET_KEY" "$S3FS_TEST_BUCKET"
}

on_store() {
    local store=$1
    [[ -e .ci/$store.sh && $store =~ ^(radosgw|moto)$ ]] || die "the stores are radosgw and moto, not '$store'"
    bash ".ci/$store.sh" install
    install
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/s3fs-interop.XXXXXX")
    on_exit 'stop_server "$scratch/server"; rm -rf "$scratch"'
    bash ".ci/$store.sh" start "$scratch/server" >"$scratch/env"
    # shellcheck disable=SC1091
    source "$scratch/env"
    run
}

case "$#:${1-}" in
    1:install) install ;;
    1:run) run ;;
    2:on) on_store "$2" ;;
    *) die "usage: $0 install | run | on STORE" ;;
esac
