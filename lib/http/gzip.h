#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace resmon::http {

std::string gzip(std::string_view text, int level = 1);
// kLimit when the result would be larger than `limit_bytes`: a few bytes of gzip can stand for gigabytes. `may_hold` is
// asked, if given, before the result grows, with the bytes that it then takes; false ends it with kUnavailable.
Result<std::string> gunzip(std::string_view packed, std::size_t limit_bytes,
                           const std::function<bool(std::size_t)>& may_hold = {});

// gzip of a text that comes in pieces. Each piece can be unpacked as soon as it has arrived.
class GzipStream {
 public:
  explicit GzipStream(int level = 1);
  ~GzipStream();
  std::string add(std::string_view piece);
  std::string finish();

 private:
  struct State;
  std::string run(std::string_view piece, int flush);
  std::unique_ptr<State> state_;
};

}  // namespace resmon::http
