#pragma once

// [input.NAME] of client.toml: sockets on which other programs hand in samples.

#include <functional>
#include <memory>
#include <vector>

#include "door/options.h"

namespace resmon::client {

class Inputs {
 public:
  // Gets the rows of what came, and may swap them away. When it returns they are in the spool.
  using Deliver = std::function<void(metric::Batch& rows)>;
  // An input whose socket or token file cannot be had is logged, and left out. `schemas` must outlive it.
  Inputs(const boost::asio::any_io_executor& executor, const door::InputSettings& settings,
         metric::SchemaTable& schemas, Deliver deliver);

  void start();
  void stop();
  // Appends a row of internal_input for each.
  void report(UnixNanos time, metric::Batch& batch) const;

 private:
  class Spooler final : public door::Intake {
   public:
    explicit Spooler(Deliver deliver) : deliver_(std::move(deliver)) {}
    Taken take(metric::Batch& rows, std::vector<std::size_t>*) override {
      deliver_(rows);
      return {};
    }

   private:
    const Deliver deliver_;
  };
  struct One {
    std::unique_ptr<door::Door> door;
    metric::SchemaId schema = 0;
  };
  Result<std::unique_ptr<door::Door>> open(const boost::asio::any_io_executor& executor, const std::string& name,
                                           const door::InputOptions& options, metric::SchemaTable& schemas);
  Spooler spooler_;
  std::vector<One> inputs_;
};

}  // namespace resmon::client
