# shellcheck shell=bash disable=SC2034,SC2154
# Which Debian has which Ruby. Sourced by the scripts that make roots, which
# give the Ruby as $ruby and get $suite, $sources, $apt_options and $version.

# Some of mmdebstrap is in Python, and wants that of Debian.
PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Known only once the package lists are there.
find_mirror() {
  apt-get indextargets --format "\$(REPO_URI)" \
    'Created-By: Packages' 'Component: main' 'Label: Debian' | sed -n 1p
}

mirror=$(find_mirror)
if [[ -z $mirror ]]; then
  apt-get update || true
  mirror=$(find_mirror)
fi
if [[ -z $mirror ]]; then
  echo "apt has no source with the main component of Debian."
  exit 1
fi

apt_options=()
version=$ruby
case $ruby in
  3.1)
    suite=bookworm
    sources=("deb $mirror bookworm main")
    ;;
  3.3)
    suite=trixie
    sources=("deb $mirror trixie main")
    ;;
  3.4)
    suite=sid
    sources=("deb $mirror sid main" "deb $mirror experimental main")
    # The lists of sid expire within days, where a mirror stands still.
    apt_options=(--aptopt='Acquire::Check-Valid-Until "false"')
    ;;
  i386)
    suite=trixie
    sources=("deb $mirror trixie main")
    # x86_64 runs it by itself.
    apt_options=(--architectures=i386 --skip=check/qemu)
    version=3.3
    ;;
  arm64)
    suite=trixie
    sources=("deb $mirror trixie main")
    # amd64 for a compiler that is not emulated.
    apt_options=("--architectures=arm64,amd64")
    version=3.3
    ;;
esac

# make_debian VARIANT DIRECTORY PACKAGES OPTIONS...
make_debian() {
  bin/matrix/contain mmdebstrap --mode=root --variant="$1" --include="$3" \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "${apt_options[@]}" "${@:4}" "$suite" "$2" "${sources[@]}"
}

# check_ruby DIRECTORY: whether the Ruby in there is the one asked for, and has ffi.
check_ruby() {
  local found
  found=$(chroot "$1" ruby -rffi -e 'puts RUBY_VERSION')
  if [[ $found != "$version".* ]]; then
    echo "The root has Ruby $found instead of $version."
    exit 1
  fi
}
