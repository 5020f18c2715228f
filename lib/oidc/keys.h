#pragma once

// A provider's public keys: a JSON Web Key Set (RFC 7517), and signatures checked with them (RFC 7518): RS256, PS256
// and ES256. No I/O.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace resmon::oidc {

enum class Algorithm { kRs256, kPs256, kEs256 };

// kDenied: another one, with the reason. `none` and the HS family are refused on purpose: the former signs nothing, and
// a key of the latter is the client's secret, or, with a confused library, a public key.
Result<Algorithm> parse_algorithm(std::string_view name);

inline constexpr std::size_t kMostKeys = 64;
inline constexpr std::size_t kMostKeySetBytes = 256U << 10U;

class KeySet {
 public:
  struct Key;

  // kInvalid: not a key set. A key that cannot be used (another type, encryption, too short, damaged) is left out, as
  // the specification asks; so the set may be empty. Beyond kMostKeys they are left out, too.
  static Result<KeySet> parse(std::string_view json);

  // kNotFound: there is no key for this; the set may be too old. `id` is the token's `kid`; empty: it has none, and
  // then there must be exactly one key for the algorithm.
  // kDenied: the signature is wrong.
  Status verify(Algorithm algorithm, std::string_view id, std::string_view text, std::string_view signature) const;
  std::size_t size() const { return keys_.size(); }

 private:
  std::vector<std::shared_ptr<const Key>> keys_;
};

}  // namespace resmon::oidc
