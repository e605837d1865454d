# frozen_string_literal: true

module Fuzz
  module Torture
    # Where the tables of a Ruby are, between a comment that names it and the next comment.
    class Document
      PATH = File.expand_path("../../../docs/torture.md", __dir__)
      # Has the first table of one Ruby.
      README = File.expand_path("../../../README.md", __dir__)
      TABLE = /<!-- ruby(?<version>\S+) -->\n.*?<!-- end -->/m

      def initialize(text)
        @text = text
      end

      def place_for?(version) = @text.include?("<!-- ruby#{version} -->\n")

      # With the table in the place of the one that is there.
      def insert(version, table)
        found = false
        text = @text.gsub(TABLE) do |old|
          next old unless $~[:version] == version

          found = true
          "<!-- ruby#{version} -->\n\n#{table.strip}\n\n<!-- end -->"
        end
        found ? text : abort("There is no place for a table of Ruby #{version}.")
      end
    end
  end
end
