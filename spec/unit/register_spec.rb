# frozen_string_literal: true

# Where releasers are kept while their pointers are alive, in pages that are never let go of.
RSpec.describe "the register of releasers" do
  def pages = ObjectSpace.each_object(SafePointer.const_get(:Page)).count

  def make(count) = Array.new(count) { Handle.new(Oracle.create) }

  ways = {
    "freed" => -> { make(80).each(&:free) },
    "freed by a free of its own" => -> { make(80).each { |handle| handle.define_singleton_method(:free) { super() } }.each(&:free) },
    "collected" => -> {
      out_of_reach { make(80) }
      full_gc
    },
    "detached and collected" => -> {
      out_of_reach { make(80).each { |handle| Oracle.free(handle.detach) } }
      full_gc
    }
  }

  ways.each do |way, use_up|
    it "gives the place of a pointer that was #{way} to the next one" do
      full_gc
      instance_exec(&use_up)
      expect { 4.times { instance_exec(&use_up) } }.not_to(change { pages })
    end
  end
end
