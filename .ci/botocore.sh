#!/bin/bash
# botocore and this crate read the same configuration: the same files, the same choice of a source.
#
#   botocore.sh install     botocore in a virtual environment under target/, if it is not there
#   botocore.sh run         makes the cases and runs the test
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/lib.sh disable=SC1091
source .ci/lib.sh

# In the tree, and ignored by git.
venv=$(realpath .)/target/ci/botocore
packages=('botocore==1.44.*')

install() {
    make_venv "$venv" "${packages[@]}"
}

run() {
    [[ -x $venv/bin/python ]] || die "botocore is not installed: bash $0 install"
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/s3fs-botocore.XXXXXX")
    on_exit 'rm -rf "$scratch"'
    PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" tests/credentials/cases.py "$scratch"
    S3FS_TEST_BOTOCORE=$scratch cargo test --test it credentials::botocore
}

case "$#:${1-}" in
    1:install) install ;;
    1:run) run ;;
    *) die "usage: $0 install | run" ;;
esac
