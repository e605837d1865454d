# shellcheck shell=bash disable=SC2034
# The Debian packages that are needed. Sourced by the commands in bin/.

build_packages=(build-essential libclang-dev)
lint_packages=(rubocop shellcheck)
ruby_packages=(ruby ruby-dev ruby-ffi ruby-rspec rake-compiler bundler ruby-rb-sys yard)
# What the specs and the demo run against: C libraries, and gems that use ffi.
library_packages=(libsqlite3-0 libusb-1.0-0 umockdev libvulkan1 mesa-vulkan-drivers vulkan-validationlayers
  glslang-tools curl openssl zlib1g)
gem_packages=(ruby-ethon ruby-gssapi ruby-libnotify libnotify4)
# In Debian 12 only.
bookworm_gem_packages=(ruby-vips)
