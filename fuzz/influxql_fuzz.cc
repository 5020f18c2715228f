// InfluxQL against any text: parsed, run over a little data within tight bounds, and written as JSON, CSV and
// MessagePack; deletions are asked what they take. Beyond
// not crashing: what an expression prints as is read back as the same text.

#include <cstdlib>
#include <string_view>

#include "influxql/execute.h"
#include "influxql/execute/change.h"
#include "influxql/fake_reader.h"
#include "influxql/format/serialize.h"
#include "influxql/parse/params.h"
#include "influxql/parse/predicate.h"

namespace {

using namespace resmon;
using namespace resmon::influxql;

const FakeReader& data() {
  static const FakeReader* reader = [] {
    auto* made = new FakeReader(5);
    for (std::int64_t i = 0; i < 20; ++i) {
      const UnixNanos time = 1'700'000'000'000'000'000 + i * 1'000'000'000;
      made->add("m", {{"host", i % 2 == 0 ? "a" : "b"}}, "f", time, static_cast<double>(i) / 3);
      made->add("m", {{"host", "a"}}, "i", time, i * i);
      made->add("m", {{"host", "b"}}, "u", time, static_cast<std::uint64_t>(i));
      made->add("m", {}, "s", time, std::string(static_cast<std::size_t>(i % 3), 'x'));
      made->add("n", {{"t", "\"\\,= "}}, "b", time, i % 2 == 0);
    }
    return made;
  }();
  return *reader;
}

bool has_regex(const Expr& expr) {
  if (expr.regex != nullptr) return true;
  for (const ExprPtr& arg : expr.args) {
    if (has_regex(*arg)) return true;
  }
  return false;
}

// A regular expression's slashes are escaped when printed, which can meet a backslash that is there.
void require_stable(const Select& select) {
  if (select.condition == nullptr || has_regex(*select.condition)) return;
  const std::string printed = to_string(*select.condition);
  const auto again = parse("SELECT a FROM b WHERE " + printed);
  if (!again) {
    // What was within the bounds may be printed beyond them; numbers too great for a double are the other way to fail.
    return;
  }
  if (to_string(*std::get<Select>(again->front()).condition) != printed) std::abort();
}

void ask_what_it_takes(const Delete& statement) {
  const auto deletion = deletion_of(statement, data(), 1'700'000'010'000'000'000);
  if (deletion) (void)deletion->takes("m", {{"host", "a"}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const Parameters params = {{"p", std::string("a")}, {"q", 1.5}, {"r", RegexText{"a+"}}, {"d", Duration{"1m"}}};
  // `{…}` is never a query, and may be parameters.
  if (const auto given = parse_params(text)) (void)parse("SELECT a FROM b WHERE c = $p AND d > $q", *given);
  const auto parsed = parse(text, params);
  if (parsed) {
    for (const Statement& statement : *parsed) {
      if (const auto* select = std::get_if<Select>(&statement)) require_stable(*select);
      if (const auto* deletion = std::get_if<Delete>(&statement)) ask_what_it_takes(*deletion);
    }
  }
  if (const auto predicate = parse_delete_predicate(text)) ask_what_it_takes(*predicate);
  ExecuteOptions options;
  options.requested_database = "resmon";
  options.now = 1'700'000'010'000'000'000;
  options.params = params;
  options.limits.max_rows = 5000;
  options.limits.max_points = 2000;
  options.limits.max_buckets = 2000;
  options.limits.max_buffer_bytes = 1U << 20U;
  const Response response = execute(data(), text, options);
  std::string out;
  write_json(response, {Epoch::kNone, size % 2 == 0, size % 3}, append_to(out));
  write_csv(response, {Epoch::kMillis, false, 0}, append_to(out));
  Pieces packed = msgpack_pieces(std::make_shared<const Response>(response), {Epoch::kNone, false, 0});
  while (packed.next()) {
  }
  return 0;
}
