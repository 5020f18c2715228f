#include <fmt/format.h>

#include "data.h"
#include "generator.h"
#include "generator_table.h"

// The kinds of query that ask for one thing that goes wrong easily.

namespace resmon::oracle {

// A comparison of fields that most rows lack.
std::string Generator::comparison(int depth) {
  if (depth > 0 && chance(35)) {
    const std::string sides = "(" + comparison(depth - 1) + pick({" AND ", " OR "}) + comparison(depth - 1) + ")";
    return chance(15) ? sides + " = " + pick({"true", "false"}) : sides;
  }
  const std::string op = pick({" = ", " != ", " < ", " <= ", " > ", " >= ", " <> "});
  // In one condition InfluxDB knows one type for a name, so what is cast stands alone.
  const bool alone = depth < 0;
  const std::string field = alone
                                ? pick({"b::field", "f::integer", "i::float", "s::string", "f::boolean", "host::field"})
                                : pick({"b", "f", "i", "s", "nosuch", "side"});
  const std::string value = alone ? pick({"true", "false", "2", "-1.5", "'x'"})
                                  : pick({"true", "false", "2", "-1.5", "0", "'x'", "'web1'", "''", "b", "f", "i", "s",
                                          "host", "(f > 0)", "i + 1", "i / 2", "f * i"});
  switch (below(8)) {
    case 0:
      return value + op + field;
    case 1:
      return pick({"s", "host", "side", "b", "nosuch"}) + pick({" =~ ", " !~ "}) + pick({"/x/", "/^web/", "/.*/"});
    case 2:
      return "(" + field + op + value + ") = " + pick({"true", "false"});
    default:
      return field + op + value;
  }
}

std::string Generator::absent() {
  const std::string condition = comparison(chance(20) ? -1 : 2);
  switch (below(6)) {
    case 0:
      return "SELECT count(" + pick({"i", "f", "b", "s"}) + ") FROM flags WHERE " + condition;
    case 1:
      return "SELECT b, i, f, s FROM (SELECT b, i, f, s, host FROM flags GROUP BY host) WHERE " + comparison(1);
    case 2:
      return "SELECT q FROM (SELECT " + pick({"i - f", "i * 2", "f / i", "b", "s", "i + nosuch"}) +
             " AS q FROM flags GROUP BY host)" + pick({"", " WHERE q > 0", " WHERE q = true"}) +
             pick({"", " LIMIT 7", " LIMIT 5 OFFSET 3", " fill(0)", " fill(previous)", " ORDER BY time DESC"});
    case 3:
      return "SELECT " + pick({"i", "s", "b, f", "*"}) + " FROM flags GROUP BY *" +
             pick({" OFFSET 3", " OFFSET 500", " LIMIT 3 OFFSET 1", " ORDER BY time DESC OFFSET 2"});
    case 4:
      return "SELECT " + pick({"s", "b", "i", "f", "host", "nosuch", "last(s)", "mean(f)", "count(b)"}) +
             pick({" + ", " - ", " & ", " | ", " % ", " / "}) + pick({"1", "1.5", "true", "'x'"}) + " FROM flags";
    default:
      return "SELECT i, f, s, b FROM flags WHERE " + condition + pick({"", " GROUP BY *"});
  }
}

// A field that has another type in each of the measurements.
std::string Generator::mixed() {
  const std::string from = pick({"mix_a, mix_b", "mix_b, mix_c, mix_d", "mix_a, mix_b, mix_c, mix_d", "mix_b, mix_d",
                                 "mix_c, mix_a", "/mix/", "mix_d"});
  const std::string cast = pick({"", "", "::float", "::integer", "::string", "::boolean"});
  const std::string parts = pick({"(SELECT f FROM mix_a), (SELECT f FROM mix_b)",
                                  "(SELECT f, o FROM mix_c), (SELECT f FROM mix_d)", "mix_a, (SELECT f, o FROM mix_b)",
                                  "(SELECT f, o FROM mix_a, mix_b)", "(SELECT last(f) AS f FROM mix_b), mix_c"});
  switch (below(5)) {
    case 0:
      return "SELECT f" + cast + pick({"", ", o"}) + " FROM " + from + pick({"", " LIMIT 4", " WHERE o > 30"});
    case 1:
      return "SELECT " + pick({"count(f", "first(f", "last(f", "distinct(f"}) + cast + ") FROM " + from;
    case 2:
      return "SELECT f" + cast + " FROM " + parts + pick({"", " WHERE f > 3", " WHERE f = 'p'", " WHERE f = true"});
    case 3:
      return "SELECT " + pick({"count(f)", "mean(f)", "*", "f, o"}) + " FROM " + parts;
    default:
      return "SELECT o FROM " + from + " WHERE f" + cast + pick({" = 'p'", " > 5", " = true", " != 'q'", " != false"});
  }
}

std::string Generator::seasons() {
  const std::string zone =
      pick({"America/New_York", "Europe/Berlin", "Europe/London", "Australia/Sydney", "Asia/Kolkata",
            "America/St_Johns", "Pacific/Auckland", "Pacific/Chatham", "America/Los_Angeles", "Europe/Athens", "UTC"});
  // Over the changes 1.6.7 puts windows with an offset an hour off, so those stay between them.
  const bool offset = chance(50);
  const UnixNanos begin =
      chance(50) ? kSpring + (offset ? 14 : 1) * 86'400 * kSecond : kAutumn + (offset ? 20 : 1) * 86'400 * kSecond;
  const auto first = static_cast<std::int64_t>(below(offset ? 72 : 600));
  const auto length = static_cast<std::int64_t>(24 + below(offset ? 96 : 240));
  const std::string interval = offset
                                   ? pick({"1h, 30m", "3h, 1h", "6h, 5h", "12h, -2h", "1d, 6h", "1d, -90m", "1d, 4d"})
                                   : pick({"1h", "12h", "1d", "2d", "1w"});
  const std::string call = pick({"count(v)", "sum(n)", "max(n)", "min(n)", "mean(n)", "spread(n)", "last(n)",
                                 "first(n)", "difference(sum(n))", "cumulative_sum(count(v))", "max(n), count(v)"});
  return fmt::format("SELECT {} FROM season WHERE time >= {} AND time < {} GROUP BY time({}){} tz('{}')", call,
                     begin + first * 3600 * kSecond, begin + (first + length) * 3600 * kSecond, interval, fill(), zone);
}

std::string Generator::indicator(const Table& table) {
  const std::string period = pick({"2", "3", "7", "14"});
  const std::string hold = pick({"", "", ", -1", ", 1", ", 5"});
  const std::string warmup = hold.empty() ? "" : pick({"", ", 'simple'", ", 'exponential'"});
  const std::string kind =
      pick({"exponential_moving_average(", "double_exponential_moving_average(", "triple_exponential_moving_average(",
            "relative_strength_index(", "triple_exponential_derivative(", "chande_momentum_oscillator(",
            "kaufmans_efficiency_ratio(", "kaufmans_adaptive_moving_average("});
  const std::string rest = ", " + period + hold + (kind.starts_with("kauf") ? std::string() : warmup) + ")";
  // A value that is nearly that of the one before is on one side or the other by the rounding of a sum: whole ones
  // only.
  const std::string call = pick({"max(", "min(", "count("}) + number_field(table) + ")";
  const std::string from = " FROM \"" + table.name + "\"";
  switch (below(6)) {
    case 0:
      // One series only: 1.6.7 ends the answer at the first that has no forecast.
      return "SELECT holt_winters" + pick({"", "_with_fit"}) + "(" + call + pick({", 3, 0)", ", 2, 4)", ", 5, 2)"}) +
             from + where(table, true) + " GROUP BY time(10m)" + pick({"", " fill(none)", " fill(previous)"});
    case 1:
      return "SELECT sample(" + number_field(table) + ", 1000000)" + from + where(table, true) + " GROUP BY *" +
             pick({"", ", time(7m)"}) + pick({"", " ORDER BY time DESC", " LIMIT 5"});
    case 2:
      return "SELECT " + kind + number_field(table) + rest + from + where(table, true) + " GROUP BY *" +
             pick({"", " ORDER BY time DESC", " LIMIT 7"});
    default:
      return "SELECT " + kind + call + rest + pick({"", " * 2"}) + from + where(table, true) + " GROUP BY " +
             pick({"time(1m)", "time(5m)", "time(30s)"}) + pick({"", ", *"}) + fill() +
             pick({"", "", " ORDER BY time DESC"});
  }
}

std::string Generator::cardinality(const Table& table) {
  const std::string exact = pick({"", " EXACT"});
  const std::string from = pick({"", " FROM \"" + table.name + "\"", " FROM cpu, mem", " FROM /s/", " FROM nosuch"});
  std::string rest = chance(50) && !table.tags.empty() ? " WHERE " + tag_condition(table) : "";
  if (chance(8)) rest = " WHERE time > 0";
  if (chance(25)) rest += " GROUP BY " + pick({"host", "*", "/o/", "nosuch", "host, cpu"});
  rest += pick({"", "", "", " LIMIT 1", " OFFSET 1"});
  switch (below(5)) {
    case 0:
      // 1.6.7 counts a series once for each week that it has rows in.
      if (from.empty() || from == " FROM /s/")
        return pick({"SHOW SERIES CARDINALITY", "SHOW SERIES CARDINALITY FROM /k/"});
      return "SHOW SERIES" + exact + " CARDINALITY" + from + rest;
    case 1:
      return "SHOW MEASUREMENT" + exact + " CARDINALITY" + from + rest;
    case 2:
      return "SHOW TAG KEY" + exact + " CARDINALITY" + from + rest;
    case 3:
      return "SHOW FIELD KEY" + exact + " CARDINALITY" + from + rest;
    default:
      // 1.6.7 finds no values of series that lack a tag of the condition.
      if (rest.find_first_of("!~<") != std::string::npos || rest.find("''") != std::string::npos) rest.clear();
      return "SHOW TAG VALUES" + exact + " CARDINALITY" + from + " WITH KEY " +
             pick({"= host", "IN (host, cpu)", "=~ /o|c/", "!= host"}) + rest;
  }
}

// Parameters of every type.
std::string Generator::bound() {
  const std::string host = pick({"web1", "db 2", "no' OR '1' = '1"});
  const std::string text = pick({"\"" + host + "\"", "{\"string\":\"" + host + "\"}"});
  const std::string number =
      pick({"50", "20.5", "{\"number\":30}", "{\"float\":7.25}", "{\"integer\":40}", "{\"int\":-3}"});
  const std::string window = pick({"{\"duration\":\"1m\"}", "{\"duration\":300000000000}", "{\"duration\":\"1h30m\"}"});
  const std::string wrong = pick({"null", "[1]", "{}", "{\"nosuch\":1}", "{\"integer\":2.5}", "{\"duration\":\"zz\"}",
                                  "{\"int\":1,\"float\":2}", "{\"identifier\":1}", "true", "5"});
  switch (below(4)) {
    case 0:
      return "SELECT usage_idle FROM cpu WHERE host = $h AND usage_idle > $n GROUP BY * LIMIT 9\t{\"h\":" + text +
             ",\"n\":" + number + "}";
    case 1:
      return "SELECT mean($f) FROM $m WHERE host =~ $r AND time >= 1774742400s AND time < 1774749600s GROUP BY "
             "time($d)\t"
             "{\"f\":{\"identifier\":\"usage_user\"},\"m\":{\"ident\":\"cpu\"},\"r\":{\"regex\":\"^web\"},\"d\":" +
             window + "}";
    case 2:
      return pick({"SELECT $p FROM cpu", "SELECT usage_idle FROM $p", "SELECT usage_idle FROM cpu WHERE host =~ $p",
                   "SELECT usage_idle FROM cpu GROUP BY * LIMIT $p",
                   "SELECT usage_idle FROM cpu WHERE usage_idle = $p"}) +
             "\t{\"p\":" + wrong + "}";
    default:
      return "SELECT up FROM system WHERE up = $b GROUP BY * LIMIT $l\t{\"b\":" + pick({"true", "false"}) +
             ",\"l\":" + pick({"3", "{\"integer\":4}", "-1", "2.5"}) + "}";
  }
}

}  // namespace resmon::oracle
