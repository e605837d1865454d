# frozen_string_literal: true

require "open3"
require "rbconfig"

# Where nothing is known of ffi's pointers, each has its releaser in an instance variable, and that is its finalizer.
# Examples with the tag `room` are about what needs more.
RSpec.describe "with an ffi that leaves no room in its pointers", if: GCLevel::CURRENT == "normal" do
  files = %w[
    unit/construction unit/copying unit/detach unit/family unit/family_freed_by_parent unit/free unit/own_free
    unit/release_error unit/release_with unit/size unit/undefine_finalizer
    integration/construction_failures integration/exit integration/exit_family integration/gc
  ]

  { "" => "room", ", and whose data is not known" => "data" }.each do |what, unknown|
    it "all is released once#{what}" do
      environment = {
        "RUBYOPT" => "-r#{File.expand_path("../support/unknown_ffi", __dir__)}", "UNKNOWN_FFI" => unknown,
        "RUBYLIB" => $LOAD_PATH.join(File::PATH_SEPARATOR)
      }
      specs = files.map { |file| "spec/#{file}_spec.rb" }
      output, status = Open3.capture2e(environment, RbConfig.ruby, "-S", "rspec", "--tag", "~room", *specs,
                                       chdir: File.expand_path("../..", __dir__))
      expect(output).to match(/^[1-9]\d\d examples, 0 failures/)
      expect(status).to be_success
    end
  end
end
