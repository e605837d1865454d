# frozen_string_literal: true

require_relative "../support/interleavings"

# While one thread does something with a class of pointers, another one changes the class, at each moment at which Ruby
# may let it.
RSpec.describe "while one thread" do
  # A class of which nothing is known yet.
  def fresh
    Class.new(SafePointer) { def self.release(raw) = Oracle.free(raw) }
  end

  # What another thread makes of the class, and what is logged of a pointer that is made afterwards and freed.
  changes = {
    "defines its release anew" => [lambda { |type|
      type.define_singleton_method(:release) do |raw|
        Events.current << :anew
        Oracle.free(raw)
      end
    }, ->(pointer) { pointer.free }, [:anew, :released]],
    "undefines its release for a C function" => [lambda { |type|
      type.release_with(Oracle, :free)
    }, ->(pointer) { pointer.free }, [:released]],
    "defines a free" => [lambda { |type|
      type.class_eval { def free = Oracle.free(self) }
    }, ->(pointer) { pointer.free }, [:released]],
    "gives it another name for free" => [lambda { |type|
      type.class_eval { def close = Oracle.free(self) }
      type.frees_with :close
    }, ->(pointer) { pointer.close }, [:released]],
    "defines what reads @releaser" => [lambda { |type|
      type.class_eval { def autoreleased = @releaser.autorelease }
    }, ->(pointer) { pointer.autoreleased && pointer.free }, [:released]]
  }

  changes.each do |what, (change, release, expected)|
    it "makes the first pointer of a class, another one #{what}, and the next pointers have that" do
      log = in_child do |events|
        Interleavings.each_moment do |moment|
          type = fresh
          first = moment.during(-> { type.new(events.raw) }) { change.call(type) }
          change.call(type) unless moment.come?
          first.free
          events << :next
          pointer = type.new(events.raw)
          release.call(pointer)
          events << [pointer.free, pointer.freed?, pointer.null?]
        end
      end
      # The first was made before the change or after it.
      expect(log.count(:released)).to eq log.count(:next) * 2
      logs = log.slice_when { |event, _| event.is_a?(Array) }
      expect(logs.map { |one| one.drop_while { |event| event != :next } }.uniq).to eq [[:next, *expected, [nil, true, true]]]
    end
  end

  it "declares another name for free, another one does, and both count" do
    log = in_child do |events|
      Interleavings.each_moment do |moment|
        type = fresh
        moment.during(-> { type.frees_with :close }) { type.frees_with :shut }
        type.frees_with :shut unless moment.come?
        type.class_eval do
          def close = Oracle.free(self)
          def shut = Oracle.free(self)
        end
        %i[close shut].each do |name|
          pointer = type.new(events.raw)
          pointer.public_send(name)
          events << name unless pointer.freed?
        end
      end
    end
    expect(log.uniq).to eq [:released]
  end

  it "defines a release with keywords, another one defines one without, and Ruby does not warn" do
    log = in_child do |events|
      Interleavings.each_moment do |moment|
        type = fresh
        plain = -> { type.define_singleton_method(:release) { |raw| Oracle.free(raw) } }
        moment.during(-> { type.define_singleton_method(:release) { |raw, **| Oracle.free(raw) } }, &plain)
        type.new(events.raw).free
      end
    end
    expect(log.uniq).to eq [:released]
  end

  it "gives a class another C function, another one makes and frees pointers" do
    log = in_child do |events|
      before = Oracle.created - Oracle.released
      type = fresh
      type.release_with(Oracle, :free)
      Interleavings.each_moment do |moment|
        made = 0
        use = lambda do
          type.new(events.raw).free
          made += 1
        end
        moment.during(-> { type.release_with(Oracle, :free) }, &use)
        use.call
        events << [:made, made] unless made == (moment.come? ? 2 : 1)
      end
      events << (Oracle.created - Oracle.released - before)
    end
    expect(log.uniq).to eq [:released, 0]
  end
end
