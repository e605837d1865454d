# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "../../rakelib/floors"

# What `rake lint:floors` finds in small crates of two floors.
RSpec.describe Floors do
  def floors(files)
    Dir.mktmpdir do |directory|
      { "lib.rs" => "mod low; mod high;", "low.rs" => "", "high.rs" => "", **files }.compact.each do |file, text|
        path = File.join(directory, file)
        FileUtils.mkdir_p(File.dirname(path))
        File.write(path, text)
      end
      Floors.new(directory, floors: { "low" => "what is below", "high" => "what is above", "none" => "nothing" })
    end
  end

  # The fault of an import of high/b.rs, where that is a function or type `b`.
  up = "low/a.rs:1 imports high/b.rs, but high is above low."
  upper = { "high/b.rs" => "pub fn b() {}" }
  circle = "low/a.rs:1 imports low/b.rs, low/b.rs:1 imports low/a.rs: a circle."

  {
    "imports that run down or along" => {
      "low.rs" => "pub mod a;", "low/a.rs" => "use super::b::b;", "low/b.rs" => "pub fn b() {}",
      "high/c.rs" => "use crate::low::a;\nuse super::d::d;", "high/d.rs" => "fn d() { crate::low::b::b() }"
    },
    "lib.rs above all" => { "lib.rs" => "use low::a; fn b() { high::b::b() }", "low/a.rs" => "", **upper },
    "other crates" => {
      "low/a.rs" => "use std::{ffi::CStr, ptr}; use magnus::prelude::*; fn a() { ptr::null(); high::b::b() }", **upper,
      "low.rs" => "use std::c; fn d() { c::e::e() }", "low/e.rs" => "use super::d;"
    },

    "a name" => { "low/a.rs" => "use crate::high::b::b;", **upper, faults: [up] },
    "a module" => { "low/a.rs" => "use crate::high::b;", **upper, faults: [up] },
    "a module of a file `mod.rs`" => {
      "low.rs" => nil, "low/mod.rs" => "use crate::high::b::b;", "high/b/mod.rs" => "pub fn b() {}",
      faults: ["low/mod.rs:1 imports high/b/mod.rs, but high is above low."]
    },
    "a path in the code" => { "low/a.rs" => "fn a() { crate::high::b::b() }", **upper, faults: [up] },
    "a path in a type" => { "low/a.rs" => "fn a(b: Option<*const crate::high::b::B>) {}", **upper, faults: [up] },
    "a path after a lifetime" => { "low/a.rs" => "fn a(b: &'static crate::high::b::B) {}", **upper, faults: [up] },
    "a path after `super`" => { "low/a.rs" => "fn a() { super::super::high::b::b() }", **upper, faults: [up] },
    "a path after an imported name" => {
      "low/a.rs" => "use crate::{high::{self}};\nfn a() {\n  high::b::b()\n}", **upper,
      faults: ["low/a.rs:3 imports high/b.rs, but high is above low."]
    },
    "a path after all names are imported" => {
      "low/a.rs" => "use crate::high::*;\n\nfn a() { b::b() }", **upper,
      faults: ["low/a.rs:3 imports high/b.rs, but high is above low."]
    },
    "lib.rs from below" => {
      "low/a.rs" => "use crate::Top;", faults: ["low/a.rs:1 imports lib.rs, but lib is above low."]
    },
    "the first three lines of it" => {
      "low/a.rs" => "use crate::high::b::{self, b,\n  B};\n\nfn a() { b::b() }\nfn c() { B::c() }", **upper,
      faults: ["low/a.rs:1,2,4 imports high/b.rs, but high is above low."]
    },

    "a function with the name of an imported module" => {
      "low/a.rs" => "use super::c::b;", "low/b.rs" => "use super::a::d;",
      "low/c.rs" => "use super::b;\npub fn b() { b::e() }", faults: [
        "low/a.rs:1 imports low/c.rs, low/c.rs:1,2 imports low/b.rs, low/b.rs:1 imports low/a.rs: a circle."
      ]
    },
    "nested braces" => {
      "low/a.rs" => "use crate::{\n  low::{self, c},\n  high::{c::{d as e, f}, b::{self as g}},\n};", **upper,
      "low/c.rs" => "", "high/c.rs" => "",
      faults: [
        "low/a.rs:3 imports high/c.rs, but high is above low.", "low/a.rs:3 imports high/b.rs, but high is above low."
      ]
    },
    "a name of its own for what it imports" => {
      "low/a.rs" => "use crate::high as other;\n\nfn a() { other::b::b() }", **upper,
      faults: ["low/a.rs:3 imports high/b.rs, but high is above low."]
    },
    "all names, of which it uses one" => {
      "low/a.rs" => "use crate::high::*; fn a() { let _ = B; }", "high.rs" => "pub use b::B; pub use c::C;",
      "high/b.rs" => "pub struct B;", "high/c.rs" => "pub struct C;", faults: [up]
    },
    "all variants of a type" => { "low/a.rs" => "use crate::high::b::B::*;", **upper, faults: [up] },

    "comments, strings and characters" => {
      **upper,
      "low/a.rs" => <<~'RUST'
        //! use crate::high::b;
        // use crate::high::b;
        /* crate::high::b::b() /* nested */ crate::high::b::b() */
        const A: [&str; 4] = ["crate::high::b", "\"crate::high::b", r#""crate::high::b"#, "
          use crate::high::b;"];
        const B: [u8; 3] = [b'"', b'\'', b'\\']; fn c<'a>(d: &'a str) {} // " crate::high::b
      RUST
    },
    "code after comments, strings and characters" => {
      **upper,
      "low/a.rs" => <<~'RUST',
        /* '
        */
        fn a<'a>(b: &'a str) { "é\\"; '"'; r#"" // "#; crate::high::b::b() }
      RUST
      faults: ["low/a.rs:3 imports high/b.rs, but high is above low."]
    },

    "a folder that re-exports" => {
      "low.rs" => "mod a;\nmod b;\npub use a::a;\npub use b::{b, c as d};\npub struct E;",
      "low/a.rs" => "use super::{d, E};", "low/b.rs" => "use super::E;"
    },
    "what a folder re-exports" => {
      "high.rs" => "mod b;\npub use b::b as c;", "low/a.rs" => "use crate::high::c;", **upper, faults: [up]
    },
    "what a folder re-exports with all names" => {
      "high.rs" => "mod b;\nmod c;\npub use c::*;\npub use b::*;",
      "low/a.rs" => "use crate::high::d;\nuse crate::high::B;\nuse crate::high::C;",
      "high/b.rs" => "pub const fn d() {}\npub struct B;\nconst C: u8 = 1;", "high/c.rs" => "",
      faults: ["low/a.rs:1,2,3 imports high/b.rs, but high is above low."]
    },
    "a re-export of what is not in the folder" => {
      "low.rs" => "pub use crate::high::b::b;", **upper,
      faults: ["low.rs:1 imports high/b.rs, but high is above low."]
    },
    "a re-export of all that is not in the folder" => {
      "low.rs" => "pub use crate::high::b::*;", **upper,
      faults: ["low.rs:1 imports high/b.rs, but high is above low."]
    },
    "a folder that uses what it re-exports" => {
      "low.rs" => "pub use a::B as C;\n\nfn a() { C }", "low/a.rs" => "use super::D;",
      faults: ["low.rs:1 imports low/a.rs, low/a.rs:1 imports low.rs: a circle."]
    },
    "a folder that uses what it re-exports with all names" => {
      "low.rs" => "pub use a::*;\n\nfn d() { B }", "low/a.rs" => "pub struct B;\nuse super::d;",
      faults: ["low.rs:1 imports low/a.rs, low/a.rs:2 imports low.rs: a circle."]
    },
    "a folder that uses what is in it" => {
      "low.rs" => "fn a() { b::b(); self::b::b() }", "low/b.rs" => "use super::a;",
      faults: ["low.rs:1 imports low/b.rs, low/b.rs:1 imports low.rs: a circle."]
    },

    "two that import each other" => { "low/a.rs" => "use super::b;", "low/b.rs" => "use super::a;", faults: [circle] },
    "a type and its function" => {
      "low/a.rs" => "pub struct A; impl A { pub fn a() { A::a(); Self::a(); crate::low::a::A::a() } }",
      "low/b.rs" => "use super::a::A; fn b() { A::a() }"
    },
    "a circle of three, with others around it" => {
      "low/a.rs" => "use super::b;", "low/b.rs" => "\nuse super::c;", "low/c.rs" => "use super::{a, d};",
      "low/d.rs" => "", "low/e.rs" => "use super::a;",
      faults: ["low/a.rs:1 imports low/b.rs, low/b.rs:2 imports low/c.rs, low/c.rs:1 imports low/a.rs: a circle."]
    },
    "two circles in one" => {
      "low/a.rs" => "use super::b;", "low/b.rs" => "use super::{a, c};", "low/c.rs" => "use super::b;",
      faults: [circle, "low/b.rs:1 imports low/c.rs, low/c.rs:1 imports low/b.rs: a circle."]
    },
    "a circle that shares an arrow with a longer one" => {
      "low/a.rs" => "use super::b;", "low/b.rs" => "use super::c;", "low/c.rs" => "use super::{a, b};",
      faults: ["low/b.rs:1 imports low/c.rs, low/c.rs:1 imports low/b.rs: a circle."]
    },
    "up and down again, which is one fault" => {
      "low/a.rs" => "use crate::high::b;", "high/b.rs" => "use crate::low::a;", faults: [up]
    },

    "a module in a file" => {
      "low/a.rs" => "mod c { use super::d; use super::super::b; }\nfn d() { c::e() }",
      "low/b.rs" => "use super::a::c::e;", faults: [circle]
    },
    "code after a module in a file" => {
      "low/a.rs" => "mod c { fn d() {} } use super::b;", "low/b.rs" => "use super::a;", faults: [circle]
    },
    "tests in a file" => {
      "low/a.rs" => "#[cfg(test)] mod tests { use super::*; use crate::high::b; }", **upper, faults: [up]
    },
    "tests in a file of their own" => {
      "low/a/tests.rs" => "use crate::{high::b, testing::c};", "testing.rs" => "pub fn c() {}", **upper, faults: []
    },

    "functions added to a type of a lower floor" => {
      "low/a.rs" => "pub struct A<T>(T);", "high/b.rs" => "use crate::low::a::A;\n\nimpl<T: Into<U>> A<T> {\n}",
      faults: ["high/b.rs:3 adds functions to a type of low/a.rs, but high is above low."]
    },
    "functions added to a type of the same floor" => {
      "low/a.rs" => "pub struct A;", "low/b.rs" => "impl super::a::A {}"
    },
    "a trait implemented for a type of a lower floor" => {
      "low/a.rs" => "pub struct A<T>(T); pub trait C<T> {}",
      "high/b.rs" => "use crate::low::a::{A, C};\nimpl<T> C<T> for A<T> {}\nfn d() -> impl C<u8> {}"
    },

    "a folder without a file" => {
      "lib.rs" => "mod low { pub mod a; pub use a::A; }\nmod high;", "low.rs" => nil,
      "low/a.rs" => "use super::super::high::b;", "high/c.rs" => "use crate::low::{A, a};", **upper, faults: [up]
    },

    "files on no floor" => {
      "low/a.rs" => "", "lower/b.rs" => "", "highest.rs" => "use crate::low::a;",
      faults: ["highest.rs is on no floor.", "lower/b.rs is on no floor."]
    }
  }.each do |title, files|
    it "finds #{files[:faults] ? "a" : "no"} fault in: #{title}" do
      expect(floors(files.except(:faults)).faults).to match_array files.fetch(:faults, [])
    end
  end

  describe "the picture" do
    binding = {
      "lib.rs" => "fn init() { high::init(); low::b::init() }", "high.rs" => "fn init() { b::init() }",
      "high/b.rs" => "use crate::low::{a, b};", "high/c/d.rs" => ""
    }
    picture = <<~MERMAID
      ```mermaid
      %%{init: {"flowchart": {"wrappingWidth": 400}}}%%
      flowchart TB
        lib["lib.rs"]
        subgraph high["2 high: what is above"]
          high_files["b, c/d"]
        end
        subgraph low["1 low: what is below"]
          low_files["a, b"]
        end
        lib --> high
        high --> low
      ```
    MERMAID
    document = "One\n\n<!-- floors -->\n%s<!-- /floors -->\n\nTwo\n"

    it "shows the files of each floor, and what it imports from" do
      expect(floors(binding.merge("low/a.rs" => "", "low/b.rs" => "")).picture).to eq picture
    end

    it "leaves out no arrow that no longer way replaces, and none that goes up" do
      drawn = floors("lib.rs" => "fn a() { low::c(); high::b() }", "low.rs" => "use crate::high::b;").picture
      expect(drawn.scan(/\S+ --> .+/)).to eq ["lib --> high & low"]
    end

    it "names a folder's own file where there is no other" do
      expect(floors("low.rs" => nil, "low/mod.rs" => "").picture).to include 'low_files["low"]', 'high_files["high"]'
    end

    it "takes the place of the one before it" do
      floors = floors(binding.merge("low/a.rs" => "", "low/b.rs" => ""))
      once = floors.draw(format(document, ""))
      expect(once).to eq format(document, picture)
      expect(floors.draw(once)).to eq once
      expect { floors.draw("<!-- floors -->") }.to raise_error "there is no place for the picture of the floors"
    end

    it "is out of date after a change" do
      text = format(document, picture)
      expect(floors(binding.merge("low/a.rs" => "", "low/b.rs" => ""))).to be_drawn text
      expect(floors(binding.merge("low/a.rs" => "", "low/c.rs" => ""))).not_to be_drawn text
      expect(floors(binding.merge("low/a.rs" => "", "low/b.rs" => ""))).not_to be_drawn picture
    end
  end

  it "refuses a directory that is no crate" do
    Dir.mktmpdir { |directory| expect { Floors.new(directory) }.to raise_error "#{directory} has no lib.rs" }
  end
end
