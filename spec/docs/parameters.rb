# frozen_string_literal: true

# What a caller must know of a method's parameters: how many there are of each kind, and the names of keywords.
class Parameters
  attr_reader :required, :optional, :keywords, :required_keywords

  # `list` is what Method#parameters answers, with strings for symbols.
  def initialize(list)
    @list = list
    kinds = list.group_by(&:first).transform_values { |pairs| pairs.map { |pair| pair[1] } }
    @required, @optional, @required_keywords, keys = %w[req opt keyreq key].map { |kind| kinds.fetch(kind, []) }
    @keywords = (@required_keywords + keys).sort
    @rest = kinds.key?("rest")
    @keyrest = kinds.key?("keyrest")
  end

  # A C function that takes any number of arguments, and a method that passes on what it is given, do not say what they
  # take.
  def unknown?
    anonymous = [["rest"], %w[rest *], %w[keyrest **], %w[block &]]
    @list.any? && (@list - anonymous).empty?
  end

  def rest?
    @rest
  end

  def keyrest?
    @keyrest
  end

  def ==(other)
    shape == other.shape
  end

  def inspect
    @list.map { |kind, name| [kind, *name].join(" ") }.join(", ")
  end

  protected

  def shape
    [required.size, optional.size, rest?, keywords, required_keywords.sort, keyrest?]
  end
end
