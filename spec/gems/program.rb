# frozen_string_literal: true

require "ffi"

# What the programs of this directory have in common. Each is a user of one gem and runs in an interpreter of its own;
# its first argument says when FFI::AutoPointer is replaced: never, before the gem is loaded, or after that.
module Program
  # Not closed at exit: some releases come late.
  EVENTS = IO.for_fd(Integer(ENV.fetch("EVENTS_FD")), "w", autoclose: false)
  private_constant :EVENTS

  @kept = []

  class << self
    # Loads the gem and has `user` do its jobs, each of them `rounds` times and one more time before and after. Half of
    # the objects live on for a while; the first are there when the replacement comes after the gem, and the last when
    # the process ends.
    def run(feature, user, rounds:)
      replace if ARGV[0] == "before"
      load_gem(feature)
      user.prepare
      keep_one_of_each(user)
      replace if ARGV[0] == "after"
      let_go
      account(:start, user)
      rounds.times { |round| do_jobs(user, round) }
      account(:busy, user)
      let_go
      account(:back, user)
      keep_one_of_each(user)
    end

    # Tells the spec. One write an event, so that nothing is lost at exit.
    def tell(event)
      EVENTS.syswrite("=#{[Marshal.dump(event)].pack("m0")}\n")
    end

    def check(expected, actual)
      expected == actual or raise "expected #{expected.inspect}, got #{actual.inspect}"
    end

    private

    def replace
      require "safe_pointer/auto_pointer"
    end

    def load_gem(feature)
      require feature
      # Every warning counts from here.
      $VERBOSE = true
    rescue LoadError => error
      raise unless error.path == feature

      tell(:not_installed)
      exit
    end

    # Collects garbage all the time: after each job, and once for each job at every allocation in it.
    def do_jobs(user, round)
      user.jobs.each_with_index do |job, index|
        stressed = round == index
        out_of_reach { under_stress(stressed) { keep(user.public_send(job, round), round) } }
        GC.start(full_mark: stressed)
      end
    end

    # No major collections: they take a hundred times as long.
    def under_stress(wanted)
      GC.stress = 0x01 if wanted
      yield
    ensure
      GC.stress = false
    end

    def keep(object, round)
      @kept << object if round.even?
    end

    def keep_one_of_each(user)
      user.jobs.each { |job| out_of_reach { keep(user.public_send(job, 0), 0) } }
    end

    # On a stack that is gone afterwards: the collector looks for references on all there are.
    def out_of_reach(&block)
      thread = Thread.new { block.call && nil }
      thread.report_on_exception = false
      thread.join
    end

    def let_go
      @kept.clear
      3.times { GC.start }
    end

    def account(time, user)
      tell([time, {pointers: ObjectSpace.each_object(FFI::AutoPointer).count, **user.account}])
    end
  end
end
