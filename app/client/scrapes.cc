#include "scrapes.h"

#include "base/log.h"

namespace resmon::client {

using std::chrono::hours;
using std::chrono::milliseconds;

void ScrapeSettings::declare(config::Settings& settings, const std::string& prefix) {
  settings.boolean(prefix + ".enabled", &enabled, "Whether it is asked.");
  settings.text(prefix + ".url", &options.url,
                "The exporter's address, such as http://127.0.0.1:9100/metrics. A query may follow.");
  settings.duration(prefix + ".interval", &options.interval, milliseconds(100), hours(24),
                    "How often, aligned to the wall clock.");
  settings.duration(prefix + ".timeout", &options.timeout, milliseconds(10), hours(1),
                    "The time limit for the whole answer; never more than the interval.");
  settings.text(prefix + ".username", &options.username, "For Basic authentication.");
  settings.text(prefix + ".password_file", &options.password_file,
                "A file whose first line is the password; read each time.");
  settings.text(prefix + ".bearer_file", &options.bearer_file,
                "A file whose first line is a bearer token; read each time.");
  settings.text(prefix + ".tls_ca_file", &options.tls_ca_file,
                "https: the certificate authorities to trust (PEM). Empty: the system's.");
  settings.boolean(prefix + ".tls_verify", &options.tls_verify,
                   "false accepts any certificate, so anybody on the way can read and change the data.");
  settings.boolean(prefix + ".use_times", &options.use_times,
                   "Take the times that some exporters put on samples. false: all have the time of the scrape.");
  settings.map(
      prefix + ".tags", &tags,
      "Labels added to all its series that do not have them. `job` (the table's name) and `instance` (host and "
      "port) are added, too.");
  settings.integer(prefix + ".max_series", &options.max_series, 1, 1'000'000,
                   "Different series since the client's start; samples of further ones are refused, and counted.");
  settings.bytes(prefix + ".max_bytes", &options.max_bytes, 1024, 256U << 20U, "A longer answer is a failed scrape.");
}

Status ScrapeSettings::check() const {
  if (!enabled) return {};
  for (const auto& [key, value] : tags)
    if (key == "host" || key == "time") return fail(ErrorKind::kInvalid, "tags." + key + ": this name is reserved");
  return options.check();
}

scrape::ScrapeOptions ScrapeSettings::scrape_options(const std::string& name) const {
  scrape::ScrapeOptions out = options;
  out.name = name;
  for (const auto& [key, value] : tags) out.tags.push_back({key, value});
  return out;
}

Scrapes::Scrapes(const boost::asio::any_io_executor& executor, const ScrapeTables& tables, metric::SchemaTable& schemas,
                 const scrape::Scraper::Deliver& deliver) {
  using metric::FieldType;
  for (const auto& [name, settings] : tables) {
    if (!settings.enabled) continue;
    auto scraper = scrape::Scraper::make(executor, settings.scrape_options(name), schemas, deliver);
    if (!scraper) {
      log::error("scrape", "cannot be set up; it is not asked",
                 {{"scrape", name}, {"reason", scraper.error().message}});
      not_set_up_.emplace_back(name, scraper.error().message);
      continue;
    }
    const metric::SchemaId schema = schemas
                                        .intern({"internal_scrape",
                                                 {{"scrape", name}},
                                                 {{"scrapes", FieldType::kInteger},
                                                  {"failures", FieldType::kInteger},
                                                  {"samples", FieldType::kInteger},
                                                  {"refused_lines", FieldType::kInteger},
                                                  {"not_finite", FieldType::kInteger}}})
                                        .value_or(0);
    scrapes_.push_back({std::move(*scraper), schema});
  }
}

void Scrapes::start() {
  for (const One& one : scrapes_) one.scraper->start();
}

void Scrapes::run_once() {
  for (const One& one : scrapes_) one.scraper->run_once([] {});
}

std::vector<std::pair<std::string, std::string>> Scrapes::errors() const {
  std::vector<std::pair<std::string, std::string>> out = not_set_up_;
  for (const One& one : scrapes_) out.emplace_back(one.scraper->name(), one.scraper->stats().last_error);
  return out;
}

void Scrapes::stop() {
  for (const One& one : scrapes_) one.scraper->stop();
}

void Scrapes::report(UnixNanos time, metric::Batch& batch) const {
  for (const One& one : scrapes_) {
    const scrape::ScrapeStats& stats = one.scraper->stats();
    metric::RowWriter row = batch.add(one.schema, 5, time);
    row.set(0, static_cast<std::int64_t>(stats.scrapes));
    row.set(1, static_cast<std::int64_t>(stats.failures));
    row.set(2, static_cast<std::int64_t>(stats.samples));
    row.set(3, static_cast<std::int64_t>(stats.refused_lines));
    row.set(4, static_cast<std::int64_t>(stats.not_finite));
  }
}

}  // namespace resmon::client
