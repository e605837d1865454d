# frozen_string_literal: true

require "rbs"
require "rbs/test"
require "safe_pointer"
require "tempfile"

# The signatures in sig/, with as much of ffi's as they need.
module Signatures
  DIRECTORIES = [File.expand_path("../../sig", __dir__), File.expand_path("ffi", __dir__)].freeze

  module_function

  def environment
    @environment ||= begin
      loader = RBS::EnvironmentLoader.new
      DIRECTORIES.each { |directory| loader.add(path: Pathname(directory)) }
      RBS::Environment.from_loader(loader).resolve_type_names
    end
  end

  def builder
    @builder ||= RBS::DefinitionBuilder.new(env: environment)
  end

  # The classes and modules of the library.
  def type_names
    environment.class_decls.keys.select { |name| name.to_s.match?(/\A::SafePointer(?:::|\z)/) }
  end

  # What stands between RBS::Test's hooks and its checks.
  module Check
    # The methods of which a call has been checked, also in forked processes.
    CHECKED = Tempfile.create("checked", mode: File::APPEND)

    # A call that raises may be one that no signature allows: that is what it raises for.
    def call(_receiver, trace)
      return if trace.method_call.exception?

      super.tap { CHECKED.syswrite("#{self_class} #{trace.method_name}\n") }
    end
  end

  # Has each call of a method that has a signature checked: what it is given, what it yields and what it returns. What
  # is raised where one does not fit is no StandardError, so that nothing rescues it.
  def enforce
    RBS.logger_level = "error"
    RBS::Test::Tester::MethodCallTester.prepend(Check)
    tester = RBS::Test::Tester.new(env: environment)
    type_names.map(&:to_s).select { |name| Object.const_defined?(name) }.each do |name|
      tester.install!(Object.const_get(name), sample_size: 100, unchecked_classes: [])
    end
    @watched = tester.instance_testers.merge(tester.singleton_testers.transform_keys(&:singleton_class))
  end

  # The methods of which no call has been checked yet, but for those that do nothing but raise.
  def unchecked
    watched = @watched.flat_map { |owner, (_, names)| (names - %i[dup clone]).map { |name| "#{owner} #{name}" } }
    watched - File.readlines(Check::CHECKED, chomp: true)
  end
end
