#!/bin/sh
# Measures Kosha beside other WebDAV servers, round after round: bench.sh [--rounds=5] [--workloads=core,list,big,tree]
#   [--peers=kosha,apache,nginx,lighttpd,rclone] [--seconds=1] [--mib=1024]
# --peers=kosha,kosha-1m measures Kosha beside itself with a tree of 1,000,000 nodes.
# Kosha makes every file durable before it answers; the others do not. Compare figures of one run only.
set -eu
cd "$(dirname "$0")/.."
. packaging/reachable.sh

dotnet build Kosha.sln -c Release --nologo -v quiet -clp:NoSummary
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
program=$(reachable_copy "$(pwd)/src/Kosha.Daemon/bin/Release/net10.0" "$work/kosha")
dotnet=$(reachable_dotnet "$work/dotnet")
PATH="$(dirname "$dotnet"):$PATH" KOSHA_BENCH_PROGRAM=$program/kosha.dll \
  "$dotnet" tests/Kosha.Benchmarks/bin/Release/net10.0/Kosha.Benchmarks.dll "$@"
