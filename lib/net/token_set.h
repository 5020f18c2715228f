#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/damaged_lines.h"
#include "base/mutex.h"
#include "base/result.h"

namespace resmon::net {

// Whether a token admits a client of a given name.
enum class Admission { kUnknownToken, kOtherName, kYes };

// The tokens of clients and programs. A token that is bound to a client's name is valid for that client only; any other
// is valid for every name, and for HTTP. Stores SHA-256 digests only; a look-up takes the same time for a valid and an
// invalid token.
class TokenSet {
 public:
  using Digest = std::array<unsigned char, 32>;  // SHA-256
  static Digest digest(std::string_view token);

  // One token a line: `TOKEN`, or `TOKEN NAME` for one that is bound to the client of that name. A # before the name
  // makes it a comment: `TOKEN # NAME` is not bound. Blank lines and lines that begin with # are ignored. Other users
  // must not be able to read the file (mode 0600 or 0640). It must contain at least one token of at least 16 printable
  // ASCII characters; invalid lines are skipped.
  static Result<TokenSet> load(const std::string& path);

  void add(std::string_view token, std::string_view name = {});  // bound to `name`, where it is not empty
  // Whether it is a token without a name.
  bool contains(std::string_view token) const { return contains(digest(token)); }
  bool contains(const Digest& sought) const;
  // A token on several lines is valid for each name on them.
  Admission admission(const Digest& sought, std::string_view name) const;
  // A name that the token is bound to; empty where it is unknown, or bound to none.
  std::string name_of(const Digest& sought) const;
  std::size_t size() const { return entries_.size(); }
  const std::vector<DamagedLine>& damaged() const { return damaged_; }  // lines that were left out

 private:
  struct Entry {
    Digest digest;
    std::string name;  // empty: bound to none
  };
  std::vector<Entry> entries_;
  std::vector<DamagedLine> damaged_;
};

// A set that is replaced by another while threads look things up in it.
class LiveTokens {
 public:
  explicit LiveTokens(TokenSet tokens) : tokens_(std::make_shared<const TokenSet>(std::move(tokens))) {}

  void replace(TokenSet tokens) {
    auto next = std::make_shared<const TokenSet>(std::move(tokens));
    const MutexLock lock(mutex_);
    tokens_.swap(next);
  }
  std::shared_ptr<const TokenSet> get() const {
    const MutexLock lock(mutex_);
    return tokens_;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const TokenSet> tokens_ GUARDED_BY(mutex_);
};

// A file of tokens that is read again when it has changed. Damaged lines are logged, and kept beside it. One thread,
// but for modified_microseconds().
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  Result<TokenSet> load();
  // Empty while the file is unchanged. A file that cannot be loaded is reported as an error once and tried again at
  // each call, because its mode may change without its content. The caller keeps its previous set.
  Result<std::optional<TokenSet>> load_if_changed();
  // When the content in force was written, since 1970: a program that changes the file sees by it that the change is in
  // force.
  std::int64_t modified_microseconds() const { return modified_microseconds_; }

 private:
  const std::string path_;
  std::uint64_t mark_ = 0;  // of what was last taken
  std::uint64_t told_ = 0;  // of what could not be, after its error
  std::atomic<std::int64_t> modified_microseconds_{0};
};

// The token that a client of that name sends: the first one in the file, as TokenSet::load reads it, that is bound to
// no name or to this one. With an empty name, the first that is not bound.
Result<std::string> load_token(const std::string& path, std::string_view name);

}  // namespace resmon::net
