#include "generator.h"

#include <fmt/format.h>

#include <map>

#include "data.h"
#include "generator_table.h"

namespace resmon::oracle {

namespace {

const std::vector<std::string> kHosts = {"web1", "web2", "db-1", "db 2"};
// What the tags hold, so that most conditions choose something.
const std::vector<std::string>& values_of(const std::string& tag) {
  static const std::map<std::string, std::vector<std::string>> values = {
      {"cpu", {"cpu-total", "cpu0", "cpu1", "cpu9"}},
      {"interface", {"eth0", "eth1", "lo"}},
      {"path", {"/", "/var/lib", "/home"}},
      {"fstype", {"ext4", "xfs"}},
      {"tag key", {"a b", "c,d=e", ""}},
      {"zone", {"a", "b", ""}},
  };
  const auto found = values.find(tag);
  return found == values.end() ? kHosts : found->second;
}

const std::vector<std::string> kPatterns = {"/^web/", "/db/",    "/(?i)WEB1$/", "/^(web1|db-1)$/", "/.*/",
                                            "/./",    "/[a-e]/", "/0$/",        "/nothing/"};

}  // namespace

std::string Generator::number_field(const Table& table) {
  return "\"" + pick(table.numbers) + "\"";
}

std::string Generator::aggregate(const Table& table, bool any_type) {
  if (any_type && !table.others.empty() && chance(10)) {
    return pick({"count", "first", "last"}) + "(\"" + pick(table.others) + "\")";
  }
  const std::string field = number_field(table);
  switch (below(15)) {
    case 0:
      return "count(" + field + ")";
    case 1:
      return "sum(" + field + ")";
    case 2:
    case 3:
    case 4:
      return "mean(" + field + ")";
    case 5:
      return "min(" + field + ")";
    case 6:
      return "max(" + field + ")";
    case 7:
      return "first(" + field + ")";
    case 8:
      return "last(" + field + ")";
    case 9:
      return "spread(" + field + ")";
    case 10:
      return "stddev(" + field + ")";
    case 11:
      return "median(" + field + ")";
    case 12:
      return "count(distinct(" + field + "))";
    case 13:
      return "percentile(" + (table.name == "net" ? std::string("bytes_recv") : field) + ", " +
             pick({"50", "90", "95", "99.9", "100"}) + ")";
    default:
      return "integral(" + field + pick({"", ", 1m", ", 10s"}) + ")";
  }
}

std::string Generator::tag_condition(const Table& table) {
  if (table.tags.empty()) return {};
  const std::string& key = pick(table.tags);
  const std::string written = pick({key, "\"" + key + "\"", "\"" + key + "\"::tag"});
  std::string name = key.find(' ') != std::string::npos ? "\"" + key + "\"" : written;
  const std::vector<std::string>& values = values_of(key);
  switch (below(8)) {
    case 0:
    case 1:
      return name + " = '" + pick(values) + "'";
    case 2:
      return name + " != '" + pick(values) + "'";
    case 3:
      return name + " <> '" + pick(values) + "'";
    case 4:
    case 5:
      return name + " =~ " + pick(kPatterns);
    case 6:
      return name + " !~ " + pick(kPatterns);
    default:
      return "(" + name + " = '" + pick(values) + "' OR " + name + " = '" + pick(values) + "')";
  }
}

std::string Generator::time_bounds(bool bounded) {
  const auto at = [&](std::int64_t seconds) {
    const UnixNanos time = kDataBegin + seconds * kSecond;
    switch (below(4)) {
      case 0:
        return fmt::format("{}", time);
      case 1:
        return fmt::format("{}ms", time / 1'000'000);
      case 2:
        return fmt::format("{}s", time / kSecond);
      default:
        return fmt::format("'2026-03-29T00:00:00Z' + {}s", seconds);
    }
  };
  const auto first = static_cast<std::int64_t>(below(5000)) - 300;
  const auto length = static_cast<std::int64_t>(below(5000)) + 60;
  std::string lower = fmt::format("time {} {}", pick({">", ">="}), at(first));
  std::string upper = fmt::format("time {} {}", pick({"<", "<="}), at(first + length));
  if (bounded || chance(70)) return lower + " AND " + upper;
  if (chance(50)) return upper;
  return chance(50) ? lower : "";
}

std::string Generator::where(const Table& table, bool bounded) {
  std::vector<std::string> parts;
  if (std::string time = time_bounds(bounded); !time.empty()) parts.push_back(time);
  if (chance(50)) {
    if (std::string tag = tag_condition(table); !tag.empty()) parts.push_back(tag);
  }
  if (chance(15)) {
    parts.push_back(number_field(table) + pick({" > ", " >= ", " < ", " <= ", " != ", " = "}) +
                    pick({"50", "20.5", "3", "0"}));
  }
  if (chance(6) && !table.tags.empty()) {
    parts.push_back("(" + tag_condition(table) + " OR " + number_field(table) + " > " + pick({"30", "75.5"}) + ")");
  }
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? " WHERE " : " AND ") + part;
  return out;
}

