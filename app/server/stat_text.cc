#include "stat_text.h"

#include <fmt/format.h>

#include <type_traits>
#include <variant>

namespace resmon::server {

namespace {

// Calls f(number); `absent` where there is none.
template <class F>
std::string with_number(const metric::StatValue& value, std::string absent, const F& f) {
  return std::visit(
      [&](const auto& number) -> std::string {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(number)>, std::monostate>)
          return std::move(absent);
        else
          return f(number);
      },
      value);
}

template <class T>
auto divided(T number, std::int64_t by) {
  return number / static_cast<T>(by);
}

}  // namespace

std::string_view prometheus_type(metric::StatKind kind) {
  return kind == metric::StatKind::kCounter ? "counter" : "gauge";
}

std::string prometheus_value(const metric::StatInfo& stat, const metric::StatValue& value) {
  return with_number(value, "", [&](auto number) {
    return fmt::format("{}", stat.kind == metric::StatKind::kTime ? divided(number, 1'000'000'000) : number);
  });
}

std::string json_value(const metric::StatInfo& stat, const metric::StatValue& value) {
  return with_number(value, "null", [&](auto number) {
    if (stat.kind == metric::StatKind::kTime)
      return number == 0 ? std::string("null") : fmt::format("{}", divided(number, 1'000'000));
    return stat.real ? fmt::format("{:.{}f}", static_cast<double>(number), stat.digits) : fmt::format("{}", number);
  });
}

void Exposition::head(const metric::StatInfo& stat) {
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", stat.name, stat.help, stat.name, prometheus_type(stat.kind));
}

void Exposition::sample(std::string_view name, std::string_view labels, std::string_view value) {
  if (value.empty()) return;
  text_ += name;
  if (!labels.empty()) text_.append("{").append(labels).append("}");
  text_.append(" ").append(value).append("\n");
}

}  // namespace resmon::server
