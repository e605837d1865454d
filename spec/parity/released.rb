# frozen_string_literal: true

# What ffi does with a released pointer, or a struct over one, that it is given: as the source of a copy, as the memory
# of a struct, as the whole that a part is taken of. Most of it in C, which does not look at the address everywhere.
module Released
  class Inner < FFI::Struct
    layout :a, :int, :b, :int
  end

  class Choice < FFI::Union
    layout :inner, Inner, :number, :long
  end

  FIELDS = [
    :first, Inner, :second, Inner, :value, Inner.by_value, :choice, Choice, :items, [Inner, 2], :numbers, [:int, 2],
    :text, [:char, 8], :number, :int
  ].freeze

  class Outer < FFI::Struct
    layout(*FIELDS)
  end

  # Apart from the others: ffi crashes where a struct with such a field is copied before the field was written.
  class Reference < FFI::Struct
    layout :pointer, :pointer
  end

  # Each with what ffi is given: the pointer after free. They may be crashes, so each runs in a child.
  CRASHES = {
    "a copy into other memory" => ->(pointer) { FFI::MemoryPointer.new(8).__copy_from__(pointer, 8) },
    "a copy into a bare pointer" =>
      ->(pointer) { FFI::Pointer.new(FFI::MemoryPointer.new(8)).__copy_from__(pointer, 8) },
    "a copy into a buffer" => ->(pointer) { FFI::Buffer.new(8).__copy_from__(pointer, 8) },
    "a copy into it" => ->(pointer) { pointer.__copy_from__(FFI::MemoryPointer.new(8), 8) },
    "a copy into itself" => ->(pointer) { pointer.__copy_from__(pointer, 8) },
    "a copy of a pointer made of it" =>
      ->(pointer) { FFI::MemoryPointer.new(8).__copy_from__(FFI::Pointer.new(pointer), 8) },
    "a copy of a part" => ->(pointer) { FFI::MemoryPointer.new(8).__copy_from__(pointer + 8, 8) },
    "a copy into a part" => ->(pointer) { (pointer + 8).__copy_from__(FFI::MemoryPointer.new(8), 8) },
    "clear" => ->(pointer) { pointer.clear },
    "clear of a part" => ->(pointer) { pointer.slice(8, 8).clear },
    "clear in another byte order" => ->(pointer) { pointer.order(:big).clear },
    "dup of a part" => ->(pointer) { pointer.slice(8, 8).dup },
    "dup of a part at its start" => ->(pointer) { pointer.slice(0, 8).dup },
    "an element" => ->(pointer) { pointer[1] },
    "a struct as a field" => ->(pointer) { Outer.new[:first] = Inner.new(pointer) },
    "a struct as a field by value" => ->(pointer) { Outer.new[:value] = Inner.new(pointer) },
    "a struct as a field of a union" => ->(pointer) { Choice.new[:inner] = Inner.new(pointer) },
    "a union as a field" => ->(pointer) { Outer.new[:choice] = Choice.new(pointer) },
    "a struct as an element" => ->(pointer) { Outer.new[:items][1] = Inner.new(pointer) },
    "a struct's struct as a field" => ->(pointer) { Outer.new[:second] = Outer.new(pointer)[:second] },
    "a struct's struct as an element" => ->(pointer) { Outer.new[:items][1] = Outer.new(pointer)[:second] },
    "a struct that gets a field" => ->(pointer) { Outer.new(pointer)[:first] = Inner.new },
    "a struct that gets a field behind its start" => ->(pointer) { Outer.new(pointer)[:second] = Inner.new },
    "a struct that gets an element" => ->(pointer) { Outer.new(pointer)[:items][1] = Inner.new },
    "a union that gets a field" => ->(pointer) { Choice.new(pointer)[:inner] = Inner.new },
    "clear of a struct" => ->(pointer) { Outer.new(pointer).clear },
    "clear of a struct in another byte order" => ->(pointer) { Outer.new(pointer).order(:big).clear },
    "clear of a struct's struct" => ->(pointer) { Outer.new(pointer)[:second].clear },
    "dup of a struct's struct" => ->(pointer) { Outer.new(pointer)[:second].dup },
    "a struct's struct by value" =>
      ->(pointer) { FFI::Function.new(:int, [Inner.by_value]) { 0 }.call(Outer.new(pointer)[:second]) },
    "a struct's struct as the result of a callback" =>
      ->(pointer) { FFI::Function.new(Inner.by_value, []) { Outer.new(pointer)[:second] }.call }
  }.freeze

  # What ffi itself refuses.
  REFUSED = {
    "a field" => ->(struct) { struct[:number] },
    "a field that is written" => ->(struct) { struct[:number] = 1 },
    "a pointer" => ->(struct) { Released::Reference.new(struct.pointer)[:pointer] },
    "a pointer that is written" => ->(struct) { Released::Reference.new(struct.pointer)[:pointer] = nil },
    "all fields" => ->(struct) { struct.values },
    "a struct's field" => ->(struct) { struct[:second][:b] },
    "an element" => ->(struct) { struct[:numbers][1] },
    "an element that is written" => ->(struct) { struct[:numbers][1] = 1 },
    "all elements" => ->(struct) { struct[:numbers].to_a },
    "an element that is a struct" => ->(struct) { struct[:items][1][:b] },
    "all elements that are structs" => ->(struct) { struct[:items].each { |item| item[:b] } },
    "the memory of an array" => ->(struct) { struct[:items].to_ptr.read_int },
    "a text" => ->(struct) { struct[:text].to_s },
    "a text that is written" => ->(struct) { struct[:text] = "text" },
    "a field of a copy" => ->(struct) { struct.dup[:number] },
    "a field in another byte order" => ->(struct) { struct.order(:big)[:number] }
  }.freeze

  # As many arguments for an accessor of memory as make it read or write a value.
  def self.arguments(name)
    access, array, type = name.to_s.match(/\A(get|put|read|write)(_array_of)?(?:_(\w+))?\z/).captures
    case [access, array, type]
    in ["get", nil, "string"] | ["get", _, "string"] then [0]
    in ["get", nil, "bytes"] then [0, 4]
    in ["get", nil, nil] then [:int, 0]
    in ["get", nil, _] then [0]
    in ["get", _, _] then [0, 2]
    in ["read", nil, nil] then [:int]
    in ["read", nil, "bytes" | "string_length"] then [4]
    in ["read", nil, _] | ["read", _, "string"] then []
    in ["read", _, "type"] then [:int, :read_int, 2]
    in ["read", _, _] then [2]
    in ["put", nil, nil] then [:int, 0, 1]
    in ["put", nil, _] then [0, value(type)]
    in ["put", _, _] then [0, [value(type)]]
    in ["write", nil, nil] then [:int, 1]
    in ["write", nil, "string_length"] then ["x", 1]
    in ["write", nil, _] then [value(type)]
    in ["write", _, "type"] then [:int, :put_int, [1]]
    in ["write", _, _] then [[value(type)]]
    end
  end

  def self.value(type)
    case type
    when "pointer" then nil
    when "string", "bytes" then "x"
    else 1
    end
  end
end
