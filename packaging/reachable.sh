# Sourced by the scripts that start Kosha from a checkout.
#
# Started by root, Kosha gives up root's rights. A checkout below a private folder (/root, say) could then no longer be
# read, nor could a .NET runtime that was installed there. reachable_copy gives a folder that can.

reachable() { # reachable PATH: may an ordinary user read it?
  [ "$(id -u)" != 0 ] || setpriv --reuid=65534 --regid=65534 --clear-groups -- test -r "$1" -a -x "$(dirname "$1")"
}

reachable_copy() { # reachable_copy FOLDER TARGET: FOLDER itself if it is reachable, else a fresh copy of it in TARGET
  if reachable "$1/."; then
    echo "$1"
  else
    rm -rf "$2"
    mkdir -p "$(dirname "$2")"
    cp -R "$1" "$2"
    chmod -R go+rX "$2"
    echo "$2"
  fi
}

reachable_dotnet() { # reachable_dotnet TARGET: a dotnet command that an ordinary user can start
  found=$(readlink -f "$(command -v dotnet)")
  if reachable "$found"; then
    echo "$found"
  else
    rm -rf "$1"
    mkdir -p "$1"
    cp -R "$found" "$(dirname "$found")/host" "$(dirname "$found")/shared" "$1"
    chmod -R go+rX "$1"
    echo "$1/dotnet"
  fi
}
