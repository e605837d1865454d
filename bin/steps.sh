# shellcheck shell=bash
# What the commands in bin/ have in common. Sourced by them, from the root of
# the repository.

# rustup puts cargo here, and on the PATH of new login shells only.
if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo ]]; then
  PATH=${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH
fi

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# step TITLE LOG COMMAND...: a command of which only the end is shown, and that
# only if it fails.
step() {
  local title=$1 log=tmp/log/$2.log
  shift 2
  echo "$title ..."
  mkdir -p tmp/log
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    fail "" "$title failed. The whole log is in $log."
  fi
}

on_debian() {
  command -v apt-get >/dev/null && grep -qs '^ID=debian$' /etc/os-release
}

# Ubuntu has the same packages, other than of Ruby and its gems.
has_apt() {
  on_debian || grep -qs '^ID=ubuntu$' /etc/os-release
}

# Debian's name for the version it is.
codename() {
  sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# Debian's Ruby uses Debian's gems. Any other Ruby, from rbenv for instance, has
# its gems from Bundler.
with_debian_gems() {
  on_debian && [[ $(command -v ruby || echo /usr/bin/ruby) =~ ^(/usr)?/bin/ruby$ ]]
}

in_bundle() {
  if with_debian_gems; then "$@"; else bundle exec "$@"; fi
}
