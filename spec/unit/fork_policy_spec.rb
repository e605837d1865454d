# frozen_string_literal: true

# How the policy is said and asked for. What it does: spec/integration/fork_spec.rb.
RSpec.describe "fork_policy" do
  [["a pointer class", SafePointer], ["a struct class", SafePointer::ManagedStruct]].each do |what, base|
    describe "of #{what}" do
      let(:type) { Class.new(base) }
      let(:subtype) { Class.new(type) }

      it "is :release unless it is said otherwise" do
        expect([type.fork_policy, subtype.fork_policy]).to eq %i[release release]
      end

      it "returns what it is set to" do
        expect([type.fork_policy(:discard), type.fork_policy]).to eq %i[discard discard]
      end

      it "goes for subclasses that do not say otherwise, and not for the superclass" do
        other = Class.new(type) { fork_policy :release }
        type.fork_policy :discard
        expect([subtype, other, base].map(&:fork_policy)).to eq %i[discard release release]
      end

      it "can be taken back" do
        type.fork_policy :discard
        type.fork_policy :release
        expect(subtype.fork_policy).to be :release
      end

      [:keep, "discard", true, false, 0, Object.new].each do |policy|
        it "refuses #{policy.class} #{policy.inspect[0, 9]}, and stays what it was" do
          type.fork_policy :discard
          expect { type.fork_policy(policy) }
            .to raise_error(ArgumentError, "#{type}.fork_policy: must be :release or :discard, not #{policy.inspect}")
          expect(type.fork_policy).to be :discard
        end
      end
    end
  end

  it "of SafePointer itself goes for every class that does not say otherwise" do
    log = in_child do |events|
      SafePointer.fork_policy :discard
      events << [Handle, Class.new(Handle), Class.new(Handle) { fork_policy :release }].map(&:fork_policy)
      SafePointer.fork_policy :release
      events << [SafePointer, Handle].map(&:fork_policy)
    end
    expect(log).to eq [%i[discard discard release], %i[release release]]
  end

  makers = {
    "SafePointer" => ->(raw, **options) { SafePointer.new(raw, Oracle.method(:free), **options) },
    "SafePointer::Releaser" => ->(raw, **options) { SafePointer::Releaser.new(raw, Oracle.method(:free), **options) }
  }

  makers.each do |name, make|
    it "given to #{name}.new must be one of the two" do
      log = in_child do |events|
        [:keep, "discard", true].each do |policy|
          make.call(events.raw, fork_policy: policy)
        rescue ArgumentError => e
          events << e.message
        end
      end
      expect(log).to eq [":keep", '"discard"', "true"].map { |policy|
        "#{name}.new: fork_policy must be :release or :discard, not #{policy}"
      }
    end

    it "given to #{name}.new as nil is none" do
      log = in_child do |events|
        events.sign(:parent)
        @kept = make.call(events.raw(:one), fork_policy: nil)
        @kept.free
      end
      expect(log).to eq [%i[released one parent]]
    end
  end
end
