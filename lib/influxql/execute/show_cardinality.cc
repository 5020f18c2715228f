#include <algorithm>
#include <map>
#include <set>

#include "influxql/execute/show.h"
#include "influxql/plan/condition.h"
#include "influxql/plan/filter.h"

namespace resmon::influxql {
namespace {

using Kind = Expr::Kind;
using What = Show::What;

// What InfluxDB calls the statement in its errors.
std::string_view statement_name(What what) {
  switch (what) {
    case What::kMeasurementCardinality:
      return "SHOW MEASUREMENT EXACT CARDINALITY";
    case What::kTagKeyCardinality:
      return "SHOW TAG KEY EXACT CARDINALITY";
    case What::kFieldKeyCardinality:
      return "SHOW FIELD KEY CARDINALITY";
    default:
      return "SHOW SERIES EXACT CARDINALITY";
  }
}

// Counts by measurement and by the tags of GROUP BY. What is counted has no time of its own; InfluxDB gives it 0.
class Counter {
 public:
  Counter(const Show& statement, const PlanContext& context, Budget& budget)
      : show_(statement), context_(context), budget_(budget) {}
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  ~Counter() { budget_.release(bytes_); }

  Result<StatementResult> run(UnixNanos now) {
    RESMON_ASSIGN(const Condition split, split_condition(show_.condition, {now, true, nullptr}));
    if ((split.min || split.max) && show_.what != What::kTagValuesCardinality) {
      return fail(ErrorKind::kInvalid,
                  std::string(statement_name(show_.what)) + " doesn't support time in WHERE clause");
    }
    RESMON_ASSIGN(const std::vector<std::string> names, measurements());
    std::vector<std::shared_ptr<const Table>> tables;
    for (const std::string& name : names) {
      if (auto table = open_measurement(*context_.reader, name)) tables.push_back(std::move(table));
    }
    RESMON_TRY(find_dimensions(tables));
    // Each statement has one row for each of its series.
    const bool none = split.min.value_or(0) > 0 || split.max.value_or(0) < 0 || show_.offset > 0;
    if (none) return StatementResult{};
    for (const auto& table : tables) RESMON_TRY(count(*table, split.rest));
    if (is_estimate(show_)) return estimate(total_);
    return answer();
  }

 private:
  struct Count {
    std::uint64_t series = 0;
    std::set<std::string> distinct;
  };
  using Key = std::pair<std::string, std::vector<std::string>>;  // name, values of the tags

  Result<std::vector<std::string>> measurements() const {
    if (show_.sources.empty()) return context_.reader->measurements();
    std::set<std::string> out;
    for (const Source& source : show_.sources) {
      RESMON_ASSIGN(const std::vector<std::string> names, match_measurements(source, context_));
      out.insert(names.begin(), names.end());
    }
    return std::vector<std::string>(out.begin(), out.end());
  }

  Status find_dimensions(const std::vector<std::shared_ptr<const Table>>& tables) {
    std::set<std::string> out;
    for (const ExprPtr& dimension : show_.dimensions) {
      if (dimension->is(Kind::kVariable)) {
        out.insert(dimension->name);
        continue;
      }
      if (!dimension->is(Kind::kWildcard) && !dimension->is(Kind::kRegex))
        return fail(ErrorKind::kInvalid, "only tag dimensions allowed in SHOW CARDINALITY");
      for (const auto& table : tables) {
        for (const std::string& key : table->tag_keys()) {
          if (dimension->is(Kind::kWildcard) || dimension->regex->matches(key)) out.insert(key);
        }
      }
    }
    dimensions_.assign(out.begin(), out.end());
    return {};
  }

