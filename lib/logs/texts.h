#pragma once

// A column of texts: the messages of a block, or the values of one of its fields.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::logs {

// Texts one behind the other.
struct Texts {
  std::string bytes;
  std::vector<std::size_t> ends;

  void clear() {
    bytes.clear();
    ends.clear();
  }
  void close() { ends.push_back(bytes.size()); }  // the text that was appended to `bytes` is complete
  std::size_t size() const { return ends.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(bytes).substr(begin, ends[i] - begin);
  }
};

// Appends the column, compressed at `level` of zstd, and to `hashes` those of the texts' words but numbers.
void encode_texts(std::span<const std::string_view> texts, int level, std::string& out,
                  std::vector<std::uint64_t>& hashes);

// The column from the front of `bytes`, which is moved behind it. `count` texts of `limit_bytes` together at most;
// other bytes are kDamaged.
// With a filter, texts that it surely does not let through may come out empty, but those of `keep` (empty: none);
// `left_out` says which.
class LineFilter;
Result<Texts> decode_texts(std::string_view& bytes, std::size_t count, std::size_t limit_bytes,
                           const LineFilter* filter = nullptr, std::vector<bool>* left_out = nullptr,
                           const std::vector<bool>& keep = {});

}  // namespace resmon::logs
