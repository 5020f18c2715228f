#pragma once

// A row while rules are applied to it, and what the engine counts. Internal.

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "rule/engine.h"

namespace resmon::rule {

// Its cells stay where they are in their batch until a rule changes them: most rules drop a row, pass it on, or change
// its schema only.
struct Engine::Work {
  Shape* shape = nullptr;
  UnixNanos time = 0;
  Moment moment;
  std::uint64_t first = 0;            // position of the first row that it is made of
  bool folded = false;                // a window made it: it goes into no other
  const metric::Row* hole = nullptr;  // a row of the batch that it goes to, whose cells are free for it; null: none
  const metric::Batch* in = nullptr;  // that the cells are in; null: they are its own
  metric::Batch* editor = nullptr;    // the same batch, if rows are edited in place
  const metric::Row* row = nullptr;   // in the batch
  std::span<const std::uint64_t> presence;
  std::span<const metric::Cell> cells;
  std::string_view text;

  bool has(std::size_t field) const { return (presence[field / 64] >> (field % 64) & 1U) != 0; }
  std::size_t samples() const {
    std::size_t out = 0;
    for (const std::uint64_t word : presence) out += static_cast<std::size_t>(std::popcount(word));
    return out;
  }

  // `to`: null, or the same batch, where the row is edited in place.
  void borrow(const metric::Batch& from, const metric::Row& of, Shape& its, metric::Batch* to) {
    shape = &its;
    time = of.time;
    folded = false;
    hole = nullptr;
    in = &from;
    editor = to;
    row = &of;
    presence = from.presence(of);
    cells = from.values(of);
    text = from.text();
  }
  // From here on the cells are its own. REQUIRES: the shape's fields are those of the cells
  void own() {
    if (in == nullptr) return;
    own_presence_.assign(presence.begin(), presence.end());
    own_cells_.assign(cells.begin(), cells.end());
    own_text_.clear();
    for (const std::uint32_t f : shape->texts) {
      if (!has(f)) continue;
      const std::string_view value = metric::as_string(cells[f], text);
      own_cells_[f] = metric::string_cell(own_text_.size(), value.size());
      own_text_ += value;
    }
    if (editor != nullptr) hole = row;
    leave();
    look();
  }
  // The row is no longer one of the batch that is edited.
  void leave() {
    if (in != nullptr && editor != nullptr) editor->uncount(*row);
    in = nullptr;
    editor = nullptr;
  }
  // The cells, to be changed.
  std::span<metric::Cell> writable() {
    if (in != nullptr && editor != nullptr) return metric::RowWriter(*editor, row->first_cell, row->fields).values();
    own();
    return own_cells_;
  }
  void set(std::size_t field, metric::Cell cell) {
    own();
    own_presence_[field / 64] |= std::uint64_t{1} << (field % 64);
    own_cells_[field] = cell;
  }
  // A cell of the text, which is kept. `value`: no view into this row's text
  metric::Cell add_text(std::string_view value) {
    own();
    const metric::Cell out = metric::string_cell(own_text_.size(), value.size());
    own_text_ += value;
    text = own_text_;
    return out;
  }
  void set_text(std::size_t field, std::string_view value) { set(field, add_text(value)); }
  // Other cells, with the text as it is; the vectors get the memory of those before.
  void swap(std::vector<std::uint64_t>& other_presence, std::vector<metric::Cell>& other_cells) {
    own();
    own_presence_.swap(other_presence);
    own_cells_.swap(other_cells);
    look();
  }
  // An empty row.
  void reset(Shape& of) {
    shape = &of;
    folded = false;
    hole = nullptr;
    in = nullptr;
    editor = nullptr;
    own_presence_.assign(metric::presence_words(of.schema.fields.size()), 0);
    own_cells_.assign(of.schema.fields.size(), 0);
    own_text_.clear();
    look();
  }

 private:
  void look() {
    presence = own_presence_;
    cells = own_cells_;
    text = own_text_;
  }

  std::vector<std::uint64_t> own_presence_;
  std::vector<metric::Cell> own_cells_;
  std::string own_text_;
};

struct Engine::Counters {
  std::atomic<std::uint64_t> in{0}, out{0}, dropped{0}, full{0}, series{0};
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // one thread writes
  }
};

}  // namespace resmon::rule