std::string Generator::fill() {
  return pick({"", "", " fill(null)", " fill(none)", " fill(0)", " fill(-1.5)", " fill(7)", " fill(previous)",
               " fill(linear)"});
}

std::string Generator::raw(const Table& table) {
  std::string fields;
  switch (below(6)) {
    case 0:
      fields = "*";
      break;
    case 1:
      fields = number_field(table);
      break;
    case 2:
      fields = number_field(table) + ", " + number_field(table);
      break;
    case 3:
      fields = number_field(table) + pick({" + ", " - ", " * ", " / "}) + number_field(table);
      break;
    case 4:
      fields = number_field(table) + pick({" * 8", " / 1024", " % 7", " - 0.5"}) + " AS \"a b\"";
      break;
    default:
      fields = pick({"derivative(", "non_negative_derivative(", "difference(", "non_negative_difference(",
                     "cumulative_sum(", "elapsed("}) +
               number_field(table) + ")";
      return "SELECT " + fields + " FROM \"" + table.name + "\"" + where(table, true) + " GROUP BY *" +
             pick({"", " ORDER BY time DESC", " LIMIT 7", " LIMIT 3 OFFSET 2"});
  }
  if (!table.others.empty() && chance(20)) fields += ", \"" + pick(table.others) + "\"";
  std::string out = "SELECT " + fields + " FROM \"" + table.name + "\"" + where(table, true);
  if (chance(50)) {
    return out + " GROUP BY *" +
           pick({"", " ORDER BY time DESC", " LIMIT 5", " LIMIT 4 OFFSET 3", " ORDER BY time DESC LIMIT 2",
                 " LIMIT 3 SLIMIT 2", " SLIMIT 1 SOFFSET 1"});
  }
  return out + pick({"", " ORDER BY time DESC"});
}

