#!/bin/sh
# Finds libhdf5 with its headers; installs it with apt where that is possible; says what to type elsewhere.
set -eu

# h5cc alone is no sign: Debian leaves it behind when libhdf5-dev is removed
found() {
    [ -n "${HDF5_DIR:-}" ] && [ -e "$HDF5_DIR/include/hdf5.h" ] && return 0
    for name in hdf5 hdf5-serial; do
        directory=$(pkg-config --variable=includedir "$name" 2>/dev/null) && [ -e "$directory/hdf5.h" ] && return 0
    done
    for header in /usr/include/hdf5.h /usr/include/hdf5/serial/hdf5.h /usr/local/include/hdf5.h /opt/homebrew/include/hdf5.h; do
        [ -e "$header" ] && return 0
    done
    return 1
}

found && exit 0

if command -v apt-get >/dev/null 2>&1; then
    sudo=""
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null 2>&1; then
            sudo="sudo"
        else
            echo "libhdf5 is missing. As root, type:  apt-get install libhdf5-dev pkg-config" >&2
            exit 1
        fi
    fi
    echo "libhdf5 is missing: installing libhdf5-dev and pkg-config with apt" >&2
    if $sudo env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends libhdf5-dev pkg-config >/dev/null' \
        && found; then
        exit 0
    fi
    echo "apt could not install it. Type:  sudo apt-get install libhdf5-dev pkg-config" >&2
    exit 1
fi

cat >&2 <<'TEXT'
libhdf5 with its headers is missing. Type one of:
  Fedora, Rocky      sudo dnf install hdf5-devel
  Arch               sudo pacman -S hdf5
  macOS              brew install hdf5
  a cluster          module load hdf5            (and set HDF5_DIR if it is not found)
  anywhere           cargo build --release --features homodyne/bundled-hdf5     (needs CMake 3.26 or newer)
TEXT
exit 1
