#pragma once

// One [scrape.NAME] of the client: asks an exporter of Prometheus for its metrics at round times, and hands on the rows
// in the mapping of prom/series.h, with the labels `job` and `instance`. Each scrape also makes the rows that
// Prometheus makes: up, scrape_duration_seconds and scrape_samples_scraped. A target that is slow, away or mad costs
// itself only. All on the executor's one thread, which it keeps for less than a millisecond at a time.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "metric/batch.h"
#include "metric/schema.h"

namespace resmon::scrape {

struct ScrapeOptions {
  std::string name;  // the label `job`, where a series has none
  std::string url;   // http:// or https://, with path and query
  std::chrono::nanoseconds interval = std::chrono::seconds(15);
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  // of a whole scrape; at most the interval
  std::string username;
  std::string password_file;  // its first line; read at each scrape
  std::string bearer_file;    // the same
  std::string tls_ca_file;    // empty: the system's
  bool tls_verify = true;
  bool use_times = true;  // that lines have; otherwise all samples have the time of the scrape
  std::vector<metric::Tag> tags;
  std::int64_t max_series = 10'000;      // different ones since the start
  std::uint64_t max_bytes = 16U << 20U;  // of an answer

  Status check() const;  // the error names the key; does no I/O
};

struct ScrapeStats {
  std::uint64_t scrapes = 0;
  std::uint64_t failures = 0;  // of them
  std::uint64_t samples = 0;   // without those of `up` and its like
  std::uint64_t refused_lines = 0;
  std::uint64_t not_finite = 0;  // NaN and infinite values, which are not sent
  std::string last_error;        // why the last scrape failed; empty: it did not
};

class Scraper {
 public:
  // Gets rows, and may swap them away. When it returns they are in its hands.
  using Deliver = std::function<void(metric::Batch& rows)>;

  // kInvalid: options that cannot work, or a CA file that cannot be read. `schemas` must outlive it.
  static Result<std::unique_ptr<Scraper>> make(boost::asio::any_io_executor executor, ScrapeOptions options,
                                               metric::SchemaTable& schemas, Deliver deliver);
  ~Scraper();

  void start();
  // Asks once, at any time, instead of start(): then calls `done`. Why it failed is in stats(), and not logged.
  void run_once(std::function<void()> done);
  // Asks nothing more, and ends what is under way. Idempotent.
  void stop();
  const std::string& name() const;
  const ScrapeStats& stats() const;

  struct State;  // scraper.cc's own

 private:
  explicit Scraper(std::shared_ptr<State> state) : state_(std::move(state)) {}
  const std::shared_ptr<State> state_;
};

}  // namespace resmon::scrape
