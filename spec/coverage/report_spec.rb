# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "tmpdir"

# With a library of a few lines, some of which do not run.
RSpec.describe "what bin/coverage prints" do
  around { |example| Dir.mktmpdir { |directory| @root = directory and example.run } }

  before do
    FileUtils.mkdir_p(%w[lib runs].map { |name| File.join(@root, name) })
    write("lib/planted.rb", <<~RUBY)
      def runs
        :run
      end

      def runs_in_fork
        :run
      end

      def never
        first = 1
        first + 1
      end
    RUBY
    write("lib/never_loaded.rb", "def never_loaded\n  :run\nend\n")
    write("rust.lcov", <<~LCOV)
      SF:#{@root}/ext/planted.rs
      DA:3,1
      DA:4,0
      DA:6,0
      DA:7,2
      end_of_record
      SF:/elsewhere/other.rs
      DA:1,0
      end_of_record
    LCOV
  end

  def write(file, text)
    File.write(File.join(@root, file), text)
  end

  def ruby(*arguments, environment: {})
    output, status = Open3.capture2e(environment, RbConfig.ruby, *arguments)
    status.success? ? output : raise("#{status}: #{output}")
  end

  def record(source)
    environment = { "COVERAGE_OF" => "#{@root}/lib/", "COVERAGE_IN" => "#{@root}/runs", "RUBYOPT" => nil }
    ruby("-r", File.join(__dir__, "record"), "-r", "#{@root}/lib/planted", "-e", source, environment: environment)
  end

  def report
    ruby(File.join(__dir__, "report.rb"), @root, "#{@root}/runs", "#{@root}/rust.lcov")
  end

  it "has the lines that no process has run, and no others" do
    record("runs; Process.wait(fork { runs_in_fork })")
    expect(report).to eq <<~TEXT

      Ruby: 55.6 % of 9 lines have run. 4 have not:
        0.0 %  lib/never_loaded.rb  1-2
       71.4 %  lib/planted.rb  10-11

      Rust: 50.0 % of 4 lines have run. 2 have not:
       50.0 %  ext/planted.rs  4-6
    TEXT
  end

  it "puts together what several have run" do
    record("runs")
    record("never")
    expect(report).to include("lib/planted.rb  6\n")
  end

  it "is an error where nothing was recorded" do
    expect { report }.to raise_error(/Nothing was run of Ruby/)
  end
end
