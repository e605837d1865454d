# frozen_string_literal: true

require_relative "objects"

# Objects of every kind, as one family:
#
#   instance
#   `-- device
#       |-- command pool
#       |   `-- command buffers, freed by the pool
#       |-- memory
#       |   `-- buffers
#       `-- fences
#
module Family
  KINDS = %i[instance device pool command_buffers memory buffers fences].freeze

  module_function

  # By kind, parents before their children.
  def create
    instance = Instance.new
    { instance: [instance], **create_device(instance) }
  end

  # The same, of an instance that becomes a pointer after all the others.
  def create_late
    raw = Vulkan.create_instance
    family = create_device(raw, parent: nil)
    instance = Instance.new(raw)
    Stage.adopt(instance, *family[:device])
    { instance: [instance], **family }
  end

  def create_device(instance, **options)
    device = Device.new(instance, **options)
    pool = CommandPool.new(device)
    buffers = Array.new(2) { Buffer.new(device) }
    {
      device: [device],
      pool: [pool],
      command_buffers: CommandBuffer.allocate_from(pool, device, 2),
      memory: [Memory.new(device, buffers)],
      buffers: buffers,
      fences: Array.new(2) { Fence.new(device) }
    }
  end

  # Frees the kinds in this order, and looks whether that was all.
  def free(family, order)
    objects = family.values_at(*order).flatten
    objects.each(&:free)
    Ledger.check objects.all?(&:freed?), "all freed", "something is left" if objects.first.respond_to?(:freed?)
  end
end
