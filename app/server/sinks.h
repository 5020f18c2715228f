#pragma once

// The configured sinks: those of rows read the journal, those of lines the log lines, each with a cursor of its own.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace resmon::ingest {
class LogReader;
}
namespace resmon::journal {
class Reader;
}
namespace resmon::sink {
class Sink;
struct SinkOptions;
}  // namespace resmon::sink

namespace resmon::server {

class LineSource;
class LogSource;
class RuleSource;
class Storage;
struct Options;

struct SinkUnit {
  ingest::LogReader* reader = nullptr;
  std::unique_ptr<LogSource> source;
  std::unique_ptr<RuleSource> rules;  // null: it has none
  std::unique_ptr<sink::Sink> sink;
};

// Of log lines.
struct LineSinkUnit {
  journal::Reader* reader = nullptr;
  std::unique_ptr<LineSource> source;
  std::unique_ptr<sink::Sink> sink;
};

// One that was configured before this start: what the journal kept for it is given up.
struct RemovedSink {
  std::string name;
  std::uint64_t backlog_entries = 0;
};

class Sinks {
 public:
  // Both must outlive it; the journal and the lines are open. The sinks run on `executor`.
  Sinks(const Options& options, Storage& storage, boost::asio::any_io_executor executor);
  ~Sinks();

  // kInvalid: what is configured cannot be used; the message names the sink.
  Status make();
  // What the journal keeps for sinks that are no longer configured is dropped. After all readers of the journal are
  // there.
  void forget_removed();
  void start();
  void renew_pins();  // of the schemas that they read with
  // Ends when all have stopped, or at `latest`; what is not delivered stays in the journal.
  void drain(std::chrono::steady_clock::time_point latest);

  bool empty() const { return units_.empty() && line_units_.empty(); }
  const std::vector<SinkUnit>& units() const { return units_; }
  const std::vector<LineSinkUnit>& line_units() const { return line_units_; }
  const std::vector<RemovedSink>& removed() const { return removed_; }

 private:
  Status make_unit(const sink::SinkOptions& options);
  // Of kind loki, or of a database that gets the lines that `query` chooses, too.
  Status make_line_unit(const sink::SinkOptions& given, const std::string& query);
  Status make_line_units();

  const Options& options_;
  Storage& storage_;
  const boost::asio::any_io_executor executor_;
  std::vector<SinkUnit> units_;
  std::vector<LineSinkUnit> line_units_;
  std::vector<RemovedSink> removed_;
};

}  // namespace resmon::server
