#pragma once

#include <cstdint>
#include <string>

#include "base/mutex.h"
#include "lineproto/encoder.h"
#include "metric/batch.h"
#include "sink/refused_file.h"

namespace resmon::server {

// Rows that nobody stores, as lines under a comment with the time and the reason, in a file of bounded size for a
// person to look at, to repair and to write again. Thread-safe.
class SetAside {
 public:
  // `schemas` must outlive it. `what`: for the log, "ingest" or "store".
  SetAside(std::string what, std::string path, std::uint64_t limit_bytes, const metric::SchemaTable& schemas);

  void add(const metric::Batch& batch, const metric::Row& row, const std::string& reason);
  void add(const metric::Batch& batch, const std::string& reason);
  const std::string& path() const { return path_; }

 private:
  void write(const std::string& lines, const std::string& reason) REQUIRES(mutex_);

  const std::string what_;
  const std::string path_;
  Mutex mutex_;
  lineproto::LineEncoder encoder_ GUARDED_BY(mutex_);
  sink::RefusedFile file_ GUARDED_BY(mutex_);
  std::int64_t said_at_ GUARDED_BY(mutex_) = 0;
};

}  // namespace resmon::server
