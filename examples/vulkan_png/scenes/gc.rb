# frozen_string_literal: true

# Draws a picture into the file that PICTURE names, and forgets it. Nothing is freed
# by hand.

require_relative "../picture"
require_relative "../png"

Stage.forgetting do
  pixels = Picture.new.render
  ObjectSpace.each_object(VulkanObject).each { |object| Ledger.good object.class.name }
  File.binwrite(ENV.fetch("PICTURE"), PNG.encode(Picture::WIDTH, Picture::HEIGHT, pixels))
end
Stage.collect(VulkanObject)
Ledger.expect_none_left
