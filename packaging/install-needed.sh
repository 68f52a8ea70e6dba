#!/bin/sh
# Installs the Debian packages that are missing: install-needed.sh run|test|bench
# 'run' is what Kosha itself needs; 'test' adds the clients that the tests use; 'bench' the servers to compare with.
# Nothing is asked of apt when everything is there.
set -eu

missing=''
need() { # need COMMAND PACKAGE
  PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

# Kosha runs a Postgres of its own, so it needs the programs and no running server.
has_postgres() {
  for bin in /usr/lib/postgresql/*/bin; do
    version=$(basename "$(dirname "$bin")")
    [ -x "$bin/initdb" ] && [ "${version%%.*}" -ge 15 ] 2>/dev/null && return 0
  done
  return 1
}

postgres=no
has_postgres || postgres=yes
s3=no
need setpriv util-linux

case "${1:-run}" in
  run) ;;
  test | bench)
    need litmus litmus
    need rclone rclone
    need mount.davfs davfs2
    need ps procps # umount.davfs calls it
    need strace strace
    need openssl openssl
    need unzip unzip
    need python3 python3
    need curl curl
    need cadaver cadaver
    need gio libglib2.0-bin
    need dbus-run-session dbus
    [ -x /usr/libexec/gvfsd-dav ] || [ -x /usr/lib/gvfs/gvfsd-dav ] || missing="$missing gvfs-backends"
    # A real S3 server, unpacked into a folder of its own; none where the tests are to use another store.
    [ -n "${KOSHA_TEST_S3:-}" ] || [ -s "${S3_HOME:-/var/cache/kosha-s3}/root/VERSION" ] || s3=yes
    ;;
  *)
    echo "usage: $0 run|test|bench" >&2
    exit 2
    ;;
esac
if [ "${1:-run}" = bench ]; then
  need apache2 apache2
  need nginx nginx
  need lighttpd lighttpd
  [ -e /usr/lib/nginx/modules/ngx_http_dav_ext_module.so ] || missing="$missing libnginx-mod-http-dav-ext"
  [ -e /usr/lib/lighttpd/mod_webdav.so ] || missing="$missing lighttpd-mod-webdav"
fi

[ -n "$missing" ] || [ $postgres = yes ] || [ $s3 = yes ] || exit 0

[ $postgres = no ] || missing="$missing postgresql (15 or newer)"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "Please install with this system's package manager:$missing" >&2
  exit 1
fi
as_root=''
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "Please install as root:$missing" >&2
    exit 1
  fi
  as_root=sudo
fi
missing=${missing%" postgresql (15 or newer)"}

install() {
  echo "Installing $*"
  # A package that starts a server must not fail where no service manager runs, and no question may be asked.
  log=$(mktemp)
  if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

refresh() { $as_root apt-get update -q >/dev/null; }

# The lists of a new machine may be empty or old; they are fetched once, when they are needed.
known() { apt-cache policy "$1" 2>/dev/null | grep 'Candidate:' | grep -qv '(none)'; }
# shellcheck disable=SC2086 # $missing is a list of words.
{
  for package in $missing ${postgres:+postgresql-common}; do
    known "$package" || { refresh; break; }
  done
  if [ $postgres = yes ]; then
    # postgresql-common first: with this line in its settings the server package makes no cluster that would run
    # beside Kosha's own.
    install postgresql-common || { refresh; install postgresql-common; }
    settings=/etc/postgresql-common/createcluster.conf
    $as_root sed -i 's/^#* *create_main_cluster.*/create_main_cluster = false/' "$settings"
    version=$(apt-cache --names-only search '^postgresql-[0-9]+$' |
      sed 's/^postgresql-\([0-9]*\) .*/\1/' | sort -n | tail -1)
    if [ "${version:-0}" -lt 15 ]; then
      echo "This system offers Postgres ${version:-(none)}; Kosha needs 15 or newer (see postgresql.org/download)." >&2
      exit 1
    fi
    missing="$missing postgresql-$version"
  fi
  [ -z "$missing" ] || install $missing || { refresh; install $missing; }
}
if [ $s3 = yes ]; then $as_root "$(dirname "$0")/../tests/s3/s3-up.sh" install; fi
