#pragma once

// Writes the files of streams and days: blocks of lines, and many small files as one. Not thread-safe, and nobody else
// changes the files meanwhile.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "logline/line.h"
#include "logs/contents.h"
#include "logs/options.h"
#include "logs/part.h"
#include "logs/part_remover.h"

namespace resmon::logs {

class PartWriter {
 public:
  // All must outlive it. `remover` makes room for each new file.
  PartWriter(const Options& options, Contents& contents, PartRemover& remover)
      : options_(options), contents_(contents), remover_(remover) {}

  // Lines as blocks, which have those of their stream and day up to `through`, a position of the journal.
  PartContent encode(const StreamDay& key, std::span<const logline::Line> lines, std::uint64_t through) const;
  // The next file of the stream and day, not published yet. The files from this number on are in it.
  Result<std::shared_ptr<Part>> write(const StreamDay& key, std::uint32_t replaces_from, const PartContent& content);
  // As long as the newest files are many of a similar size, they become one, with the blocks as they are.
  Status join(const StreamDay& key);

 private:
  Result<std::string> directory_of(Day day) const;

  const Options& options_;
  Contents& contents_;
  PartRemover& remover_;
};

}  // namespace resmon::logs
