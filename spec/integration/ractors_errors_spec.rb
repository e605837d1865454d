# frozen_string_literal: true

require_relative "../support/ractors"

# Where errors of releases go.
RSpec.describe "in a Ractor," do
  include Ractors

  it "an error of free comes to the caller" do
    child = run_in_ractor(<<~RUBY)
      pointer = SafePointer.new(Oracle.create, ->(_) { raise IOError, "refused" })
      begin
        pointer.free
      rescue IOError => error
        [error.message, pointer.free, pointer.freed?]
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [["refused", nil, true]])
  end

  # What the main Ractor prepares, and what comes of an error that nobody called for.
  {
    "is a warning" => [
      "",
      {
        events: [true],
        stderr: /\Asafe_pointer: release of SafePointer \S+ by a block at \S+ after its last lease raised .*: refused \(.*\)\n\z/
      }
    ],
    "goes to on_release_error if the handler is shareable" => [
      <<~RUBY,
        # Its self must be shareable, too.
        handler = nil.instance_eval do
          ->(error, info) { Oracle.free(Oracle.create(error.message + info[:trigger].name)) }
        end
        SafePointer.on_release_error(&Ractor.make_shareable(handler))
      RUBY
      {quiet?: true, events: [%i[released refusedlease], true]}
    ],
    "is a warning if the handler is not shareable" => [
      "SafePointer.on_release_error { |*| events << :handler }",
      {events: [true], stderr: /after its last lease raised IOError: refused/}
    ]
  }.each do |what, (preparation, attributes)|
    it "an error of a release nobody called for #{what}" do
      child = run_in_ractor(<<~RUBY, preparation)
        pointer = SafePointer.new(Oracle.create, ->(_) { raise IOError, "refused" })
        pointer.use { pointer.free }
        pointer.freed?
      RUBY
      expect(child).to have_attributes(attributes)
    end
  end

  it "an error at exit of what is left is reported once" do
    child = run_in_ractor("Ractor.current[:kept] = SafePointer.new(Oracle.create, ->(_) { raise 'refused' }); :done")
    expect(child).to have_attributes(events: [:done], exitstatus: 0)
    expect(child.stderr.scan("at exit raised RuntimeError: refused").size).to be 1
  end

  it "a raise out of the Ractor leaves its pointers to GC and exit" do
    child = run_ruby(<<~RUBY)
      Warning[:experimental] = false
      ractor = Ractor.new do
        Thread.current.report_on_exception = false
        pointer = Handle.new(Oracle.create(:raised))
        pointer.use { raise IOError }
      end
      begin
        ractor.value
      rescue Ractor::RemoteError => error
        events << error.cause.class
      end
    RUBY
    expect(child).to have_attributes(quiet?: true, events: [IOError, %i[released raised]])
  end
end
