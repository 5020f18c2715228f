#pragma once

// [scrape.NAME] of client.toml: exporters of Prometheus that the client asks for their metrics.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "scrape/scraper.h"

namespace resmon::client {

struct ScrapeSettings {
  bool enabled = true;
  std::vector<std::pair<std::string, std::string>> tags;
  scrape::ScrapeOptions options;

  void declare(config::Settings& settings, const std::string& prefix);
  Status check() const;  // the error names the key
  scrape::ScrapeOptions scrape_options(const std::string& name) const;
};

using ScrapeTables = std::map<std::string, ScrapeSettings, std::less<>>;

class Scrapes {
 public:
  // One that cannot be made is logged, and left out. `schemas` must outlive it.
  Scrapes(const boost::asio::any_io_executor& executor, const ScrapeTables& tables, metric::SchemaTable& schemas,
          const scrape::Scraper::Deliver& deliver);

  void start();
  // Asks each once, instead of start(), as long as the executor runs.
  void run_once();
  // Of the last scrape of each, or why it could not be set up; empty: all is well.
  std::vector<std::pair<std::string, std::string>> errors() const;
  void stop();
  // Appends a row of internal_scrape for each.
  void report(UnixNanos time, metric::Batch& batch) const;

 private:
  struct One {
    std::unique_ptr<scrape::Scraper> scraper;
    metric::SchemaId schema = 0;
  };
  std::vector<One> scrapes_;
  std::vector<std::pair<std::string, std::string>> not_set_up_;
};

}  // namespace resmon::client
