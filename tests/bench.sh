#!/bin/sh
# Measures Kosha beside other WebDAV servers, round after round: bench.sh [--rounds=5] [--workloads=core,list,big,tree]
#   [--peers=kosha,apache,nginx,lighttpd,rclone] [--seconds=1] [--mib=1024]
# --peers=kosha,kosha-1m measures Kosha beside itself with a tree of 1,000,000 nodes.
# --workloads=s3 measures Kosha on S3, that S3 server alone (the limit) and rclone over the same bucket. S3_ENDPOINT,
#   S3_REGION, S3_ACCESS_KEY and S3_SECRET_KEY name a server; without them the tests' own one is started.
# --workloads=api measures the calls of a page, for a user with 10,000 nodes.
# Kosha makes every file durable before it answers; the others do not. Compare figures of one run only.
set -eu
cd "$(dirname "$0")/.."
. packaging/reachable.sh

dotnet build Kosha.sln -c Release --nologo -v quiet -clp:NoSummary
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
case "$*" in
  *s3*)
    if [ -z "${S3_ENDPOINT:-}" ]; then
      as_root=''
      [ "$(id -u)" = 0 ] || as_root='sudo -n'
      # It ends with this script, however that ends.
      eval "$($as_root env "S3_NAME=bench-$$" "S3_PORT=${S3_PORT:-21900}" "S3_OWNER=$$" tests/s3/s3-up.sh up)"
    fi
    ;;
esac
program=$(reachable_copy "$(pwd)/src/Kosha.Daemon/bin/Release/net10.0" "$work/kosha")
dotnet=$(reachable_dotnet "$work/dotnet")
PATH="$(dirname "$dotnet"):$PATH" KOSHA_BENCH_PROGRAM=$program/kosha.dll \
  "$dotnet" tests/Kosha.Benchmarks/bin/Release/net10.0/Kosha.Benchmarks.dll "$@"
