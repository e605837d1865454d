# frozen_string_literal: true

require "open3"
require "rbconfig"
require "ripper"

RSpec.describe "require \"safe_pointer\"" do
  # With prism, as Ruby has it since 3.4, files may load that yard and others cannot read.
  it "loads files that Ruby's older parser takes" do
    files = Dir[File.expand_path("../../lib/**/*.rb", __dir__)]
    expect(files).to include end_with("/lib/safe_pointer.rb")
    expect(files.reject { |file| Ripper.sexp(File.read(file, encoding: "UTF-8")) }).to be_empty
  end

  it "says on which Ruby it runs, on any other one" do
    child = run_ruby(<<~RUBY)
      $LOADED_FEATURES.reject! { |path| path.end_with?("/safe_pointer/extension.rb") }
      Object.send(:remove_const, :RUBY_ENGINE)
      RUBY_ENGINE = "other"
      begin
        require "safe_pointer/extension"
      rescue LoadError => error
        events << error.message
      end
    RUBY
    expect(child.events).to eq [
      "safe_pointer runs on CRuby only, as its extension is made for that. This is other."
    ]
  end

  # Other threads go on while the gem is loaded.
  it "lets another thread fork at every moment" do
    program = <<~'RUBY'
      require "ffi"
      require "support/interleavings"

      # Whether Ruby calls something of ours when it forks.
      def hooked?
        Process.singleton_class.ancestors.any? { |ancestor| ancestor.name.to_s.start_with?("SafePointer") }
      end

      loading = Thread.current
      statuses = []
      trace = TracePoint.new(:line, :c_call, :c_return) do
        next unless Thread.current.equal?(loading) && hooked?

        Interleavings.elsewhere { statuses << Process.wait2(fork { exit!(7) }).last.exitstatus }
        trace.disable if statuses.size == 20
      end
      trace.enable { require "safe_pointer" }
      p statuses.uniq
    RUBY
    path = $LOAD_PATH.flat_map { |directory| ["-I", directory] }
    output, status = Open3.capture2e(RbConfig.ruby, *path, "-e", program)
    expect([output, status.success?]).to eq ["[7]\n", true]
  end
end
