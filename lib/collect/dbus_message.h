#pragma once

// Messages of D-Bus, as far as a client needs them that calls methods and hears signals. Source: the D-Bus
// specification, "Message Protocol". No I/O; fuzzed.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::collect {

inline constexpr std::size_t kMostDbusBytes = 4U << 20U;  // of a message: the bus allows 128 MiB

// Writes a body's values, in the byte order of this machine.
class DbusWriter {
 public:
  void align(std::size_t to) { bytes_.resize((bytes_.size() + to - 1) / to * to); }
  void byte(std::uint8_t value) { bytes_ += static_cast<char>(value); }
  void number32(std::uint32_t value) { put(value); }
  void number64(std::uint64_t value) { put(value); }
  void text(std::string_view value);
  void signature(std::string_view value);
  // An array: its elements are what `write` writes. `element_alignment`: of what is in it.
  template <class Write>
  void array(std::size_t element_alignment, Write write) {
    align(4);
    const std::size_t at = bytes_.size();
    number32(0);
    align(element_alignment);
    const std::size_t begin = bytes_.size();
    write();
    const auto size = static_cast<std::uint32_t>(bytes_.size() - begin);
    bytes_.replace(at, sizeof size, reinterpret_cast<const char*>(&size), sizeof size);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <class Value>
  void put(Value value) {
    align(sizeof value);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  std::string bytes_;
};

// Reads a body's values; false when there is no such value, which is then for good.
class DbusReader {
 public:
  DbusReader(std::string_view bytes, bool swapped) : bytes_(bytes), swapped_(swapped) {}

  bool align(std::size_t to);
  bool byte(std::uint8_t& out);
  bool number32(std::uint32_t& out) { return get(out); }
  bool number64(std::uint64_t& out) { return get(out); }
  bool text(std::string_view& out);
  bool signature(std::string_view& out);
  // An array's elements, as a reader of their own, which keeps the alignment of the whole.
  bool array(std::size_t element_alignment, DbusReader& elements);
  // Passes over one value; takes its type from the front of `signature`.
  bool skip(std::string_view& signature) { return skip(signature, 0); }
  bool at_end() const { return at_ >= bytes_.size(); }

 private:
  static constexpr int kMostDepth = 16;
  template <class Value>
  bool get(Value& out);
  bool skip(std::string_view& signature, int depth);
  bool broken() {
    at_ = bytes_.size();
    return false;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool swapped_;
};

enum class DbusType : std::uint8_t { kCall = 1, kReply = 2, kError = 3, kSignal = 4 };

// Texts point into the bytes that were parsed.
struct DbusMessage {
  DbusType type = DbusType::kCall;
  std::uint32_t serial = 0;
  std::uint32_t reply_serial = 0;
  std::string_view path;
  std::string_view interface;
  std::string_view member;
  std::string_view error_name;
  std::string_view destination;
  std::string_view signature;
  std::string_view body;
  bool swapped = false;  // of the other byte order
  DbusReader reader() const { return {body, swapped}; }
};

// The message at the beginning of `bytes`: how long it is, or 0 while a part of it is missing. kInvalid: no message.
Result<std::size_t> parse_dbus_message(std::string_view bytes, DbusMessage& out);

std::string write_dbus_message(const DbusMessage& message);

}  // namespace resmon::collect
