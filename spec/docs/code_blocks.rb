# frozen_string_literal: true

# The blocks of code in the documents of the repository.
module CodeBlocks
  ROOT = File.expand_path("../..", __dir__)
  FILES = ["README.md", *Dir["docs/*.md", base: ROOT].sort].freeze

  # `line` is that of its first line of code; `nth` counts blocks with the same one under a heading.
  Block = Struct.new(:file, :heading, :line, :language, :code, :nth) do
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
    FILES.flat_map { |file| in_file(file) }.each do |block|
      block.nth = counts[[block.file, block.heading, block.first_line]] += 1
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
