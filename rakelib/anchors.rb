# frozen_string_literal: true

# The names under which GitHub links to headings.
module Anchors
  module_function

  # Small letters, no punctuation, hyphens for spaces.
  def of(heading)
    heading.strip.downcase.gsub(/[^\p{Alnum}_ -]/, "").tr(" ", "-")
  end

  def in_markdown(text)
    text.gsub(/^```.*?^```/m, "").scan(/^#+ (.+)/).flatten.map { |heading| of(heading) }
  end
end
