#!/bin/bash
# A real S3 server for the tests: Ceph's RADOS Gateway with one monitor and one OSD on a sparse file, all on 127.0.0.1.
#
#   s3-up.sh up        installs and creates what is missing, starts it, prints the settings to export
#   s3-up.sh install   only fetches and unpacks Ceph: into a folder of its own, run through chroot
#   s3-up.sh start | stop | status | env
#   s3-up.sh kill9     SIGKILL of all three daemons at once; 'start' brings them back in about 1 s
#   s3-up.sh stop-gw | start-gw   only the S3 front end: connections are refused while the data stays
#   s3-up.sh wipe      stops it and deletes its data; the unpacked Ceph stays
#
# Needs root and a Debian with apt-get. From the environment:
#   S3_HOME     where the unpacked Ceph and the data are      (/var/cache/kosha-s3)
#   S3_NAME     of the instance; several may run at once      (main)
#   S3_PORT     of S3; +1 is the monitor, +2 to +15 the OSD   (21800)
#   S3_OWNER    a process; when it ends, the instance is wiped
#   S3_ACCESS, S3_SECRET                                      (koshaaccess, koshasecretkoshasecret)
#   S3_SUITES   Debian suites to take Ceph from, in order     (forky trixie bookworm)
#   S3_RGW      more lines for the gateway's configuration, such as 'rgw lc debug interval = 5'
set -euo pipefail

home=$(readlink -m "${S3_HOME:-/var/cache/kosha-s3}")
name=${S3_NAME:-main}
port=${S3_PORT:-21800}
access=${S3_ACCESS:-koshaaccess}
secret=${S3_SECRET:-koshasecretkoshasecret}
suites=${S3_SUITES:-forky trixie bookworm}
root=$home/root
inside=/state/$name      # As the daemons see it.
state=$root$inside       # The same folder from here.
conf=$inside/ceph.conf
block_bytes=21474836480  # The sparse file takes no more disk than what is written.

say() { echo "s3-up: $*" >&2; }

# In an empty environment: radosgw 20 aborts at its second start if LANG names a locale that the folder lacks.
in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/ chroot "$root" "$@"; }

# Installing -----------------------------------------------------------------------------------------------------------

