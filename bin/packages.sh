# shellcheck shell=bash disable=SC2034
# The Debian packages that are needed. Sourced by the commands in bin/.

build_packages=(build-essential libclang-dev)
ruby_packages=(ruby ruby-dev ruby-ffi rake-compiler bundler ruby-rb-sys)
lint_packages=(rubocop shellcheck)
spec_packages=(ruby-rspec yard)
# The C libraries of the demo, and those of the specs besides.
demo_packages=(libsqlite3-0 libvulkan1 mesa-vulkan-drivers vulkan-validationlayers)
library_packages=(libusb-1.0-0 umockdev glslang-tools curl openssl zlib1g)
# Gems that use ffi.
gem_packages=(ruby-ethon ruby-gssapi ruby-libnotify libnotify4)
# In Debian 12 only.
bookworm_gem_packages=(ruby-vips)
