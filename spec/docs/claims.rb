# frozen_string_literal: true

# What a block of Ruby code claims in its comments: `# => value` behind an expression, which is what it comes to, and
# `# raises Error` behind one that does. Both take a whole line.
module Claims
  VALUE = /\A(?<code>.*\S)\s+# => (?<claim>.+)$/
  ERROR = /\A(?<code>.*\S)\s+# raises (?<claim>\S+)$/
  @kept = 0

  module_function

  # The code with a check in the place of each claim, line by line.
  def enforced(block)
    block.code.lines.map.with_index(block.line) { |line, number| check(line, "#{block.file}:#{number}") }.join
  end

  def count(code)
    code.lines.count { |line| line.match?(VALUE) || line.match?(ERROR) }
  end

  # Called by checked code.
  def same(place, actual, expected)
    raise "#{place}: #{actual.inspect}, not #{expected.inspect}" unless actual == expected

    @kept += 1
    actual
  end

  # Likewise.
  def raises(place, error)
    yield
  rescue error
    @kept += 1
  else
    raise "#{place}: raises no #{error}"
  end

  # A claim that nobody has come to is not kept either.
  def all_kept(count)
    raise "#{@kept} of #{count} claims have been kept" unless @kept == count
  end

  def check(line, place)
    case line
    when VALUE then "Claims.same(#{place.dump}, (#{whole($~, place)}), (#{$~[:claim]}))\n"
    when ERROR then "Claims.raises(#{place.dump}, #{$~[:claim]}) { #{whole($~, place)} }\n"
    else line
    end
  end

  def whole(match, place)
    RubyVM::InstructionSequence.compile(match[:code])
    match[:code].strip
  rescue SyntaxError
    raise "#{place}: a claim must be about all of its line"
  end
end
