#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <thread>

#include "agent.h"
#include "base/json_text.h"
#include "lineproto/encoder.h"

namespace resmon::client {

Status print_once(const Options& options, std::chrono::milliseconds settle) {
  metric::SchemaTable schemas;
  RESMON_ASSIGN(auto gatherer, collect::Gatherer::make(options.gather_options(), schemas));
  metric::Batch batch;
  const Clock& clock = Clock::system();
  gatherer->gather_all(clock.wall(), batch);
  std::this_thread::sleep_for(settle);
  batch.clear();
  gatherer->gather_all(clock.wall() / 1'000'000 * 1'000'000, batch);
  boost::asio::io_context io{1};
  lineproto::EncoderOptions encoder_options;
  encoder_options.extra_tags.push_back({"host", options.host_name()});
  for (const auto& [key, value] : options.tags) encoder_options.extra_tags.push_back({key, value});
  metric::normalise_tags(encoder_options.extra_tags);
  lineproto::LineEncoder encoder(schemas, encoder_options);
  std::string text;
  encoder.append(batch, text);
  RESMON_ASSIGN(auto scripts, collect::Scripts::make(io.get_executor(), options.script_settings(), schemas,
                                                     [&](metric::Batch& rows) { encoder.append(rows, text); }));
  scripts->run_once([] {});
  io.run();
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return fail(ErrorKind::kUnavailable, "cannot write to standard output");
  std::string failed;
  const auto complain = [&](const std::string& name, const std::string& error) {
    std::fprintf(stderr, "resmon-client: %s: %s\n", name.c_str(), printable(error).c_str());
    failed += (failed.empty() ? "" : ", ") + name;
  };
  for (const collect::Gatherer::Health& health : gatherer->health())
    if (!health.success) complain(std::string(health.name), health.error);
  for (const collect::Scripts::Health& health : scripts->health())
    if (!health.error.empty()) complain("script." + health.name, health.error);
  if (failed.empty()) return {};
  return fail(ErrorKind::kUnavailable, "failed: " + failed);
}

}  // namespace resmon::client
