# frozen_string_literal: true

# The blocks of code in the documents of the repository, pictures left out.
module CodeBlocks
  ROOT = File.expand_path("../..", __dir__)
  FILES = ["README.md", *Dir["docs/*.md", base: ROOT].sort].freeze

  # `line` is that of its first line of code; `nth` counts blocks with the same one under a heading. `printed` is the
  # block of text behind a shell block, which is what that prints.
  Block = Struct.new(:file, :heading, :line, :language, :code, :nth, :printed) do
    def first_line
      code.lines(chomp: true).first
    end

    def to_s
      "#{file}:#{line}, `#{first_line}`"
    end
  end

  module_function

  def all
    counts = Hash.new(-1)
    FILES.flat_map { |file| with_output(in_file(file) - pictures(file)) }.each do |block|
      block.nth = counts[[block.file, block.heading, block.first_line]] += 1
    end
  end

  def pictures(file)
    in_file(file).select { |block| block.language == "mermaid" }
  end

  def with_output(blocks)
    blocks.each_with_object([]) do |block, others|
      next others << block unless block.language == "text"

      shell = others.last
      unless shell && shell.language == "sh" && shell.heading == block.heading && shell.printed.nil?
        raise "#{block}: there is no shell block before it that could have printed this"
      end

      shell.printed = block.code
    end
  end

  def in_file(file)
    heading = nil
    block = nil
    File.readlines(File.join(ROOT, file)).each.with_index(1).with_object([]) do |(line, number), blocks|
      if block
        line.start_with?("```") ? block = nil : block.code << line
      elsif line.start_with?("```")
        blocks << block = Block.new(file, heading, number + 1, line.delete_prefix("```").chomp, +"")
      else
        heading = line[/\A#+ (.+)/, 1] || heading
      end
    end
  end
end
