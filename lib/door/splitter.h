#pragma once

// Lines of a stream of bytes: keeps what has no end yet.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace resmon::door {

enum class Framing : std::uint8_t {
  kLine,    // a line feed ends each line
  kLength,  // before each line stands its length in bytes, as four bytes, the highest first
};

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line_bytes, Framing framing = Framing::kLine)
      : most_(max_line_bytes), framing_(framing) {}
  // f(lines) for what is complete: with Framing::kLine one or several whole lines with line feeds between them, each of
  // at most the bound unless it came in one piece; with kLength one line, which may hold line feeds. too_long() once
  // for each line that is longer than the bound.
  template <class F, class L>
  void feed(std::string_view bytes, const F& f, const L& too_long) {
    if (framing_ == Framing::kLength) return feed_frames(bytes, f, too_long);
    if (!rest_.empty() || skipping_) {
      const std::size_t end = bytes.find('\n');
      const std::string_view part = bytes.substr(0, end);
      add_rest(part, too_long);
      if (end == std::string_view::npos) return;
      if (!std::exchange(skipping_, false)) {
        f(std::string_view(rest_));
        rest_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    const std::size_t end = bytes.rfind('\n');
    if (end != std::string_view::npos) {
      f(bytes.substr(0, end));
      bytes.remove_prefix(end + 1);
    }
    add_rest(bytes, too_long);
  }
  // What is left at the end of the stream. A frame that is not whole is nothing.
  std::string take_rest() { return framing_ == Framing::kLine ? std::exchange(rest_, {}) : std::string(); }
  Framing framing() const { return framing_; }

 private:
  template <class L>
  void add_rest(std::string_view part, const L& too_long) {
    if (skipping_) return;
    if (rest_.size() + part.size() <= most_) {
      rest_ += part;
      return;
    }
    skipping_ = true;
    rest_ = std::string();
    too_long();
  }
  template <class F, class L>
  void feed_frames(std::string_view bytes, const F& f, const L& too_long) {
    while (!bytes.empty()) {
      if (skip_bytes_ > 0) {
        const std::size_t skipped = std::min<std::size_t>(skip_bytes_, bytes.size());
        bytes.remove_prefix(skipped);
        skip_bytes_ -= skipped;
        continue;
      }
      std::size_t wanted = kHeadBytes;
      if (rest_.size() >= kHeadBytes) wanted += length();
      const std::size_t part = std::min(wanted - rest_.size(), bytes.size());
      rest_ += bytes.substr(0, part);
      bytes.remove_prefix(part);
      if (rest_.size() < kHeadBytes) return;
      if (length() > most_) {
        skip_bytes_ = length();
        rest_.clear();
        too_long();
      } else if (rest_.size() == kHeadBytes + length()) {
        f(std::string_view(rest_).substr(kHeadBytes));
        rest_.clear();
      }
    }
  }
  std::size_t length() const {
    std::size_t out = 0;
    for (std::size_t i = 0; i < kHeadBytes; ++i) out = out << 8U | static_cast<unsigned char>(rest_[i]);
    return out;
  }

  static constexpr std::size_t kHeadBytes = 4;
  const std::size_t most_;
  const Framing framing_;
  std::size_t skip_bytes_ = 0;
  std::string rest_;
  bool skipping_ = false;
};

}  // namespace resmon::door
