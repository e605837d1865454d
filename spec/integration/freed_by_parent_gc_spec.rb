# frozen_string_literal: true

# A parent looks for the pointers that its release has destroyed too, while these
# may be garbage themselves.
RSpec.describe "Pointers freed by their parent, all garbage together" do
  it "are left alone by the parent's release where the collector has been there before" do
    child = run_ruby(<<~RUBY)
      NOTHING = ->(_) {} # outside: it would keep the parent alive there
      GC.stress = 1
      out_of_reach do
        5.times do
          parent = SafePointer.new(Oracle.create(:parent), Oracle.method(:free))
          2.times { SafePointer.new(FFI::Pointer.new(16), NOTHING, parent: parent, freed_by_parent: true) }
        end
      end
      3.times { GC.start }
    RUBY

    expect(child).to be_quiet, child.inspect
    expect(child.events).to eq([%i[released parent]] * 5)
  end
end
