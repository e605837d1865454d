# frozen_string_literal: true

require_relative "gem_program"

# What is expected of a gem that a program makes hundreds of objects with, of these kinds. `run_program` runs it, with
# FFI::AutoPointer replaced when its argument says. `counted` names something of which there is much more while it is
# busy: nil, if the gem keeps its objects to the end.
RSpec.shared_examples "a gem that uses FFI::AutoPointer" do |kinds:, counted:, stdout: "", stderr: ""|
  {
    "never" => "as ffi has it",
    "before" => "replaced before the gem is loaded",
    "after" => "replaced when the gem has pointers"
  }.each do |replaced, words|
    context "with FFI::AutoPointer #{words}" do
      before(:context) { @program = run_program(replaced) }

      before { skip "the gem is not installed for Ruby #{RUBY_VERSION}" if @program.not_installed? }

      it "does its work and ends normally, with nothing to say" do
        expect(@program).to have_attributes(
          exitstatus: 0, stdout: match(/\A#{stdout}\z/), stderr: match(/\A#{stderr}\z/)
        )
      end

      it "releases each object once" do
        expect(@program).to have_attributes(unreleased: [], released_in_excess: [])
        expect(@program.made).to include(kinds.to_h { |kind| [kind, be >= 100] })
      end

      if counted
        it "has as many objects alive as at the start" do
          start, busy, back = %i[start busy back].map { |time| @program.account(time) }
          expect(busy[counted] - start[counted]).to be >= 100
          expect(back).to eq start
        end
      end
    end
  end
end