# The archive that this machine takes its own packages from.
mirror() {
  {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^https?:.*\/debian\/?$/) { print $i; exit } }'
    awk '/^URIs:/ { for (i = 2; i <= NF; i++) if ($i ~ /\/debian\/?$/) { print $i; exit } }' \
      /etc/apt/sources.list.d/*.sources 2>/dev/null
  } | head -1
}

download() { # download SUITE FOLDER: the packages of Ceph and all that they need
  local suite=$1 apt=$2 url options
  url=$(mirror)
  [ -n "$url" ] || { say "apt's sources name no Debian archive"; return 1; }
  rm -rf "$apt"
  mkdir -p "$apt"/etc/{apt.conf.d,preferences.d,sources.list.d} "$apt"/{state/lists,cache/archives}/partial
  : >"$apt/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $url $suite main" >"$apt/etc/sources.list"
  # A copy of a moving suite may be older than its index says that it is good for.
  options=(-q -o "Dir::Etc=$apt/etc" -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/status"
    -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root -o APT::Install-Recommends=false
    -o Acquire::Languages=none -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -o Debug::NoLocking=1)
  apt-get "${options[@]}" update >"$home/apt.log" 2>&1 &&
    apt-get "${options[@]}" -y --download-only install ceph-mon ceph-osd radosgw >>"$home/apt.log" 2>&1
}

unpack() { # unpack APT FOLDER: the downloaded packages, without installing any
  local apt=$1 target=$2 dir
  for dir in bin sbin lib lib64; do
    mkdir -p "$target/usr/$dir"
    ln -sfn "usr/$dir" "$target/$dir"
  done
  # shellcheck disable=SC2016 # The inner shell expands them.
  printf '%s\0' "$apt"/cache/archives/*.deb | xargs -0 -P 2 -n 8 sh -ec '
    target=$0
    for deb; do
      dpkg-deb --fsys-tarfile "$deb" | tar -C "$target" -x --keep-directory-symlink --exclude=./usr/share/doc \
        --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./usr/share/ceph/mgr
    done' "$target" || return 1
  mkdir -p "$target"/{dev,tmp,etc,proc,state}
  mknod -m 666 "$target/dev/null" c 1 3
  mknod -m 666 "$target/dev/zero" c 1 5
  mknod -m 666 "$target/dev/random" c 1 8
  mknod -m 666 "$target/dev/urandom" c 1 9
  chroot "$target" /sbin/ldconfig 2>/dev/null || ldconfig -r "$target"
}

fetch() { # fetch SUITE: succeeds if its Ceph runs here
  local new=$root.new apt=$home/apt-$1
  rm -rf "$new"
  mkdir -p "$new"
  download "$1" "$apt" && unpack "$apt" "$new" || return 1
  rm -rf "$apt"
  env -i PATH=/usr/sbin:/usr/bin LC_ALL=C chroot "$new" radosgw --version >"$new/VERSION" || return 1
  env -i PATH=/usr/sbin:/usr/bin LC_ALL=C chroot "$new" ceph --version >/dev/null || return 1
  rm -rf "$root"
  mv "$new" "$root"
  say "unpacked $(cat "$root/VERSION")"
}

install() {
  local suite
  mkdir -p "$home"
  # Two who come at once: the second one finds it done.
  exec 9>"$home/install.lock"
  flock 9
  if [ ! -s "$root/VERSION" ]; then
    say "fetching Ceph (150 MB) into $home"
    for suite in $suites; do
      fetch "$suite" && break
      say "no Ceph from $suite, see $home/apt.log"
    done
  fi
  # The daemons would inherit it, and the lock with it.
  exec 9>&-
  [ -s "$root/VERSION" ]
}

# An instance ----------------------------------------------------------------------------------------------------------

write_conf() { # write_conf FSID
  cat >"$state/ceph.conf" <<CONF
[global]
fsid = $1
mon host = [v2:127.0.0.1:$((port + 1))/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = $((port + 2))
ms bind port max = $((port + 15))
keyring = $inside/keyring
run dir = $inside/run
admin socket = $inside/run/\$name.asok
pid file = $inside/run/\$name.pid
log file = $inside/log/\$name.log
crash dir = $inside/log
auth allow insecure global id reclaim = false
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
# With the default of 1 s each new pool waits for it: 14 s to the first answer instead of 2 s.
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
[mon]
mon data = $inside/mon
mon data avail crit = 1
mon data avail warn = 2
[osd]
osd data = $inside/osd
osd objectstore = bluestore
osd crush update on start = false
osd class update on start = false
osd mclock skip benchmark = true
osd op num shards = 2
osd memory target = 939524096
bluestore block create = true
bluestore block size = $block_bytes
[client.rgw.a]
rgw data = $inside/run
# Without tcp_nodelay every small GET takes 45 ms.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw enable apis = s3
rgw thread pool size = 64
rgw run sync thread = false
rgw dynamic resharding = false
rgw num control oids = 1
# With the cache, writes to buckets hang for up to 30 s after a kill -9: they wait for the dead gateway's watch.
rgw cache enabled = false
rgw luarocks location =
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw gc processor max time = 5
${S3_RGW:-}
CONF
}

pid_of() { cat "$state/run/$1.pid" 2>/dev/null; }

alive() { # alive DAEMON: a number that another process has by now does not count
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/root")" = "$root" ] &&
    ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null
}

gone() { ! alive "$1"; }

answers() { [ "$(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")" = 200 ]; }

eventually() { # eventually SECONDS COMMAND…: waits until the command succeeds; fails if it does not in time
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.02
  done
}

run_mon() { alive mon.a || in_root ceph-mon -c "$conf" -i a >/dev/null 2>>"$state/log/err"; }

run_osd() { alive osd.0 || in_root ceph-osd -c "$conf" -i 0 >/dev/null 2>>"$state/log/err"; }

run_gw() {
  # Only radosgw 16 needs /proc in its folder.
  if grep -q ' 16\.' "$root/VERSION" && ! mountpoint -q "$root/proc"; then mount -t proc proc "$root/proc"; fi
  alive client.rgw.a || in_root radosgw -c "$conf" -n client.rgw.a >/dev/null 2>>"$state/log/err"
  eventually 60 answers && return
  say "the gateway does not answer; its logs are in $state/log"
  exit 1
}

start() { run_mon; run_osd; run_gw; }

stop_one() { # stop_one DAEMON SECONDS: SIGTERM, and SIGKILL after that many seconds
  local pid
  alive "$1" || return 0
  pid=$(pid_of "$1")
  kill "$pid" || return 0
  eventually "$2" gone "$1" && return
  kill -9 "$pid" || return 0
  eventually 60 gone "$1"
}

# The gateway holds no state, and radosgw 20 takes 28 s over SIGTERM.
stop_gw() { stop_one client.rgw.a 1; }

stop() { stop_gw; stop_one osd.0 15; stop_one mon.a 15; }

kill9() {
  local daemon
  for daemon in client.rgw.a osd.0 mon.a; do
    if alive $daemon; then kill -9 "$(pid_of $daemon)" || true; fi
  done
  for daemon in client.rgw.a osd.0 mon.a; do eventually 60 gone $daemon; done
}

create_keys() {
  local keyring=$inside/keyring
  in_root ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
  in_root ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  in_root ceph-authtool "$keyring" --gen-key -n client.rgw.a --cap mon 'allow rwx' --cap osd 'allow rwx'
  in_root ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
}

create() {
  local fsid osd mkfs
  fsid=$(cat /proc/sys/kernel/random/uuid)
  osd=$(cat /proc/sys/kernel/random/uuid)
  rm -rf "$state"
  mkdir -p "$state"/{mon,osd,run,log}
  write_conf "$fsid"
  create_keys >/dev/null
  in_root monmaptool --create --addv a "[v2:127.0.0.1:$((port + 1))]" --fsid "$fsid" "$inside/monmap" >/dev/null
  in_root ceph-mon -c "$conf" --mkfs -i a --monmap "$inside/monmap" --keyring "$inside/keyring" 2>>"$state/log/err"
  run_mon
  in_root ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" >"$state/log/mkfs" 2>&1 &
  mkfs=$!
  in_root ceph -c "$conf" osd new "$osd" >/dev/null
  in_root ceph -c "$conf" osd crush add osd.0 1.0 root=default host=localhost >/dev/null 2>&1
  wait $mkfs
  run_osd
  run_gw
  in_root radosgw-admin -c "$conf" user create --uid kosha --display-name kosha \
    --access-key "$access" --secret-key "$secret" >/dev/null 2>>"$state/log/err"
  touch "$state/created"
}

wipe() {
  kill9
  rm -rf "$state"
}

# However the owner ends, nothing of its instance stays.
watch_owner() {
  [ -n "${S3_OWNER:-}" ] || return 0
  S3_OWNER='' setsid sh -c 'tail --pid="$1" -f /dev/null; exec "$2" wipe' sh "$S3_OWNER" "$(readlink -f "$0")" \
    </dev/null >/dev/null 2>&1 &
}

up() {
  install
  if [ -e "$state/created" ]; then
    start
  else
    kill9
    watch_owner
    create
  fi
}

print_env() {
  echo "export S3_ENDPOINT=http://127.0.0.1:$port S3_REGION=us-east-1 S3_ACCESS_KEY=$access S3_SECRET_KEY=$secret"
}

status() {
  local daemon
  for daemon in mon.a osd.0 client.rgw.a; do
    if alive $daemon; then echo "$daemon runs as $(pid_of $daemon)"; else echo "$daemon is down"; fi
  done
  cat "$root/VERSION"
}

case ${1:-} in
  up) up; print_env ;;
  install | start | stop | kill9 | wipe | status) "$1" ;;
  stop-gw) stop_gw ;;
  start-gw) run_gw ;;
  env) print_env ;;
  *) sed -n "2,11p" "$0"; exit 2 ;;
esac
