#pragma once

// Reading protobuf's wire format without generated code. Never reads past its end; any bytes are some fields or an
// error. A field is met in the order of the message.
//
//   ProtobufReader message(bytes);
//   while (message.next())
//     if (message.number() == 1 && message.is_bytes()) name = message.bytes();
//   if (message.failed()) …

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace resmon {

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : in_(message) {}

  // Goes to the next field. False at the end, and where the bytes are none.
  bool next() {
    if (failed_ || in_.remaining() == 0) return false;
    const std::uint64_t key = in_.varint();
    number_ = key >> 3U;
    type_ = static_cast<std::uint8_t>(key & 7U);
    bytes_ = {};
    switch (type_) {
      case 0:
        value_ = in_.varint();
        break;
      case 1:
        value_ = in_.u64();
        break;
      case 2:
        bytes_ = in_.text();
        break;
      case 5:
        value_ = in_.u32();
        break;
      default:  // groups are not used any more
        failed_ = true;
    }
    failed_ = failed_ || in_.failed() || number_ == 0;
    return !failed_;
  }
  bool failed() const { return failed_; }

  std::uint64_t number() const { return number_; }
  // Of the field's type. Another type than the schema's is skipped, as all readers do.
  bool is_bytes() const { return type_ == 2; }
  bool is_varint() const { return type_ == 0; }
  bool is_fixed64() const { return type_ == 1; }
  std::string_view bytes() const { return bytes_; }  // text, bytes, or a message
  std::uint64_t varint() const { return value_; }
  double number_double() const { return std::bit_cast<double>(value_); }  // REQUIRES: is_fixed64()

 private:
  ByteReader in_;
  std::uint64_t number_ = 0;
  std::uint64_t value_ = 0;
  std::string_view bytes_;
  std::uint8_t type_ = 0;
  bool failed_ = false;
};

}  // namespace resmon
