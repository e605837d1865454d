# frozen_string_literal: true

class SafePointer
  # Calls back after objects have been collected, with a value that was kept for each: the FinalizationRegistry of
  # ECMAScript (https://tc39.es/ecma262/#sec-finalization-registry-objects) for Ruby.
  #
  # Callbacks run from a release queue, one after another and never inside GC, nor inside each other. A registry
  # keeps neither its targets nor its tokens alive, and nothing keeps a registry alive: one that is gone, or goes
  # together with its targets, calls nobody back. At the end of the process it calls back for what has been
  # collected, and not for what is still alive.
  #
  # @example
  #   registry = SafePointer::FinalizationRegistry.new { |path| File.delete(path) }
  #   registry.register(document, document.scratch_path)
  class FinalizationRegistry
    SAME = BasicObject.instance_method(:equal?)
    private_constant :SAME

    # What is kept for one target.
    #
    # @private
    Record = Struct.new(:held, :token_id)
    private_constant :Record

    # Leads to a registry without keeping it alive.
    #
    # @api private
    class Link
      def initialize(registry)
        # Remembered, as the finalizer may run in another Ractor.
        @map = SafePointer.send(:weak_map)
        @map[self] = registry
      end

      def registry
        @map[self]
      end
    end
    private_constant :Link

    # The finalizer of a target. It must hold neither the target nor, as Ruby holds finalizers for as long as their
    # targets live, the registry.
    #
    # @api private
    class Notice
      def initialize(link)
        @link = link
      end

      # At the end of the process Ruby calls the finalizers of what is still alive, and the main thread counts as dead.
      def call(_object_id)
        return unless Thread.main.alive?

        # Where its finalizers have been undefined, something else may be in its place.
        registry = @link.registry
        registry.send(:enqueue, self) if FinalizationRegistry === registry
      end
    end
    private_constant :Notice

    # Of all registries that are given none. Made here, as of two there would be two threads.
    @shared_queue = ReleaseQueue.new
    @worker = ReleaseQueue.const_get(:Worker).new(@shared_queue)

    class << self
      private

      # Its thread lets callbacks that have no end, as each registers something that dies at once, starve nobody.
      def shared_queue
        @worker.start
        @shared_queue
      end
    end

    # @param queue [SafePointer::ReleaseQueue, nil] whose {ReleaseQueue#drain} calls back; without one it is a thread
    #   that all such registries share
    # @yieldparam held [Object] what was given to {#register}
    # @raise [ArgumentError] if there is no block
    # @raise [TypeError] if `queue` is no queue
    def initialize(queue: nil, &callback)
      raise ArgumentError, "#{self.class}.new: needs a block" unless callback
      unless queue.nil? || queue.is_a?(ReleaseQueue)
        raise TypeError, "#{self.class}.new: queue must be a SafePointer::ReleaseQueue, not #{queue.inspect}"
      end

      @callback = callback
      @queue = queue || FinalizationRegistry.send(:shared_queue)
      @link = Link.new(self)
      @records = {}.compare_by_identity
    end

    # Has the block called with `held` when `target` has been collected. A target may be registered more than once.
    #
    # @param target [Object] not kept alive
    # @param held [Object] kept alive until the callback, or as long as the registry lives
    # @param token [Object, nil] what {#unregister} finds it by, the target itself for instance; not kept alive
    # @raise [TypeError] if `held` is the target, or Ruby allows the target no finalizer (as it is frozen, or no
    #   object of its own, like an Integer), or the token is no object of its own
    # @return [nil]
    def register(target, held, token = nil)
      if SAME.bind_call(target, held)
        raise TypeError, "#{self.class}#register: #{target.inspect} cannot be held for itself"
      end

      notice = Notice.new(@link)
      @records[notice] = Record.new(held, nil.equal?(token) ? nil : id_of(token, :register))
      begin
        ObjectSpace.define_finalizer(target, notice)
      rescue ArgumentError, FrozenError
        @records.delete(notice)
        raise TypeError, "#{self.class}#register: #{target.inspect} cannot be a target"
      end
      nil
    end

    # Forgets all that was registered with `token`.
    #
    # @return [Boolean] whether there was anything
    # @raise [TypeError] if `token` is no object of its own
    def unregister(token)
      id = id_of(token, :unregister)
      # Of a copy: other threads and callbacks may register meanwhile.
      found = @records.to_a.select { |_, record| record.token_id == id }
      found.count { |notice, _| @records.delete(notice) }.positive?
    end

    # @return [String]
    def inspect
      "#<#{self.class} size=#{@records&.size.to_i}>"
    end

    private

    # Ruby never gives an id to a second object, so it stands for a token without keeping it alive.
    def id_of(token, method)
      case token
      when nil, true, false, Numeric, Symbol
        raise TypeError, "#{self.class}##{method}: #{token.inspect} cannot be a token"
      else token.__id__
      end
    end

    # The job holds the registry until it is done.
    def enqueue(notice)
      @queue.send(:push, Releaser.send(:job, self) { call_back(notice) }) if @records.key?(notice)
    end

    # Until now it could be unregistered.
    def call_back(notice)
      record = @records.delete(notice)
      @callback.call(record.held) if record
    end
  end
end
