#!/bin/bash
# How many bytes a program has that lists, reads and writes (`examples/small.rs`), for `src/guide/small_binaries.md`:
#
#   bash .ci/sizes.sh           after each step, and at the ends with TLS and with the default credential sources
#   bash .ci/sizes.sh recipe    after the last step
#
# The program is a package of its own, in target/ci/small, as a user has it: with a lock file of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=.ci/lib.sh disable=SC1091
source .ci/lib.sh

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")/ci/small-target
host=$(rustc -vV | sed -n 's/^host: //p')
package=target/ci/small

# The steps, each on top of those before it: what becomes of cargo's own settings, ...
profile=()
# ... and what the compiler is told for the program alone.
flags=()

main() {
    make_package
    case ${1-} in
        recipe)
            plain_settings
            recipe
            printf 'list, read and write, with the recipe: %d bytes\n' "$(bytes)"
            ;;
        '')
            all
            ;;
        *)
            die "usage: bash .ci/sizes.sh [recipe]"
            ;;
    esac
}

all() {
    row 'release' ''
    profile+=('strip=true')
    row 'strip = true' ''
    profile+=('opt-level="z"')
    row 'opt-level = "z"' ''
    profile+=('lto=true' 'codegen-units=1')
    row 'lto = true, codegen-units = 1' ''
    profile+=('panic="abort"')
    row 'panic = "abort"' ''
    row 'the same with TLS' tls
    row 'the same with TLS and aws-chain (the default features)' tls,aws-chain
    flags+=(-C relocation-model=static)
    row 'relocation-model=static' ''
    flags+=(-C "link-arg=-Wl,-T,$PWD/$package/no-unwinding.ld")
    row 'no-unwinding.ld' ''
    flags+=(-C link-arg=-Wl,--icf=all)
    row '--icf=all' ''
    without_idna
    row 'idna_adapter 1.0.0' ''
    with_smaller_dates
    row 'jiff 0.2.10' ''
    flags+=(-C llvm-args=-enable-machine-outliner=always)
    row '-enable-machine-outliner=always' ''
    row 'the same with TLS' tls
    row 'the same with TLS and aws-chain (the default features)' tls,aws-chain
}

plain_settings() {
    profile=('strip=true' 'opt-level="z"' 'lto=true' 'codegen-units=1' 'panic="abort"')
}

recipe() {
    flags=(
        -C relocation-model=static
        -C "link-arg=-Wl,-T,$PWD/$package/no-unwinding.ld"
        -C link-arg=-Wl,--icf=all
        -C llvm-args=-enable-machine-outliner=always
    )
    without_idna
    with_smaller_dates
}

without_idna() {
    cargo update --quiet --manifest-path "$package/Cargo.toml" --precise 1.0.0 idna_adapter
}

with_smaller_dates() {
    cargo update --quiet --manifest-path "$package/Cargo.toml" --precise 0.2.10 jiff
}

make_package() {
    mkdir -p "$package"
    cp Cargo.lock "$package"
    cat >"$package/Cargo.toml" <<'PACKAGE'
[package]
name = "small"
version = "0.0.0"
edition = "2024"
publish = false

[[bin]]
name = "small"
path = "../../../examples/small.rs"

[dependencies]
s3fs = { path = "../../..", default-features = false }

[features]
tls = ["s3fs/rustls"]
aws-chain = ["s3fs/aws-chain"]

[workspace]
PACKAGE
    # What no unwinding needs: programs that abort do not unwind.
    cat >"$package/no-unwinding.ld" <<'SCRIPT'
SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame_hdr) *(.gcc_except_table .gcc_except_table.*) } }
INSERT AFTER .text;
SCRIPT
}

row() {
    printf '| %s | %d |\n' "$1" "$(bytes "$2")"
}

# bytes [FEATURES]: of the program, built with what is set by now.
bytes() {
    local setting settings=()
    for setting in "${profile[@]}"; do
        settings+=(--config "profile.release.$setting")
    done
    cargo rustc --quiet --release --manifest-path "$package/Cargo.toml" --target-dir "$target" --target "$host" \
        --features "${1-}" "${settings[@]}" -- "${flags[@]}" >&2
    stat -c %s "$target/$host/release/small"
}

main "$@"
