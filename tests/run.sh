#!/bin/sh
# Builds once and runs the tests: run.sh ci|soak [NAME]
# The last line is 'N passed, N failed'. The exit code is 0 only if tests ran and none failed or was skipped.
set -eu
cd "$(dirname "$0")/.."
. packaging/reachable.sh

size=${1:-ci}
only=${2:-}
limit=38m
[ "$size" = soak ] && limit=12h

dotnet build Kosha.sln -c Release --nologo -v quiet -clp:NoSummary
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
program=$(reachable_copy "$(pwd)/tests/Kosha.Tests/bin/Release/net10.0" "$work/program")
dotnet=$(reachable_dotnet "$work/dotnet")

# Many tests wait most of the time, for a client that paces itself or a process that starts.
set -- -noLogo -noColor -failSkips -reporter verbose -showLiveOutput -longRunning 300 -maxThreads 4
[ -z "$only" ] || set -- "$@" -method "*$only*"
{
  # The limit is for a test that hangs. In the foreground, because Ctrl-C must reach the tests.
  code=0
  KOSHA_TEST_SIZE=$size KOSHA_TEST_SOURCE=$(pwd) timeout --foreground --kill-after=60 --signal=INT $limit \
    "$dotnet" "$program/Kosha.Tests.dll" "$@" 2>&1 || code=$?
  echo "$code" >"$work/code"
} | tee "$work/log" | grep --line-buffered -v '\[STARTING\]$' || true
code=$(cat "$work/code")

count() { sed -n "s/^   Kosha.Tests  Total: .*$1: \([0-9]*\).*/\1/p" "$work/log" | tail -1; }
if grep -q '^   Kosha.Tests  Total: ' "$work/log"; then
  total=$(sed -n 's/^   Kosha.Tests  Total: \([0-9]*\).*/\1/p' "$work/log" | tail -1)
  failed=$(($(count Errors) + $(count Failed)))
else # It broke off; what the log holds is all there is.
  total=$(grep -c '\[FINISHED\] Time' "$work/log" || true)
  failed=$(($(grep -c '\[FAIL\]$' "$work/log" || true) + 1))
  total=$((total + 1))
  echo "The test program ended with code $code before it was through (124: stopped after $limit)."
fi
[ "$failed" != 0 ] || [ "$code" = 0 ] || failed=1
# Once more at the end, where nobody has to search for them.
grep -A 3 '\[FAIL\]$' "$work/log" | cut -c 1-200 | tail -16 || true
[ "$total" != 0 ] || echo 'No test ran.'
echo "$((total > failed ? total - failed : 0)) passed, $failed failed"
[ "$total" != 0 ] && [ "$failed" = 0 ] && [ "$code" = 0 ]
