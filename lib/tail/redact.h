#pragma once

// Replaces secrets in lines before they are stored or sent. No I/O; linear.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace resmon::tail {

struct RedactOptions {
  bool tokens = false;  // Bearer …, password=…, "token": "…" and the like
  bool emails = false;
  bool cards = false;                 // numbers of 13 to 19 digits whose check digit (Luhn) is right
  std::vector<std::string> patterns;  // RE2; what they match
};

class Redactor {
 public:
  static Result<Redactor> make(const RedactOptions& options);
  Redactor(Redactor&&) noexcept;
  Redactor& operator=(Redactor&&) noexcept;
  ~Redactor();

  // Replaces secrets in `text`; returns how many.
  std::size_t redact(std::string& text) const;
  bool nothing_to_do() const;

 private:
  Redactor();
  RedactOptions options_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;
};

}  // namespace resmon::tail
