// The differential test of InfluxQL: the same data in Debian's influxd and behind our executor, the same queries to
// both, the answers compared value by value. Queries are those of queries.txt and, after them, generated ones from a
// seed.
//
//   influxql_oracle [--generated N] [--seed S] [--query TEXT] [--list FILE] [--show] [--reader fake|store]
//                   [--lines FILE] [--record FILE]
//
// --lines asks about the line protocol of a file instead of the made data: for trying one query by hand. --record
// writes the list's queries with influxd's answers, those that are small and the same at any time, for the unit tests
// of lib/influxql:
//
//   influxql_oracle --lines tests/fixtures/influxql/lines.txt --generated 0 --record
//   tests/fixtures/influxql/answers.txt
// Exit: 0 all equal, 1 differences (each is printed), 77 no influxd here.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "data.h"
#include "generator.h"
#include "http.h"
#include "influxd.h"
#include "influxql/execute.h"
#include "influxql/format/serialize.h"
#include "influxql/parse/params.h"
#include "influxql/test_answers.h"
#include "stored.h"

namespace resmon::oracle {
namespace {

struct Options {
  int generated = 1500;
  std::uint64_t seed = 1;
  std::string list = RESMON_SOURCE_DIR "/tests/oracle/queries.txt";
  std::optional<std::string> query;
  bool show = false;
  bool on_store = false;  // the real store instead of a fake reader
  std::string lines;      // a file of line protocol instead of the made data; needs the real store
  std::string record;     // a file for the answers
};

struct Counts {
  int compared = 0;
  int equal = 0;
  int empty = 0;  // equal, but without a row: says little
  int known = 0;  // differ, as the list says
};

// A query, and behind a tab what its parameters stand for.
std::string ours(const store::Reader& reader, const std::string& query, const std::string& params) {
  influxql::ExecuteOptions options;
  if (auto parsed = influxql::parse_params(params)) options.params = *std::move(parsed);
  options.requested_database = "resmon";
  options.now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::string body;
  influxql::write_json(influxql::execute(reader, query, options), {influxql::Epoch::kNanos, false, 0},
                       influxql::append_to(body));
  return body;
}

class Comparison {
 public:
  Comparison(const Options& options, Influxd& influxd, const store::Reader& reader)
      : options_(options), influxd_(influxd), reader_(reader) {}

  // False when the server cannot be asked any more.
  bool run(const std::string& written, Counts& counts) {
    const bool known = written.front() == '~';
    const std::size_t tab = std::min(written.find('\t'), written.size());
    const std::string query = written.substr(known ? 1 : 0, tab - (known ? 1 : 0));
    const std::string params = tab < written.size() ? written.substr(tab + 1) : std::string();
    const auto reply = request(influxd_.port(), "GET",
                               "/query?db=resmon&epoch=ns&q=" + percent_encoded(query) +
                                   (params.empty() ? "" : "&params=" + percent_encoded(params)));
    if (!reply) {
      fmt::print("NO ANSWER {}\n  {}\n", query, reply.error().message);
      return influxd_.alive();
    }
    const std::string mine = ours(reader_, query, params);
    ++counts.compared;
    boost::system::error_code bad_expected, bad_actual;
    const auto expected = boost::json::parse(reply->body, bad_expected);
    const auto actual = boost::json::parse(mine, bad_actual);
    std::string text;
    if (bad_expected || bad_actual) {
      text = bad_expected ? "influxd's answer is no JSON: " + reply->body : "our answer is no JSON: " + mine;
    } else {
      text = influxql::difference(expected, actual);
    }
    if (options_.show) fmt::print("{}\n  expected {}  found    {}", query, reply->body, mine);
    if (!known && text.empty() && params.empty()) record(query, reply->body);
    if (known) {
      --counts.compared;
      ++counts.known;
    } else if (text.empty()) {
      ++counts.equal;
      if (reply->body.find("\"values\"") == std::string::npos) ++counts.empty;
    } else {
      fmt::print("DIFFERS {}\n  {}\n", written, text);
    }
    return true;
  }
  const std::string& recorded() const { return recorded_; }

