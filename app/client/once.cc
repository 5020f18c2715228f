#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "agent.h"
#include "base/json_text.h"
#include "lineproto/encoder.h"
#include "rule/explain.h"
#include "scrapes.h"

namespace resmon::client {

namespace {

constexpr std::size_t kShownLines = 5;     // of each source, from its beginning
constexpr std::size_t kChangedLines = 10;  // and others that are joined of several lines, or have secrets replaced
constexpr auto kJournalPatience = std::chrono::seconds(2);

// The line breaks of an entry stay readable; all else that drives a terminal does not reach it.
std::string printable_lines(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, newline));
    if (newline == text.size()) return out;
    out += "\n#     ";
    text.remove_prefix(newline + 1);
  }
}

void append_line(const std::string& name, const logline::Line& line, std::string& text) {
  text += "# logs." + name + " " + std::to_string(line.time) + " " + std::string(logline::level_name(line.level)) +
          " " + printable(line.unit) + (line.pid != 0 ? "[" + std::to_string(line.pid) + "]" : "") + ": " +
          printable_lines(line.message);
  for (const logline::Field& field : line.fields) text += " " + printable(field.name) + "=" + printable(field.value);
  text += '\n';
}

// Reads all that there is now, as far as one batch has room.
std::vector<std::string> read_source_once(const LogSourceOptions& source, tail::Shaper& shaper) {
  const auto begin = std::chrono::steady_clock::now();
  if (source.journal) {
    tail::JournalSource journal(source.journal_options());
    std::vector<std::string> findings;
    while (shaper.lines().size() < kShownLines && findings.empty() &&
           std::chrono::steady_clock::now() < begin + kJournalPatience) {
      journal.poll(std::chrono::steady_clock::now(), false, shaper);
      findings = journal.take_findings();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return findings;
  }
  tail::FileOptions options = source.file_options();
  options.flush_after = {};  // the last entry is whole: nothing is waited for
  tail::FileSource files(options);
  while (files.poll(std::chrono::steady_clock::now(), false, shaper) && shaper.has_room()) {
  }
  return files.take_findings();
}

// A few lines of each source as they would be sent: comments among Influx lines.
Status append_log_lines(const Options& options, std::string& text) {
  for (const auto& [name, source] : options.logs) {
    // No program is run, and no socket opened, for this.
    if (!source.enabled || (!source.journal && source.files.empty())) continue;
    RESMON_ASSIGN(const auto shaper, tail::Shaper::make(name, source.shape_options()));
    std::set<std::size_t> changed;
    std::uint64_t redacted = 0;
    shaper->watch([&](const logline::Line& line, std::string_view) {
      const bool secret = std::exchange(redacted, shaper->stats().redacted) != shaper->stats().redacted;
      if (secret || line.message.find('\n') != std::string_view::npos) changed.insert(shaper->lines().size());
    });
    for (const std::string& finding : read_source_once(source, *shaper))
      std::fprintf(stderr, "resmon-client: logs.%s: %s\n", name.c_str(), printable(finding).c_str());
    const std::size_t size = shaper->lines().size();
    std::size_t shown = std::min(kShownLines, size);
    for (std::size_t i = 0; i < shown; ++i) append_line(name, shaper->lines()[i], text);
    for (auto at = changed.lower_bound(shown); at != changed.end() && *at < size; ++at) {
      if (shown == kShownLines + kChangedLines) break;
      append_line(name, shaper->lines()[*at], text);
      ++shown;
    }
    if (size > shown) {
      const std::string more = shaper->has_room() ? "" : " at least";
      text += "# logs." + name + more + " " + std::to_string(size - shown) + " more\n";
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