  Status count(const Table& table, const ExprPtr& condition) {
    const Filter filter(condition, table);
    for (std::size_t i = 0; i < table.series(); ++i) {
      if (i % 1024 == 0) RESMON_TRY(budget_.alive());
      const std::vector<metric::Tag>& tags = table.tags(i);
      // No field has a value at that time, so what asks for one does not hold.
      if (filter.judge(tags) != Filter::Verdict::kAll) continue;
      ++total_;
      if (is_estimate(show_) && show_.what == What::kSeriesCardinality) continue;
      Key key{show_.what == What::kMeasurementCardinality ? "" : table.name(), {}};
      for (const std::string& dimension : dimensions_) key.second.emplace_back(tag_value(tags, dimension));
      const auto [at, fresh] = counts_.try_emplace(std::move(key));
      if (fresh) RESMON_TRY(charge(sizeof(Key) + sizeof(Count) + 64 + 32 * dimensions_.size()));
      RESMON_TRY(add(table, tags, at->second));
    }
    if (show_.what == What::kMeasurementCardinality && is_estimate(show_)) total_ = distinct_measurements();
    return {};
  }

  std::uint64_t distinct_measurements() const {
    const auto all = counts_.find(Key{});
    return all == counts_.end() ? 0 : all->second.distinct.size();
  }

  Status add(const Table& table, const std::vector<metric::Tag>& tags, Count& count) {
    ++count.series;
    switch (show_.what) {
      case What::kMeasurementCardinality:
        return insert(count, table.name());
      case What::kTagKeyCardinality:
        for (const metric::Tag& tag : tags) RESMON_TRY(insert(count, tag.key));
        return {};
      case What::kTagValuesCardinality:
        for (const metric::Tag& tag : tags) {
          if (wants_key(show_, tag.key)) RESMON_TRY(insert(count, tag.value));
        }
        return {};
      case What::kFieldKeyCardinality:
        for (const store::Column& column : table.columns()) RESMON_TRY(insert(count, column.name));
        return {};
      default:
        return {};
    }
  }

  Status insert(Count& count, const std::string& text) {
    if (!count.distinct.insert(text).second) return {};
    return charge(64 + text.size());
  }

  Status charge(std::uint64_t bytes) {
    RESMON_TRY(budget_.buffer(bytes));
    bytes_ += bytes;
    return {};
  }

  Result<StatementResult> answer() const {
    StatementResult result;
    for (const auto& [key, count] : counts_) {
      const std::uint64_t found = show_.what == What::kSeriesCardinality ? count.series : count.distinct.size();
      if (found == 0) continue;
      RESMON_TRY(budget_.points(1, sizeof(Series)));
      Series series{key.first, {}, {"count"}, {static_cast<std::int64_t>(found)}, {}};
      for (std::size_t i = 0; i < dimensions_.size(); ++i) series.tags.emplace_back(dimensions_[i], key.second[i]);
      result.series.push_back(std::move(series));
    }
    return result;
  }

  const Show& show_;
  const PlanContext& context_;
  Budget& budget_;
  std::uint64_t bytes_ = 0;
  std::uint64_t total_ = 0;
  std::vector<std::string> dimensions_;
  std::map<Key, Count> counts_;
};

}  // namespace

bool is_cardinality(Show::What what) {
  switch (what) {
    case What::kSeriesCardinality:
    case What::kMeasurementCardinality:
    case What::kTagKeyCardinality:
    case What::kTagValuesCardinality:
    case What::kFieldKeyCardinality:
      return true;
    default:
      return false;
  }
}

bool is_estimate(const Show& statement) {
  const bool kind = statement.what == What::kSeriesCardinality || statement.what == What::kMeasurementCardinality;
  return kind && !statement.exact && statement.sources.empty() && statement.condition == nullptr &&
         statement.dimensions.empty() && statement.limit == 0 && statement.offset == 0;
}

StatementResult estimate(std::uint64_t count) {
  StatementResult result;
  result.series.push_back({"", {}, {"cardinality estimation"}, {static_cast<std::int64_t>(count)}, {}});
  return result;
}

Result<StatementResult> show_cardinality(const Show& statement, const PlanContext& context, UnixNanos now,
                                         Budget& budget) {
  return Counter(statement, context, budget).run(now);
}

}  // namespace resmon::influxql
