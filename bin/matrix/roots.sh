# shellcheck shell=bash disable=SC2034
# The Debians with Ruby, of which there is one for each Ruby: where they are,
# how they are made, and who may use them. Sourced after bin/steps.sh.

# Those of this machine's architecture.
supported=(3.1 3.3 3.4)
rubies=()
cache=${XDG_CACHE_HOME:-$HOME/.cache}/safe_pointer/matrix
recipe=$(cat bin/matrix/{debian.sh,make-root,make-bare-root} bin/packages.sh | sha256sum | cut -c 1-12)
PATH=$PATH:/usr/sbin:/sbin # chroot

on_debian || fail "The roots are made of Debian's Rubies, with Debian's tools: ${0##*/} runs on Debian only."
[[ $EUID == 0 ]] || fail "The roots are entered with chroot: run bin/${0##*/} as root."

# bash carries on if the command that Ctrl-C ends has caught it.
trap 'exit 130' INT

# split_arguments RUBY... -- ARGUMENT...: sets $rubies, all that are not emulated if none is named, and $spec_arguments.
split_arguments() {
  rubies=()
  while [[ $# != 0 && $1 != -- ]]; do
    [[ " ${supported[*]} " == *" $1 "* ]] ||
      fail "There is no Ruby $1 in the matrix, only: ${supported[*]}. Arguments for bin/specs come after --."
    rubies+=("$1")
    shift
  done
  spec_arguments=("${@:2}")
  if [[ ${#rubies[@]} == 0 ]]; then read -ra rubies <<<"${supported[*]/arm64/}"; fi
}

install_tools() {
  apt-get update || true
  DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 mmdebstrap rsync
}

# The processor's programs run by themselves from then on, in a root too. Rust compiles for it here.
install_emulator() {
  mountpoint --quiet /proc/sys/fs/binfmt_misc || mount --types binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  apt-get update || true
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 \
    qemu-user-static binfmt-support arch-test
  update-binfmts --enable qemu-aarch64
  rustup target add aarch64-unknown-linux-gnu
}

can_emulate() {
  command -v arch-test >/dev/null && [[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]] &&
    [[ -d $(rustc --print sysroot)/lib/rustlib/aarch64-unknown-linux-gnu ]]
}

# What has to be there before any root of $rubies is made or entered.
setup_roots() {
  if ! { command -v mmdebstrap && command -v rsync; } >/dev/null; then
    step "Installing mmdebstrap and rsync" matrix-tools install_tools
  fi
  if [[ " ${rubies[*]} " == *" arm64 "* ]] && ! can_emulate; then
    step "Installing what runs programs for arm64" matrix-arm64 install_emulator
  fi
  step "Fetching crates" matrix-fetch cargo fetch --locked
  mkdir -p "$cache"
}

root_of() { echo "$cache/ruby$1-$recipe"; }
bare_root_of() { echo "$cache/bare$1-$recipe"; }

# lock_roots RUBY: from here to unlock_roots nobody else uses the roots of this Ruby.
lock_roots() {
  exec {lock}>"$cache/ruby$1.lock"
  if ! flock --nonblock "$lock"; then
    echo "Waiting for another run ..."
    flock "$lock"
  fi
}

unlock_roots() { exec {lock}>&-; }

# make_in DIRECTORY COMMAND...: makes a root with a command that takes a
# directory as its last argument. Those made by an earlier recipe go.
make_in() {
  local directory=$1 unfinished=${1%-*}-unfinished
  shift
  rm -rf --one-file-system "$unfinished" &&
    "$@" "$unfinished" &&
    rm -rf --one-file-system "${directory%-*}"-???????????? &&
    mv "$unfinished" "$directory"
}

# need_root RUBY: with all that the tests need.
need_root() {
  [[ -d $(root_of "$1") ]] ||
    (step "Making a Debian with Ruby $1" "matrix-$1-root" make_in "$(root_of "$1")" bin/matrix/make-root "$1")
}

# need_bare_root RUBY: with Ruby and ffi, and nothing to compile with.
need_bare_root() {
  [[ -d $(bare_root_of "$1") ]] ||
    (step "Making a bare Debian with Ruby $1" "matrix-$1-bare-root" \
      make_in "$(bare_root_of "$1")" bin/matrix/make-bare-root "$1" "$(root_of "$1")")
}

# Compares contents and sets no times: whichever checkout was here before, cargo
# sees as changed what has changed. Ignored files stay as they are, here and there.
copy_checkout() {
  rsync --recursive --links --perms --checksum --delete \
    --exclude /.git --filter ':- .gitignore' ./ "$1/build/"
}

# compile_on RUBY: the checkout that was copied into its root.
compile_on() {
  (step "Compiling" "matrix-$1-compile" bin/matrix/in-root "$(root_of "$1")" rake compile:release)
}

# on_rubies COMMAND...: calls it with the root of each of $rubies, where this checkout has been copied to. Sets $failed to
# those on which it fails.
on_rubies() {
  local ruby root
  failed=()
  for ruby in "${rubies[@]}"; do
    printf '\nRuby %s\n' "$ruby"
    lock_roots "$ruby"
    need_root "$ruby"
    root=$(root_of "$ruby")
    copy_checkout "$root"
    SAFE_POINTER_ROOT=$ruby "$@" "$root" || failed+=("$ruby")
    unlock_roots
  done
}
