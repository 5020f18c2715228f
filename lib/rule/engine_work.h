#pragma once

// A row while rules are applied to it, and what the engine counts. Internal.

#include <atomic>
#include <string>
#include <vector>

#include "rule/engine.h"

namespace resmon::rule {

struct Engine::Work {
  Shape* shape = nullptr;
  UnixNanos time = 0;
  Moment moment;
  std::uint64_t first = 0;            // position of the first row that it is made of
  bool folded = false;                // a window made it: it goes into no other
  const metric::Row* hole = nullptr;  // a row of the batch that it goes to, whose cells are free for it; null: none
  std::vector<std::uint64_t> presence;
  std::vector<metric::Cell> cells;
  std::string text;

  bool has(std::size_t field) const { return (presence[field / 64] >> (field % 64) & 1U) != 0; }
  void take_out(std::size_t field) { presence[field / 64] &= ~(std::uint64_t{1} << (field % 64)); }
  void set(std::size_t field, metric::Cell cell) {
    presence[field / 64] |= std::uint64_t{1} << (field % 64);
    cells[field] = cell;
  }
  void set_text(std::size_t field, std::string_view value) {
    set(field, metric::string_cell(text.size(), value.size()));
    text += value;
  }
  void reset(Shape& of) {
    shape = &of;
    folded = false;
    presence.assign(metric::presence_words(of.schema.fields.size()), 0);
    cells.assign(of.schema.fields.size(), 0);
    text.clear();
  }
  std::size_t samples() const {
    std::size_t out = 0;
    for (const std::uint64_t word : presence) out += static_cast<std::size_t>(std::popcount(word));
    return out;
  }
};

struct Engine::Counters {
  std::atomic<std::uint64_t> in{0}, out{0}, dropped{0}, full{0}, series{0};
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one thread writes
  }
};

}  // namespace resmon::rule