 private:
  void record(const std::string& query, std::string_view answer) {
    constexpr std::size_t kMostBytes = 1500;
    if (answer.size() > kMostBytes || query.find("now()") != std::string::npos || answer.find('\t') != answer.npos)
      return;
    if (answer.find("\"values\"") == answer.npos && answer.find("\"error\"") == answer.npos) return;  // says little
    while (answer.ends_with('\n')) answer.remove_suffix(1);
    recorded_.append(query).append(1, '\t').append(answer).append(1, '\n');
  }

  const Options& options_;
  Influxd& influxd_;
  const store::Reader& reader_;
  std::string recorded_;
};

Result<int> compare(const Options& options) {
  RESMON_ASSIGN(const auto influxd, Influxd::start());
  RESMON_TRY(request(influxd->port(), "POST", "/query?q=CREATE%20DATABASE%20resmon"));
  influxql::FakeReader reader;
  std::string lines;
  if (options.lines.empty()) {
    lines = make_data(options.seed, reader);
  } else {
    RESMON_ASSIGN(lines, read_file(options.lines));
  }
  RESMON_ASSIGN(const Reply written, request(influxd->port(), "POST", "/write?db=resmon", {}, lines));
  if (written.status != 204) return fail(ErrorKind::kInternal, "influxd refused the data: " + written.body);

  std::unique_ptr<Stored> stored;
  if (options.on_store) {
    RESMON_ASSIGN(stored, Stored::make(lines));
  }
  Comparison comparison(options, *influxd, stored != nullptr ? stored->reader() : reader);
  Counts listed, generated;
  if (options.query) {
    comparison.run(*options.query, listed);
  } else {
    RESMON_ASSIGN(const std::string list, read_file(options.list));
    std::istringstream in(list);
    for (std::string line; std::getline(in, line);) {
      if (line.empty() || line.front() == '#') continue;
      if (!comparison.run(line, listed)) return fail(ErrorKind::kUnavailable, "influxd died of: " + line);
    }
    Generator generator(options.seed);
    for (int i = 0; i < options.generated; ++i) {
      const std::string query = generator.query();
      if (!comparison.run(query, generated)) return fail(ErrorKind::kUnavailable, "influxd died of: " + query);
    }
  }
  if (!options.record.empty()) RESMON_TRY(write_file_atomically(options.record, comparison.recorded(), 0644));
  fmt::print("listed: {} compared, {} equal ({} of them without rows); {} known differences\n", listed.compared,
             listed.equal, listed.empty, listed.known);
  fmt::print("generated: {} compared, {} equal ({} of them without rows)\n", generated.compared, generated.equal,
             generated.empty);
  fmt::print("# summary: {} queries compared with influxd on {}, seed {}: {} equal, {} differ; {} known differences\n",
             listed.compared + generated.compared, options.on_store ? "the store" : "plain rows", options.seed,
             listed.equal + generated.equal, listed.compared + generated.compared - listed.equal - generated.equal,
             listed.known);
  return listed.equal == listed.compared && generated.equal == generated.compared ? 0 : 1;
}

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--show") {
      options.show = true;
      continue;
    }
    if (i + 1 == argc) return std::nullopt;
    const char* value = argv[++i];
    if (name == "--generated") {
      options.generated = std::atoi(value);
    } else if (name == "--seed") {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (name == "--list") {
      options.list = value;
    } else if (name == "--reader") {
      options.on_store = std::string_view(value) == "store";
    } else if (name == "--lines") {
      options.lines = value;
      options.on_store = true;
    } else if (name == "--record") {
      options.record = value;
    } else if (name == "--query") {
      options.query = value;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace
}  // namespace resmon::oracle

int main(int argc, char** argv) {
  const auto options = resmon::oracle::read_options(argc, argv);
  if (!options) {
    fmt::print(stderr,
               "usage: influxql_oracle [--generated N] [--seed S] [--query TEXT] [--list FILE] [--show] [--reader "
               "fake|store] [--lines FILE] [--record FILE]\n");
    return 2;
  }
  if (::access("/usr/bin/influxd", X_OK) != 0) {
    fmt::print("skipped: Debian's influxdb is not installed\n");
    return 77;
  }
  auto result = resmon::oracle::compare(*options);
  if (!result) {
    fmt::print(stderr, "influxql_oracle: {}\n", result.error().message);
    return 1;
  }
  return *result;
}