std::string Generator::aggregated(const Table& table) {
  std::string fields;
  const std::size_t columns = 1 + below(3);
  const bool windowed = chance(70);
  bool distinct_or_top = false;
  for (std::size_t i = 0; i < columns; ++i) {
    if (i > 0) fields += ", ";
    std::string one = aggregate(table, true);
    if (windowed && chance(25)) {
      // What goes in must be a number.
      one = aggregate(table, false);
      if (one.starts_with("integral")) one = "mean(" + number_field(table) + ")";
      switch (below(8)) {
        case 0:
          one = "derivative(" + one + pick({"", ", 1s", ", 1m"}) + ")";
          break;
        case 1:
        case 2:
          one = "non_negative_derivative(" + one + pick({"", ", 1s", ", 10s"}) + ")";
          break;
        case 3:
          one = "difference(" + one + ")";
          break;
        case 4:
          one = "non_negative_difference(" + one + ")";
          break;
        case 5:
          one = "moving_average(" + one + ", " + pick({"2", "3", "5"}) + ")";
          break;
        case 6:
          one = "cumulative_sum(" + one + ")";
          break;
        default:
          one = "elapsed(" + one + ", 1s)";
          break;
      }
      if (chance(30)) one += pick({" * 8", " / 60", " + 1"});
    } else if (chance(10) && one.find("first") == std::string::npos && one.find("last") == std::string::npos) {
      one += " / " + aggregate(table, false);
    }
    if (chance(20)) one += fmt::format(" AS c{}", i);
    fields += one;
  }
  if (chance(4)) {
    fields = pick({"mean(*)", "max(*)", "count(*)", "last(*)", "sum(/u/)", "first(/^[a-m]/)"});
  }
  if (chance(3) && table.name != "net") {  // which of equal values it is, is left to chance
    fields = pick({"top(", "bottom("}) + number_field(table) + ", " + pick({"1", "3", "5"}) + ")";
    distinct_or_top = true;
  }
  std::string out = "SELECT " + fields + " FROM \"" + table.name + "\"" + where(table, windowed);
  // Which of equal values a lone percentile is, and so its time, is left to chance; and so is on which side of 0 the
  // difference of two equal deviations falls.
  if (!windowed && fields.find("percentile(") != std::string::npos) return aggregated(table);
  if (fields.find("non_negative") != std::string::npos && fields.find("stddev") != std::string::npos)
    return aggregated(table);
  // What these choose among several groups' values of one time is left to chance, as is the order of integrals' series.
  const bool one_group = fields.find("first(") != std::string::npos || fields.find("last(") != std::string::npos ||
                         fields.find("top(") != std::string::npos || fields.find("bottom(") != std::string::npos;
  if (fields.find("integral(") != std::string::npos) {
    // One group only, and without other bounds: what a table has alike in all its tags is known here.
    return "SELECT integral(\"usage_idle\"" + pick({"", ", 1m"}) + "), mean(\"usage_user\") FROM cpu" +
           where({"cpu", {}, {"usage_idle"}, {}}, true) + " AND host = '" + pick(kHosts) + "' AND cpu = 'cpu0'" +
           pick({"", " GROUP BY time(5m)", " GROUP BY time(77s)"});
  }
  std::vector<std::string> dimensions;
  const std::string window = pick(
      {"time(10s)", "time(1m)", "time(5m)", "time(7m)", "time(1h)", "time(1m, 10s)", "time(5m, -90s)", "time(30m)"});
  if (windowed) dimensions.push_back(window);
  if (one_group) {
    dimensions.push_back("*");
  } else if (chance(60)) {
    if (chance(25)) {
      dimensions.push_back(pick({"*", "/h/"}));
    } else if (!table.tags.empty()) {
      dimensions.push_back("\"" + pick(table.tags) + "\"");
    }
  }
  for (std::size_t i = 0; i < dimensions.size(); ++i) out += (i == 0 ? " GROUP BY " : ", ") + dimensions[i];
  if (windowed) out += fill();
  if (chance(25)) out += " ORDER BY time DESC";
  if (chance(20) && !distinct_or_top) out += fmt::format(" LIMIT {}", 1 + below(20));
  if (chance(8) && !distinct_or_top) out += fmt::format(" OFFSET {}", 1 + below(5));
  if (chance(10)) out += fmt::format(" SLIMIT {}", 1 + below(3));
  if (chance(5)) out += fmt::format(" SOFFSET {}", 1 + below(2));
  // Where the clocks change, 1.6.7 loses rows of windows that do not fit into the hour.
  if (chance(8) && window != "time(7m)")
    out += pick({" tz('Europe/Berlin')", " tz('America/New_York')", " tz('Asia/Kolkata')", " tz('UTC')"});
  return out;
}

