# frozen_string_literal: true

require "fileutils"
require "open3"
require "rbconfig"
require "tmpdir"
require "yaml"

# With a library of a few lines, some of which do not run.
RSpec.describe "what bin/coverage prints" do
  around { |example| Dir.mktmpdir { |directory| @root = directory and example.run } }

  before do
    FileUtils.mkdir_p(%w[lib ext one/ruby other/ruby].map { |name| File.join(@root, name) })
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
    write("ext/planted.rs", "fn planted() {\n    never();\n    // Here.\n    always();\n    never();\n    ends();\n}\n")
    write("one/rust.lcov", <<~LCOV)
      SF:ext/planted.rs
      DA:1,1
      DA:2,0
      DA:5,0
      DA:6,2
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

  def record(source, directory = "one")
    environment = {
      "COVERAGE_OF" => "#{@root}/", "COVERAGE_IN" => "#{@root}/#{directory}/ruby",
      "RUBYLIB" => File.join(__dir__, "first"), "RUBYOPT" => nil
    }
    ruby("-r", "#{@root}/lib/planted", "-e", source, environment: environment)
  end

  def report(*arguments)
    ruby(File.join(__dir__, "report.rb"), @root, "#{@root}/one", *arguments)
  end

  it "has the lines that no process has run, and no others" do
    record("runs; Process.wait(fork { runs_in_fork })")
    expect(report).to eq <<~TEXT

      Ruby: 55.6 % of 9 lines have run. 4 have not:
        0.0 %  lib/never_loaded.rb  1-2
       71.4 %  lib/planted.rb  10-11

      Rust: 50.0 % of 4 lines have run. 2 have not:
       50.0 %  ext/planted.rs  2-5
    TEXT
  end

  it "puts together what several have run" do
    record("runs")
    record("never")
    expect(report).to include("lib/planted.rb  6\n")
  end

  it "puts together what several Rubies have run" do
    record("runs")
    record("never", "other")
    write("other/rust.lcov", "SF:ext/planted.rs\nDA:2,1\nDA:7,0\nend_of_record\n")
    expect(report("#{@root}/other")).to include("lib/planted.rb  6\n", "60.0 %  ext/planted.rs  5, 7\n")
  end

  ["exit!", "Process.exit!", "Kernel.exit!(0)", "at_exit { exit! }"].each do |ending|
    it "counts what a process has run that ends by #{ending}" do
      record("never; Process.wait(fork { runs; #{ending} })")
      expect(report).to include("lib/planted.rb  6\n")
    end
  end

  it "counts what a finalizer runs at the end of the process, and one that it defines there" do
    record(<<~RUBY)
      runs
      another = proc { runs_in_fork }
      ObjectSpace.define_finalizer(KEPT = Object.new, proc { never; ObjectSpace.define_finalizer(Object.new, another) })
    RUBY
    expect(report).not_to include("planted.rb")
  end

  it "is an error where nothing was recorded" do
    expect { report }.to raise_error(/Nothing was run of Ruby/)
  end

  context "when it is compared with a list" do
    before { record("runs; runs_in_fork") }

    # What need not run of the files above.
    def list
      {
        "lib/never_loaded.rb" => [{ "first" => "def never_loaded", "last" => "end", "reason" => "planted" }],
        "lib/planted.rb" => [{ "line" => "first = 1", "reason" => "one" }, { "line" => "first + 1", "reason" => "two" }],
        "ext/planted.rs" => [{ "line" => "never();", "reason" => "one" }, { "line" => "never();", "reason" => "other" }]
      }
    end

    def compare(list)
      write("list.yml", list.to_yaml)
      report("--check=#{@root}/list.yml")
    end

    it "ends well where that has all, each line of the same text by itself" do
      expect(compare(list)).to end_with("That is what #{@root}/list.yml has.\n")
    end

    it "fails with a line that is not on it" do
      expect { compare(list.merge("lib/planted.rb" => list["lib/planted.rb"].take(1))) }
        .to raise_error(%r{differs:\nlib/planted.rb:11 has not run: first \+ 1\n\z})
      expect { compare(list.merge("ext/planted.rs" => list["ext/planted.rs"].take(1))) }
        .to raise_error(%r{differs:\next/planted.rs:5 has not run: never\(\);\n\z})
    end

    it "fails with an entry that is not needed, unless it runs by chance" do
      entry = { "line" => "ends();", "reason" => "planted" }
      expect { compare(list.merge("ext/planted.rs" => [*list["ext/planted.rs"], entry])) }
        .to raise_error(%r{differs:\next/planted.rs: ends\(\); has run, so it need not be listed.\n\z})
      by_chance = entry.merge("sometimes" => true)
      expect(compare(list.merge("ext/planted.rs" => [*list["ext/planted.rs"], by_chance]))).to include("That is what")
    end

    it "fails with an entry that has no reason, or that no line has" do
      list["lib/planted.rb"].first.then do |entry|
        expect { compare(list.merge("lib/planted.rb" => [entry.merge("reason" => ""), list["lib/planted.rb"].last])) }
          .to raise_error(/first = 1 has no reason/)
      end
      gone = { "line" => "gone", "reason" => "planted", "sometimes" => true }
      expect { compare(list.merge("lib/planted.rb" => [*list["lib/planted.rb"], gone])) }
        .to raise_error(%r{lib/planted.rb: gone is not there})
      expect { compare(list.merge("lib/gone.rb" => [gone])) }.to raise_error(%r{lib/gone.rb has no lines that can run})
    end
  end
end
