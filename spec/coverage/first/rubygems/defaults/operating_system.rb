# frozen_string_literal: true

# RubyGems requires the first file of this name, before Ruby requires what it is given with -r: what is loaded there is
# recorded, too.
require_relative "../../../record"

others = $LOAD_PATH.map { |directory| File.join(directory, "rubygems/defaults/operating_system.rb") } - [__FILE__]
other = others.find { |file| File.exist?(file) }
require other if other
