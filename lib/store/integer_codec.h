#pragma once

// A sequence of 64-bit integers in few bytes. Pure, no I/O; all arithmetic is modulo 2^64, so every sequence comes back
// exactly, unsigned ones seen as signed included. See integer_codec.cc for how, docs/storage_format.md for the bytes.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace resmon::store {

// How a sequence is coded, and about how many bits that takes. Finding it costs a third of encoding.
struct IntegerModel {
  unsigned order = 0;         // of the differences
  std::uint64_t divisor = 0;  // 0: all values are equal
  std::uint64_t centre = 0;   // the usual difference
  double bits = 0;
};
IntegerModel choose_model(std::span<const std::int64_t> values);

// Appends the code of `values` to `out`. The count is not part of it.
void encode_integers(std::span<const std::int64_t> values, std::string& out);
// The same. REQUIRES: model == choose_model(values)
void encode_integers(std::span<const std::int64_t> values, const IntegerModel& model, std::string& out);

// The inverse: fills `values`, whose size is the count that was encoded. False, with `values` unspecified, where `code`
// is not what encode_integers makes. Safe on any bytes; allocates nothing that grows with what they say.
// Without `all`, `values` are the first of more, which are not decoded.
bool decode_integers(std::string_view code, std::span<std::int64_t> values, bool all = true);

}  // namespace resmon::store
