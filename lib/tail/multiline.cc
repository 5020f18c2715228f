#include "tail/multiline.h"

#include <re2/re2.h>

#include <memory>

namespace resmon::tail {

Result<Continues> multiline_rule(const std::string& setting) {
  if (setting == "none") return Continues();
  if (setting == "indent") return Continues(continues_by_indentation);
  if (setting.size() < 3 || setting.front() != '/' || setting.back() != '/')
    return fail(ErrorKind::kInvalid, "'" + setting + "' is not none, indent or /PATTERN/");
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  const auto first = std::make_shared<re2::RE2>(setting.substr(1, setting.size() - 2), options);
  if (!first->ok()) return fail(ErrorKind::kInvalid, "'" + setting + "': " + first->error());
  return Continues([first](std::string_view, std::string_view line) {
    return !re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), *first);
  });
}

}  // namespace resmon::tail