std::string Generator::subquery(const Table& table) {
  const std::string field = number_field(table);
  const std::string inner = pick({"mean(", "max(", "min(", "sum("}) + field + ") AS v FROM \"" + table.name + "\"";
  const std::string outer = pick({"sum(v)", "mean(v)", "max(v)", "count(v)", "spread(v)", "min(v)"});
  const std::string& tag = table.tags.empty() ? "none" : pick(table.tags);
  switch (below(6)) {
    case 0:
      return "SELECT " + outer + " FROM (SELECT " + inner + where(table, true) + " GROUP BY time(1m), \"" + tag +
             "\")" + pick({"", " GROUP BY \"" + tag + "\""});
    case 1:
      return "SELECT " + outer + " FROM (SELECT " + inner + " GROUP BY \"" + tag + "\")" +
             where({"", table.tags, {"v"}, {}}, true) + " GROUP BY time(5m)" + fill();
    case 2:
      return "SELECT " + outer + " FROM (SELECT " + field + " AS v FROM \"" + table.name + "\"" + where(table, true) +
             ")" + pick({"", " WHERE v > 20", " GROUP BY \"" + tag + "\""});
    case 3:
    case 4: {
      // Which rows before the first window each level may read.
      const auto over_windows = [&](const std::string& call) {
        return pick({"derivative(" + call + ", 1s)", "non_negative_derivative(" + call + ")",
                     "difference(" + call + ")", "moving_average(" + call + ", 3)", "cumulative_sum(" + call + ")",
                     "elapsed(" + call + ", 1s)"});
      };
      const std::string call = pick({"mean(", "max(", "count("}) + field + ")";
      const std::string twice = chance(30) ? over_windows(over_windows(call)) : over_windows(call);
      const std::string first = chance(40) ? over_windows(pick({"mean(v)", "max(v)"})) : outer;
      // What 1.6.7 makes of several series' filled windows in one outer window is not in order, nor whole.
      const bool alike = chance(50);
      return "SELECT " + first + pick({"", ", mean(v) AS m"}) + " FROM (SELECT " + twice + " AS v FROM \"" +
             table.name + "\"" + (chance(30) ? where(table, true) : std::string()) + " GROUP BY " +
             pick({"time(10s)", "time(30s)", "time(1m)"}) + ", \"" + tag + "\"" +
             (alike ? pick({"", " fill(none)", " fill(0)"}) : std::string()) + ")" +
             where({"", table.tags, {"v"}, {}}, true) + " GROUP BY " + pick({"time(30s)", "time(1m)", "time(5m)"}) +
             (alike ? ", \"" + tag + "\"" : std::string()) + fill() + pick({"", "", " ORDER BY time DESC"});
    }
    default:
      return "SELECT v, \"" + tag + "\" FROM (SELECT " + inner + where(table, true) + " GROUP BY time(10m), \"" + tag +
             "\")";
  }
}

std::string Generator::metadata(const Table& table) {
  const std::string from = " FROM \"" + table.name + "\"";
  const std::string condition = chance(40) && !table.tags.empty() ? " WHERE " + tag_condition(table) : "";
  const std::string limits = pick({"", "", " LIMIT 2", " LIMIT 3 OFFSET 1", " OFFSET 2"});
  switch (below(6)) {
    case 0:
      return "SHOW MEASUREMENTS" + pick({"", " WITH MEASUREMENT =~ /^[cm]/", " WITH MEASUREMENT =~ /(?i)SYS/"}) +
             condition + limits;
    case 1:
      return "SHOW TAG KEYS" + pick({"", from}) + condition + limits;
    case 2:
    case 3:
      return "SHOW TAG VALUES" + pick({"", from}) + " WITH KEY " +
             pick({"= \"host\"", "IN (host, cpu)", "=~ /h/", "!= host", "!~ /o/"}) + condition + limits;
    case 4:
      return "SHOW FIELD KEYS" + pick({"", from}) + limits;
    default:
      return "SHOW SERIES" + pick({"", from}) + condition + limits;
  }
}

std::string Generator::query() {
  static const std::vector<Table> tables = {
      {"cpu", {"host", "cpu"}, {"usage_idle", "usage_user", "usage_steal"}, {}},
      {"mem", {"host"}, {"used", "total", "used_percent"}, {}},
      {"net", {"host", "interface"}, {"bytes_recv", "bytes_sent", "err_in"}, {}},
      {"system", {"host"}, {"load1", "uptime", "n_cpus"}, {"uptime_format", "up"}},
      {"disk", {"host", "path", "fstype"}, {"used_percent", "free"}, {}},
      {"odd name", {"tag key"}, {"file-nr", "a b"}, {}},
      {"ragged", {"host", "zone"}, {"v", "w"}, {}},
      {"lone", {}, {"value"}, {}},
  };
  // The last is small: its turn comes seldom.
  const Table& table = tables[chance(97) ? below(tables.size() - 1) : tables.size() - 1];
  const std::size_t kind = below(100);
  if (kind < 14) return raw(table);
  if (kind < 52) return aggregated(table);
  if (kind < 60) return subquery(table);
  if (kind < 66) return metadata(table);
  if (kind < 76) return absent();
  if (kind < 82) return mixed();
  if (kind < 87) return seasons();
  if (kind < 92) return indicator(table);
  if (kind < 97) return cardinality(table);
  return bound();
}

}  // namespace resmon::oracle
