#pragma once

// Log lines as they travel from a client's spool to the server's store, and their encoding. No I/O.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::logline {

// Syslog's severities (RFC 5424, 6.2.1) in their order; kNone where a line states none.
enum class Level : std::uint8_t { kEmergency, kAlert, kCritical, kError, kWarning, kNotice, kInfo, kDebug, kNone };

// "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"; "none" for kNone.
std::string_view level_name(Level level);
// The level that a log writes as `word`, in either case: the names above, syslog's short ones ("err", "crit") and those
// of common libraries ("trace", "fatal", "severe", "W"). kNone for any other word.
Level parse_level(std::string_view word);

struct Field {
  std::string_view name;
  std::string_view value;
};

struct Line {
  UnixNanos time = 0;  // the line's own where it could be read, else when it was read
  Level level = Level::kNone;
  bool cut = false;                    // longer than the limit: the rest was counted and dropped
  std::string_view unit = {};          // systemd unit, syslog's program name, or the file's path; may be empty
  std::uint32_t pid = 0;               // 0: unknown
  std::string_view message = {};       // any bytes
  std::span<const Field> fields = {};  // parsed, besides the above
};

// Bounds of one Lines, and so of what decode accepts.
inline constexpr std::size_t kMaxLines = 65'536;
inline constexpr std::size_t kMaxBytes = 8U << 20U;    // of text
inline constexpr std::size_t kMaxMessage = 1U << 20U;  // and of one field's value
inline constexpr std::size_t kMaxName = 4096;          // of a source, a unit, a field's name
inline constexpr std::size_t kMaxFields = 256;         // of one line
inline constexpr std::size_t kMaxAllFields = 1U << 20U;

// Lines of one source, in the order in which they were written. Owns its text: a unit and a field's name are kept once.
// Not thread-safe. A moved-from object must be cleared before it is used again.
class Lines {
 public:
  void clear(std::string_view source);
  std::string_view source() const { return source_; }

  // Whether the line can be added within the bounds above.
  bool fits(const Line& line) const;
  // Copies the line. Messages, values and names over their bounds are cut at them, and the line is marked as cut; so it
  // is when it has too many fields. REQUIRES: fits(line).
  void add(const Line& line);

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  // The views are valid until clear or add.
  Line operator[](std::size_t i) const;
  // Of messages, values and, once each, units and names.
  std::size_t text_bytes() const { return text_bytes_; }

 private:
  friend class Codec;
  struct Entry {
    UnixNanos time;
    std::string_view message;
    std::uint32_t unit;  // in units_
    std::uint32_t pid;
    std::uint32_t first_field;
    std::uint16_t fields;
    Level level;
    bool cut;
  };
  // Texts that are kept once.
  struct Dictionary {
    std::vector<std::string_view> texts;
    std::map<std::string_view, std::uint32_t> numbers;  // ordered: no names make it slow
  };

  std::string_view copy(std::string_view text);
  char* allocate(std::size_t bytes);
  std::uint32_t intern(Dictionary& dictionary, std::string_view text);

  std::string source_;
  std::vector<Entry> entries_;
  std::vector<Field> fields_;
  std::vector<std::uint32_t> field_names_;  // of fields_, in names_
  Dictionary units_;
  Dictionary names_;
  // Blocks do not move, so views into them stay valid.
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // of the last block
  std::size_t text_bytes_ = 0;
};

// In columns: times as differences, origins (unit and pid) and lists of field names by dictionary, then all messages
// and values. docs/wire_format.md, "Lines", is the specification.
std::string encode(const Lines& lines);
// Replaces `into`. Linear in `bytes`. kInvalid names the place; then `into` is empty.
Status decode(std::string_view bytes, Lines& into);

// Accepts lines on the server. Thread-safe.
class Taker {
 public:
  using Stream = std::array<std::uint8_t, 16>;  // the client's spool of lines

  virtual ~Taker() = default;

  // The last sequence number of the stream that is durable; 0: none.
  virtual std::uint64_t acknowledged(const Stream& stream) = 0;
  // Returns the position that must become durable. `encoded` was decoded without an error before. A sequence number
  // that is not above the stream's last is not taken again: its position, or an earlier durable one, comes back.
  // kUnavailable: full or failing; try again later.
  virtual Result<std::uint64_t> append(const Stream& stream, std::uint64_t sequence, std::string_view host,
                                       std::string_view encoded, UnixNanos received) = 0;
  virtual std::uint64_t durable_position() = 0;
  // Calls `done` once `position` is durable: at once if it is, else later on any thread; never once the taker is
  // closed.
  virtual void when_durable(std::uint64_t position, std::function<void()> done) = 0;
};

}  // namespace resmon::logline
