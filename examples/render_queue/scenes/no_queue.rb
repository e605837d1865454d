# frozen_string_literal: true

# What is collected is released on the thread that happens to run.

require_relative "../renderer"

Renderer.run
