#include "inputs.h"

#include "base/log.h"
#include "door/stats.h"

namespace resmon::client {

Inputs::Inputs(const boost::asio::any_io_executor& executor, const door::InputSettings& settings,
               metric::SchemaTable& schemas, Deliver deliver)
    : spooler_(std::move(deliver)) {
  for (const auto& [name, options] : settings) {
    if (!options.enabled) continue;
    auto door = open(executor, name, options, schemas);
    if (!door) {
      log::error("input", "cannot listen; nothing is taken there", {{"input", name}, {"reason", door.error().message}});
      continue;
    }
    log::info("input", "listening", {{"input", name}, {"url", options.url}, {"format", options.format}});
    metric::Schema schema = metric::stat_schema("internal_input", {{"input", name}}, door::door_stats());
    inputs_.push_back({std::move(*door), schemas.intern(std::move(schema)).value_or(0)});
  }
}

Result<std::unique_ptr<door::Door>> Inputs::open(const boost::asio::any_io_executor& executor, const std::string& name,
                                                 const door::InputOptions& options, metric::SchemaTable& schemas) {
  RESMON_ASSIGN(door::DoorOptions door_options, options.door_options(name));
  if (options.require_token) {
    RESMON_ASSIGN(door_options.access, door::access_of_file(options.token_file));
  }
  std::vector<boost::asio::any_io_executor> executors(1, executor);
  return door::Door::open(std::move(executors), std::move(door_options), schemas, spooler_);
}

void Inputs::start() {
  for (const One& one : inputs_) one.door->start();
}

void Inputs::stop() {
  for (const One& one : inputs_) one.door->stop();
}

void Inputs::report(UnixNanos time, metric::Batch& batch) const {
  for (const One& one : inputs_) metric::add_stats(door::door_stats(), one.door->stats(), one.schema, time, batch);
}

}  // namespace resmon::client
