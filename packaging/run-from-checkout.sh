#!/bin/sh
# Builds Kosha and starts it with its embedded default: its own Postgres and local blobs, both in ./data.
# Settings come from the environment (KOSHA_Http__Listen=… make run) or from /etc/kosha/kosha.json.
set -eu
cd "$(dirname "$0")/.."
. packaging/reachable.sh

dotnet build src/Kosha.Daemon -c Release --nologo -v quiet -clp:NoSummary
output=$(pwd)/src/Kosha.Daemon/bin/Release/net10.0
data=${KOSHA_DataDirectory:-$(pwd)/data}
if ! reachable "$(pwd)/."; then
  data=${KOSHA_DataDirectory:-/var/lib/kosha}
  echo "This checkout is in a private folder; Kosha runs from a copy in /var/cache/kosha, with its data in $data."
fi
program=$(reachable_copy "$output" /var/cache/kosha/program)
dotnet=$(reachable_dotnet /var/cache/kosha/dotnet)
exec "$dotnet" "$program/kosha.dll" serve --DataDirectory="$data"
