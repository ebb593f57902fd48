#!/usr/bin/env bash
# What each language costs: the kits' template at 10, 1,000, 10,000 and 100,000 positions, in the sandbox with its own limits.
# DESIGN.md says how the default limits follow. Needs `make build tools`.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$PWD/target/release/rec-market
tools=$PWD/target/tools/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH=$tools:$PATH XDG_CACHE_HOME=$PWD/target/kits/cache ZIG_GLOBAL_CACHE_DIR=$PWD/target/kits/zig \
    CARGO_BUILD_BUILD_DIR=$PWD/target/kits/rust

# Half of the members sell, half buy; every second one lacks a little.
for positions in 10 1000 10000 100000; do
    awk -v n=$positions 'BEGIN {
        printf "{\"community\": \"bench\", \"start\": \"2023-09-01T12:00:00Z\", \"positions\": ["
        for (i = 0; i < n; i++) printf "%s{\"member\": \"m%06d\", \"surplus\": %d, \"deficit\": %d}", i ? ", " : "", i,
            i % 2 ? 1 + i * 37 % 900 : 0, i % 2 ? 0 : 1 + i * 53 % 1100
        print "]}"
    }'
done > "$work/rounds.jsonl"

printf '%-11s %9s %6s %15s %12s %9s %9s\n' language positions status fuel "fuel/pos." MiB ms
for language in ${LANGUAGES:-rust c go python javascript typescript}; do
    (cd "$work" && "$program" algorithm new my-own --language "$language" --directory "$language" > /dev/null)
    case $language in javascript | typescript) ln -s "$tools/quickjs" "$work/$language/node_modules" ;; esac
    make --silent -C "$work/$language" REC_MARKET="$program" NPM=true COMPONENTIZE="$tools/componentize-py" > "$work/log" 2>&1 ||
        { cat "$work/log"; exit 1; }
    "$program" algorithm run "$work/$language/my-own.wasm" --rounds "$work/rounds.jsonl" --json > "$work/results" || true
    positions=(10 1000 10000 100000)
    while read -r result; do
        field() { sed -E "s/.*\"$1\":\"?([a-z0-9]+).*/\1/" <<< "$result"; }
        printf '%-11s %9d %6.6s %15d %12d %9d %9d\n' "$language" "${positions[0]}" "$(field status)" "$(field fuel)" \
            $(($(field fuel) / positions[0])) $(($(field peak_memory_bytes) >> 20)) $(($(field duration_us) / 1000))
        positions=("${positions[@]:1}")
    done < "$work/results"
done
