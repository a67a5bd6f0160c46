#!/usr/bin/env bash
# run.sh TARGET [LIBFUZZER-OPTION...]: the target on its corpus in git and on seeds made of it, then on
# what it makes of them. What makes it fail is kept in build/fuzz-found/, and its path is printed.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1 corpus=tests/fuzz/corpus
shift
[ -f "tests/fuzz/$target.dict" ] && set -- "-dict=tests/fuzz/$target.dict" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p build/fuzz-found "$work/fresh" # libFuzzer writes what it learns into the first folder
build/fuzz/fuzz_seeds "$corpus/http" "$work"
folders=("$work/fresh")
for folder in "$work/$target" "$corpus/$target"; do
    [ -d "$folder" ] && folders+=("$folder")
done
# 77, libFuzzer's own, would say "skipped" to ./dev test
"build/fuzz/fuzz_$target" -error_exitcode=1 -max_len=16384 -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix="build/fuzz-found/$target-" "$@" "${folders[@]}"
