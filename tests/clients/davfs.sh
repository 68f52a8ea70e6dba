#!/bin/sh
# Works on a drive through a davfs2 mount, as people do, and compares: davfs.sh URL USER PASSWORD SOURCE WORK
# Needs root and /dev/fuse. SOURCE is a folder with files, WORK an empty folder for the mount and its cache.
# It leaves one folder 'kept' on the drive, which was copied in as 'in' and renamed.
set -eu
url=$1 user=$2 password=$3 source=$4 work=$5
mount=$work/mnt
mkdir "$mount"

fail() {
  echo "$*" >&2
  exit 1
}
[ -e /dev/fuse ] || fail 'There is no /dev/fuse here, so nothing can be mounted.'

# A new machine may lack it, and mount.davfs wants it.
[ -e /etc/mtab ] || ln -s /proc/self/mounts /etc/mtab

# davfs2 1.6.1 asks newer kernels for more than they give unless buf_size is 256.
cat >"$work/davfs2.conf" <<C
secrets $work/secrets
cache_dir $work/cache
use_locks 1
delay_upload 0
ask_auth 0
buf_size 256
C
printf '%s %s "%s"\n' "$url" "$user" "$password" >"$work/secrets"
chmod 600 "$work/secrets"

fresh_mount() { # Nothing that the last mount has cached may help.
  rm -rf "$work/cache"
  mkdir "$work/cache"
  chown root:davfs2 "$work/cache"
  chmod 775 "$work/cache"
  # The mount's process keeps the writing end open as long as it lives, whether or not anybody reaps it.
  [ -p "$work/alive" ] || mkfifo "$work/alive"
  cat "$work/alive" >/dev/null &
  ended=$!
  mount -t davfs -o "conf=$work/davfs2.conf" "$url" "$mount" </dev/null 9>"$work/alive"
}

# Not davfs2's own umount, which waits until the process is reaped: where nobody reaps (in some containers), for ever.
leave() { # Returns when everything is uploaded and the mount's process has ended.
  umount -i "$mount"
  wait "$ended"
}
trap 'umount -i "$mount" 2>/dev/null || true' EXIT

fresh_mount
cp -r "$source" "$mount/in"
cp -r "$source" "$mount/gone"
leave

fresh_mount
[ -z "$(ls -A "$mount/lost+found" 2>/dev/null)" ] || fail "lost+found holds: $(ls -A "$mount/lost+found")"
diff -r "$source" "$mount/in" || fail 'What was copied in differs after a new mount.'
mv "$mount/in" "$mount/renamed"
mkdir "$mount/in"
mv "$mount/renamed" "$mount/in/deep"
mv "$mount/in/deep" "$mount/kept"
rmdir "$mount/in"
rm -r "$mount/gone"
leave

fresh_mount
diff -r "$source" "$mount/kept" || fail 'The renamed folder differs after a new mount.'
[ ! -e "$mount/gone" ] || fail 'A deleted folder is there again.'
[ -z "$(ls -A "$mount/lost+found" 2>/dev/null)" ] || fail "lost+found holds: $(ls -A "$mount/lost+found")"
leave
