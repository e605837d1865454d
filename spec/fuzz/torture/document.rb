# frozen_string_literal: true

module Fuzz
  module Torture
    # The tables in docs/torture.md, each between a comment that names the Ruby and the next comment.
    class Document
      PATH = File.expand_path("../../../docs/torture.md", __dir__)
      TABLE = /<!-- ruby(?<version>\S+) -->\n.*?<!-- end -->/m

      def initialize(text)
        @text = text
      end

      # With the table in the place of the one that is there.
      def insert(version, table)
        found = false
        text = @text.gsub(TABLE) do |old|
          next old unless $~[:version] == version

          found = true
          "<!-- ruby#{version} -->\n\n#{table.strip}\n\n<!-- end -->"
        end
        found ? text : abort("#{PATH} has no place for Ruby #{version}.")
      end
    end
  end
end
