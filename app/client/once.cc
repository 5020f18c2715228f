#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <optional>
#include <thread>

#include "agent.h"
#include "base/json_text.h"
#include "lineproto/encoder.h"
#include "rule/explain.h"
#include "scrapes.h"

namespace resmon::client {

namespace {

constexpr std::size_t kShownLines = 5;  // of each source
constexpr auto kJournalPatience = std::chrono::seconds(2);

// A few lines of each source as they would be sent: comments among Influx lines.
Status append_log_lines(const Options& options, std::string& text) {
  for (const auto& [name, source] : options.logs) {
    if (!source.enabled) continue;
    RESMON_ASSIGN(const auto shaper, tail::Shaper::make(name, source.shape_options()));
    std::vector<std::string> findings;
    if (source.journal) {
      tail::JournalSource journal(source.journal_options());
      const auto until = std::chrono::steady_clock::now() + kJournalPatience;
      while (shaper->lines().size() < kShownLines && findings.empty() && std::chrono::steady_clock::now() < until) {
        journal.poll(std::chrono::steady_clock::now(), false, *shaper);
        findings = journal.take_findings();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    } else if (source.files.empty()) {
      continue;  // no program is run, and no socket opened, for this
    } else {
      tail::FileSource files(source.file_options());
      files.poll(std::chrono::steady_clock::now(), false, *shaper);
      findings = files.take_findings();
    }
    for (const std::string& finding : findings)
      std::fprintf(stderr, "resmon-client: logs.%s: %s\n", name.c_str(), printable(finding).c_str());
    for (std::size_t i = 0; i < std::min(kShownLines, shaper->lines().size()); ++i) {
      const logline::Line line = shaper->lines()[i];
      text += "# logs." + name + " " + std::to_string(line.time) + " " + std::string(logline::level_name(line.level)) +
              " " + printable(line.unit) + (line.pid != 0 ? "[" + std::to_string(line.pid) + "]" : "") + ": " +
              printable(line.message);
      for (const logline::Field& field : line.fields)
        text += " " + printable(field.name) + "=" + printable(field.value);
      text += '\n';
    }
  }
  return {};
}

// Rows as lines: what is sent of them, or what the rules do to them.
class Printer {
 public:
  Printer(const Options& options, const lineproto::EncoderOptions& lines, const std::string& explain,
          metric::SchemaTable& schemas, std::string& out)
      : encoder_(schemas, lines), out_(out) {
    if (!explain.empty())
      explainer_.emplace(options.rules, explain, schemas, options.rule_options(), lines);
    else
      engine_.emplace(options.rules, schemas, options.rule_options());
  }

  void print(const metric::Batch& rows) {
    if (explainer_) return explainer_->add(rows, out_);
    metric::Batch sent;
    engine_->process(rows, 0, rows.rows().size(), {Clock::system().wall(), 0}, sent);
    encoder_.append(sent, out_);
  }
  // Windows are shown as far as they are full.
  void finish() {
    if (explainer_) return explainer_->finish(out_);
    metric::Batch windows;
    engine_->flush(windows);
    encoder_.append(windows, out_);
  }

 private:
  lineproto::LineEncoder encoder_;
  std::string& out_;
  std::optional<rule::Engine> engine_;
  std::optional<rule::Explainer> explainer_;
};

}  // namespace

Status print_once(const Options& options, std::chrono::milliseconds settle, const std::string& explain) {
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
  std::string text;
  Printer printer(options, encoder_options, explain, schemas, text);
  printer.print(batch);
  RESMON_ASSIGN(auto scripts, collect::Scripts::make(io.get_executor(), options.script_settings(), schemas,
                                                     [&](metric::Batch& rows) { printer.print(rows); }));
  scripts->run_once([] {});
  Scrapes scrapes(io.get_executor(), options.scrapes, schemas, [&](metric::Batch& rows) { printer.print(rows); });
  scrapes.run_once();
  io.run();
  printer.finish();
  RESMON_TRY(append_log_lines(options, text));
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
  for (const auto& [name, error] : scrapes.errors())
    if (!error.empty()) complain("scrape." + name, error);
  if (failed.empty()) return {};
  return fail(ErrorKind::kUnavailable, "failed: " + failed);
}

}  // namespace resmon::client
