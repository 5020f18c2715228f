#pragma once

// [input.NAME] of server.toml: what comes there goes the way of /write, through rules and checks into the log, and is
// acknowledged when it is durable.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "door/options.h"

namespace resmon::ingest {
class Log;
}
namespace resmon::metric {
class SchemaTable;
}

namespace resmon::server {

class RowWriter;
struct Options;

class Inputs {
 public:
  // All must outlive it.
  Inputs(const Options& options, metric::SchemaTable& schemas, ingest::Log& journal, RowWriter& writer)
      : intake_(journal, writer), options_(options), schemas_(schemas) {}

  // Binds those that are enabled. The error names the input.
  Status open(const std::vector<boost::asio::any_io_executor>& executors, const door::Access& access);
  void start();
  void stop();  // accepts nothing more; what is under way is answered until stopped()
  bool stopped() const;
  std::vector<door::DoorStats> stats() const;  // any thread
  bool empty() const { return doors_.empty(); }

 private:
  class Intake final : public door::Intake {
   public:
    Intake(ingest::Log& journal, RowWriter& writer) : journal_(journal), writer_(writer) {}
    Taken take(metric::Batch& rows, std::vector<std::size_t>* ends) override;
    Taken again(metric::Batch& rows) override;
    void when_safe(std::uint64_t position, const boost::asio::any_io_executor& executor,
                   std::function<void()> done) override;
    void answered(std::uint64_t position) override;

   private:
    ingest::Log& journal_;
    RowWriter& writer_;
  };

  Intake intake_;
  const Options& options_;
  metric::SchemaTable& schemas_;
  std::vector<std::unique_ptr<door::Door>> doors_;
};

}  // namespace resmon::server
