#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::net {

// The tokens that let a client in. Holds their SHA-256 only; looking one up takes as long whether it is right or wrong.
class TokenSet {
 public:
  // One token a line; blank lines and those that begin with # do not count. The file must not be open to others (mode
  // 0600 or 0640) and must hold at least one token of at least 16 characters.
  static Result<TokenSet> load(const std::string& path);

  void add(std::string_view token);
  bool contains(std::string_view token) const;
  std::size_t size() const { return digests_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  static Digest digest(std::string_view token);
  std::vector<Digest> digests_;
};

// The first token of a file as TokenSet::load reads it: what a client sends.
Result<std::string> load_token(const std::string& path);

}  // namespace resmon::net
