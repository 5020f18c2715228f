#pragma once

// Which rows of a column have a value, in few bytes: the beginning of a chunk's section. Pure, no I/O. The layout is in
// docs/storage_format.md.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "store/bytes.h"

namespace resmon::store {

// One bit for each row, as in Block; bits beyond the last row are 0.
using PresenceBits = std::vector<std::uint64_t>;

// Those of a column in which no row lacks a value.
PresenceBits whole_presence(std::size_t rows);

// Appends the code of the first `rows` bits.
void put_presence(const PresenceBits& bits, std::size_t rows, std::string& out);

// The inverse; `present` is how many bits are set. False, with both unspecified, where the bytes are no such code. Safe
// on any bytes.
bool get_presence(ByteReader& reader, std::size_t rows, PresenceBits& bits, std::size_t& present);

// Passes over a code that get_presence() has read without complaint.
void pass_presence(ByteReader& reader, std::size_t rows);

}  // namespace resmon::store
