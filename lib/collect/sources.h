#pragma once

// The status of a collector that reads several files in one gather. A file that cannot be read makes the collector
// fail, after the other files were read; one that the kernel has not got (gVisor's has few) only if no file had usable
// content. A file without usable content is counted as skipped, and makes the collector
// fail only if no file had usable content.

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "collect/collector.h"
#include "collect/pinned_file.h"
#include "collect/skip_log.h"

namespace resmon::collect {

class Sources {
 public:
  explicit Sources(const GatherContext& context) : context_(context) {}

  // Reads and parses; false when nothing came of it. `parse` is given the text and where to count what it skips.
  template <class Parse>
  bool read(PinnedFile& file, ReadBuffer& buffer, Parse parse) {
    auto text = file.read(buffer);
    if (!text && file.missing()) return absent(std::move(text).error());
    if (!text) return failed(std::move(text).error());
    procfs::Skipped skipped;
    return parsed(file.path(), parse(*text, skipped), skipped);
  }

  // Records the parser's status for this file. True if the file had usable content.
  bool parsed(const std::string& path, Status status, const procfs::Skipped& skipped) {
    context_.skipped(path, skipped);
    if (!status) return failed(std::move(status).error().wrap(path));
    useful_ = true;
    return true;
  }

  // The file could not be read, or had nothing of use in it (kInvalid). Returns false.
  bool failed(Error error) {
    Status& which = error.kind == ErrorKind::kInvalid ? useless_ : unreadable_;
    if (which) which = fail(std::move(error));
    return false;
  }
  void useful() { useful_ = true; }
  // There is no such file. Returns false.
  bool absent(Error error) {
    if (absent_) absent_ = fail(std::move(error));
    return false;
  }

  Status finish() {
    if (!unreadable_) return std::move(unreadable_);
    if (useful_) return {};
    return useless_ ? std::move(absent_) : std::move(useless_);
  }

 private:
  const GatherContext& context_;
  bool useful_ = false;
  Status unreadable_;
  Status absent_;
  Status useless_;
};

}  // namespace resmon::collect
