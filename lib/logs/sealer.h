#pragma once

// Decides which heads become files, and when: those that are large or whose day is over, the largest while memory is
// full, the oldest while half of the journal is. A small file is merged with what comes after it. Not thread-safe, and
// nobody else changes heads and files meanwhile.

#include <chrono>
#include <optional>

#include "base/result.h"
#include "journal/journal.h"
#include "logs/contents.h"
#include "logs/options.h"
#include "logs/part_remover.h"
#include "logs/part_writer.h"

namespace resmon::logs {

class Sealer {
 public:
  // All must outlive it.
  Sealer(const Options& options, Contents& contents, PartRemover& remover, Counters& counters)
      : options_(options), contents_(contents), counters_(counters), writer_(options, contents, remover) {}

  // Nothing: nothing was due. After a failure nothing is, for a second.
  std::optional<Status> seal_due(UnixNanos now, const journal::Stats& journal);
  Status seal_all();
  Status seal(const StreamDay& key);  // nothing where there is no head

 private:
  Status seal_due_heads(UnixNanos now, const journal::Stats& journal, bool& any);

  const Options& options_;
  Contents& contents_;
  Counters& counters_;
  PartWriter writer_;
  std::chrono::steady_clock::time_point retry_at_;
};

}  // namespace resmon::logs
