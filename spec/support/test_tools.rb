# frozen_string_literal: true

require "minitest/mock"
require "rspec/mocks"

# The ways in which test tools and instrumentation put something in the place of a method, and take it off again. Each
# takes the object whose method it is and its name, runs the given double in its place while `during` runs, and leaves
# the method as it was. The double gets a callable that calls the original, and the arguments.
#
# Those that stub the methods of all instances of a class take the class as `object`, and are in CLASS_WIDE.
module TestTools
  # Tools whose doubles count as no release.
  DOUBLES = {
    "rspec-mocks" => lambda { |object, name, double, during|
      TestTools.with_rspec { allow(object).to(receive(name).and_wrap_original(&double)) and during.call }
    },
    "minitest" => lambda { |object, name, double, during|
      original = object.method(name)
      object.stub(name, ->(*arguments) { double.call(original, *arguments) }) { during.call }
    },
    "mocha" => lambda { |object, name, double, during|
      TestTools.mocha(object.singleton_class, name, double, during)
    }
  }.freeze

  CLASS_WIDE_DOUBLES = {
    "rspec-mocks" => lambda { |type, name, double, during|
      TestTools.with_rspec do
        allow_any_instance_of(type).to(receive(name).and_wrap_original { |original, _, *rest| double.call(original, *rest) })
        during.call
      end
    },
    "mocha" => ->(type, name, double, during) { TestTools.mocha(type, name, double, during) }
  }.freeze

  # By hand. Each takes the class or singleton class that has the method.
  WRAPPERS = {
    "an alias chain" => lambda { |owner, name, double, during|
      owner.alias_method(:original, name)
      owner.define_method(name) { |*arguments| double.call(method(:original), *arguments) }
      during.call
      owner.alias_method(name, :original)
      owner.remove_method(:original)
    },
    "a method that is put back" => lambda { |owner, name, double, during|
      original = owner.instance_method(name)
      owner.define_method(name) { |*arguments| double.call(original.bind(self), *arguments) }
      during.call
      owner.define_method(name, original)
    },
    "a method that is removed first, and put back" => lambda { |owner, name, double, during|
      original = owner.instance_method(name)
      owner.remove_method(name)
      owner.define_method(name) { |*arguments| double.call(original.bind(self), *arguments) }
      during.call
      owner.remove_method(name)
      owner.define_method(name, original)
    },
    "a method that is undefined first, and put back" => lambda { |owner, name, double, during|
      original = owner.instance_method(name)
      owner.undef_method(name)
      owner.define_method(name) { |*arguments| double.call(original.bind(self), *arguments) }
      during.call
      owner.undef_method(name)
      owner.define_method(name, original)
    },
    "a prepended module that loses it" => lambda { |owner, name, double, during|
      wrapper = Module.new do
        define_method(name) { |*arguments| double.call(->(*rest) { super(*rest) }, *arguments) }
      end
      owner.prepend(wrapper)
      during.call
      wrapper.remove_method(name)
    }
  }.freeze

  module_function

  # As mocha's stubbed methods are made, in files of this name.
  def mocha(owner, name, double, during)
    stub = Module.new
    owner.prepend(stub)
    TOPLEVEL_BINDING.eval(<<~RUBY, "lib/mocha/stubbed_method.rb").call(stub, name, double)
      lambda do |stub, name, double|
        stub.define_method(name) { |*arguments| double.call(->(*rest) { super(*rest) }, *arguments) }
      end
    RUBY
    during.call
    stub.remove_method(name)
  end

  def with_rspec(&block)
    RSpec::Mocks.with_temporary_scope do
      Object.new.extend(RSpec::Mocks::ExampleMethods).instance_exec(&block)
    end
  end
end
