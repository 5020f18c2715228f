#include "http/accept.h"
#include "base/text.h"

#include <array>
#include <boost/beast/core/string.hpp>

namespace resmon::http {

namespace {

using boost::beast::iequals;

constexpr int kMostWeight = 1000;  // weights have three decimals

// The part of `rest` before `separator`, which both go from `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view out = trimmed(rest.substr(0, end));
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return out;
}

// "0.5" is 500. What is no weight counts as 0: an element that cannot be understood takes nothing.
int weight_of(std::string_view text) {
  if (text.empty() || (text[0] != '0' && text[0] != '1')) return 0;
  int weight = (text[0] - '0') * kMostWeight;
  if (text.size() > 1 && (text[1] != '.' || text.size() > 5)) return 0;
  int unit = kMostWeight / 10;
  for (std::size_t i = 2; i < text.size(); ++i, unit /= 10) {
    if (text[i] < '0' || text[i] > '9') return 0;
    weight += (text[i] - '0') * unit;
  }
  return weight > kMostWeight ? 0 : weight;
}

struct Element {
  std::string_view name;  // "text/csv", "*/*", "gzip"
  int weight = kMostWeight;
};

Element take_element(std::string_view& rest) {
  std::string_view text = take_until(rest, ',');
  Element out{take_until(text, ';')};
  while (!text.empty()) {
    const std::string_view parameter = take_until(text, ';');
    if (parameter.starts_with("q=") || parameter.starts_with("Q=")) out.weight = weight_of(parameter.substr(2));
  }
  return out;
}

// How exactly `range` names `offer`; 0: it does not.
int exactness(std::string_view range, std::string_view offer) {
  if (iequals(range, offer)) return 3;
  if (range.ends_with("/*") && range != "*/*" &&
      iequals(range.substr(0, range.size() - 1), offer.substr(0, range.size() - 1)))
    return 2;
  return range == "*/*" || range == "*" ? 1 : 0;
}

struct Liking {
  int exactness = 0;
  int weight = 0;
  std::size_t place = 0;  // in the header
};

Liking liking_of(std::string_view header, std::string_view offer) {
  Liking out;
  for (std::size_t place = 0; !header.empty(); ++place) {
    const Element element = take_element(header);
    if (const int exact = exactness(element.name, offer); exact > out.exactness) out = {exact, element.weight, place};
  }
  return out;
}

}  // namespace

std::optional<std::size_t> best_offer(std::string_view accept, std::span<const std::string_view> offers) {
  std::optional<std::size_t> best;
  Liking most;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const Liking liking = liking_of(accept, offers[i]);
    if (liking.weight == 0) continue;
    if (best && (liking.weight < most.weight || (liking.weight == most.weight && liking.place >= most.place))) continue;
    best = i;
    most = liking;
  }
  return best;
}

bool takes_gzip(std::string_view accept_encoding) {
  static constexpr std::array<std::string_view, 2> kNames = {"gzip", "x-gzip"};
  return best_offer(accept_encoding, kNames).has_value();
}

}  // namespace resmon::http
