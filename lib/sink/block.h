#pragma once

// The pure core of delivery: lines that are sent together, and the search for the lines among them that a server
// refuses.

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::sink {

// Lines of text with the number of samples in each.
class Block {
 public:
  std::string& text() { return text_; }  // append one line, then call end_line
  void end_line(std::size_t samples) { lines_.push_back({text_.size(), samples}); }
  void clear() {
    text_.clear();
    lines_.clear();
  }
  bool empty() const { return lines_.empty(); }
  std::size_t bytes() const { return text_.size(); }
  std::size_t lines() const { return lines_.size(); }
  // Lines first … last-1.
  std::string_view text(std::size_t first, std::size_t last) const;
  std::uint64_t samples(std::size_t first, std::size_t last) const;

 private:
  struct Line {
    std::size_t end;
    std::size_t samples;
  };
  std::string text_;
  std::vector<Line> lines_;
};

// Which lines to send next. Starts with all; a range that is too large or refused is cut in halves, down to single
// lines, which are then given up. With k bad lines among n that takes about 2 k log2(n/k) requests. What a server took
// of a refused range is sent again, which changes nothing: points are written by series and time.
class Delivery {
 public:
  struct Range {
    std::size_t first;
    std::size_t last;
  };

  explicit Delivery(std::size_t lines) {
    if (lines > 0) todo_.push_back({0, lines});
  }
  // The range to send; nullopt when all is done. The same again until one of the next two is called.
  std::optional<Range> current() const { return todo_.empty() ? std::nullopt : std::optional(todo_.back()); }
  // The current range is accepted, or given up.
  void done() { todo_.pop_back(); }
  // Leaves the current range for later than all others; the largest is next, being the likeliest to have a good line.
  void put_off();
  std::size_t ranges() const { return todo_.size(); }
  // Cuts the current range in halves. False: it is one line, and stays current.
  bool split();

 private:
  std::vector<Range> todo_;
};

// Waits between attempts: doubling from `first` to `last`, with up to half of it taken off at random, so that many
// senders that lost one server do not come back in step.
class Backoff {
 public:
  Backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds last, std::uint64_t seed);
  std::chrono::nanoseconds next();
  void reset() { attempts_ = 0; }

 private:
  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds last_;
  unsigned attempts_ = 0;
  std::mt19937_64 random_;
};

}  // namespace resmon::sink
