#!/bin/sh
# Works on a drive through gvfs, as GNOME Files does: gvfs.sh URL ANSWERS WORK
# Needs a D-Bus session. WORK holds the lists 'folders' (a URL path a line) and 'files' (a URL path, a tab, a local
# file); the folder 'held' on the drive has a locked member. The tree that was copied in as 'in' is left at 'deep/kept'.
set -eu
url=$1 answers=$2 work=$3
tab=$(printf '\t')

fail() {
  echo "$*" >&2
  exit 1
}

printf '%s\n' "$answers" | gio mount "$url" >/dev/null
trap 'gio mount -u "$url" 2>/dev/null || true' EXIT
gio info -f "$url" | grep -q 'filesystem::free: [0-9]' || fail 'The drive does not tell its free space.'

gio mkdir "${url}in"
while IFS= read -r folder; do
  gio mkdir "${url}in/$folder" </dev/null
done <"$work/folders"
while IFS=$tab read -r path file; do
  gio copy "$file" "${url}in/$path" </dev/null
done <"$work/files"

# GNOME Text Editor saves only over what it has read.
etag_of() { gio info -a etag::value "$1" | sed -n 's/.*etag::value: //p'; }
printf one | gio save "${url}saved" >/dev/null
etag=$(etag_of "${url}saved")
[ -n "$etag" ] || fail 'The file has no etag.'
printf two | gio save -e "$etag" "${url}saved" >/dev/null
if printf lost | gio save -e "$etag" "${url}saved" >/dev/null 2>&1; then
  fail 'A stale etag has overwritten a file.'
fi
[ "$(gio cat "${url}saved")" = two ] || fail 'The saved file has another content.'
gio remove "${url}saved"

gio rename "${url}in" renamed >/dev/null
gio mkdir "${url}deep"
gio move "${url}renamed" "${url}deep/kept"
while IFS=$tab read -r path file; do
  gio copy "${url}deep/kept/$path" "$work/back" </dev/null
  cmp "$file" "$work/back" || fail "$path came back changed."
  rm "$work/back"
done <"$work/files"
# Somebody has a file in it open: nothing is moved, so nothing must be reported as moved.
if gio move "${url}held" "${url}stolen" 2>/dev/null; then
  fail 'The folder of a locked file was moved.'
fi
if gio info "${url}in" >/dev/null 2>&1; then
  fail 'The renamed folder is still there.'
fi
