#include "status_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <optional>

#include "base/natural_order.h"
#include "fleet/search.h"

namespace resmon::server {

namespace {

constexpr std::size_t kMostRows = 1000;

struct Figure {
  std::string_view name;
  std::string_view heading;
  std::string (*text)(const fleet::Host& host);
};

std::string percent(std::optional<double> value) {
  return value ? fmt::format("{:.0f} %", *value) : "–";
}

std::string bits_per_second(std::optional<double> bytes) {
  if (!bytes) return "–";
  double value = *bytes * 8;
  constexpr std::string_view kUnits[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, value < 10 && unit > 0 ? 1 : 0, kUnits[unit]);
}

std::string duration(std::optional<std::int64_t> seconds) {
  if (!seconds) return "–";
  const std::int64_t s = *seconds;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min", s / 60);
  if (s < 86'400) return fmt::format("{} h", s / 3600);
  return fmt::format("{} d", s / 86'400);
}

std::string decimals(std::optional<double> value) {
  return value ? fmt::format("{:.2f}", *value) : "–";
}

constexpr Figure kStatusFigures[] = {
    {"cpu", "CPU", [](const fleet::Host& host) { return percent(host.summary.cpu_percent); }},
    {"memory", "Memory", [](const fleet::Host& host) { return percent(host.summary.memory_percent); }},
    {"swap", "Swap", [](const fleet::Host& host) { return percent(host.summary.swap_percent); }},
    {"disk", "Disk", [](const fleet::Host& host) { return percent(host.summary.disk_percent); }},
    {"load", "Load", [](const fleet::Host& host) { return decimals(host.summary.load1); }},
    {"pressure", "Pressure", [](const fleet::Host& host) { return percent(host.summary.pressure_percent); }},
    {"receive", "Received",
     [](const fleet::Host& host) { return bits_per_second(host.summary.network_receive_bytes_per_second); }},
    {"send", "Sent",
     [](const fleet::Host& host) { return bits_per_second(host.summary.network_send_bytes_per_second); }},
    {"uptime", "Running for", [](const fleet::Host& host) { return duration(host.summary.uptime_seconds); }},
};

const Figure* figure_of(std::string_view name) {
  const auto* const at = std::find_if(std::begin(kStatusFigures), std::end(kStatusFigures),
                                      [&](const Figure& one) { return one.name == name; });
  return at == std::end(kStatusFigures) ? nullptr : at;
}

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string_view state_of(const fleet::Host& host) {
  return fleet::is_paused(host) ? "paused" : fleet::state_name(host.state);
}

// What is down stands first.
int rank_of(const fleet::Host& host) {
  if (fleet::is_paused(host)) return 3;
  return host.state == fleet::State::kDown ? 0 : host.state == fleet::State::kLate ? 1 : 2;
}

std::string shown_name(const fleet::Host& host) {
  return host.settings && !host.settings->display_name.empty() ? host.settings->display_name : host.name;
}

// A long name breaks behind its dots only: a browser breaks at hyphens, too.
std::string breaking_name(const std::string& name) {
  std::string out;
  for (std::size_t from = 0; from < name.size();) {
    const std::size_t end = std::min(name.find('.', from), name.size() - 1) + 1;
    out += fmt::format("{}<span>{}</span>", from == 0 ? "" : "<wbr>", html(name.substr(from, end - from)));
    from = end;
  }
  return out;
}

std::string counts_of(const std::vector<const fleet::Host*>& hosts) {
  std::string out;
  for (const std::string_view state : {"down", "late", "up", "paused"}) {
    const auto count =
        std::count_if(hosts.begin(), hosts.end(), [&](const fleet::Host* host) { return state_of(*host) == state; });
    if (count > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, state);
  }
  return out.empty() ? "No host" : out;
}

}  // namespace

void StatusPage::declare(config::Settings& settings, const std::string& prefix) {
  settings.text(prefix + ".title", &title, "The heading. Empty: the name.");
  settings.text(prefix + ".hosts", &hosts,
                "Which hosts, as the fleet's search says it, such as `site:north` (docs/page.md). Empty: none.");
  settings.list(prefix + ".show", &show,
                "Which numbers, beside the state: cpu, memory, swap, disk, load, pressure, receive, send, uptime.");
  settings.text(prefix + ".frame_ancestors", &frame_ancestors,
                "Which sites may show it in a frame, such as https://wiki.example.org. `*`: all; `'none'`: no site.");
}

Status StatusPage::check() const {
  const std::string key = "status." + name;
  for (const std::string& one : show)
    if (figure_of(one) == nullptr) return fail(ErrorKind::kInvalid, key + ".show: there is no '" + one + "'");
  if (frame_ancestors.empty())
    return fail(ErrorKind::kInvalid, key + ".frame_ancestors: a site, * or 'none' is needed");
  for (const char c : frame_ancestors)
    if (c <= ' ' ? c != ' ' : c == ';' || c == ',' || c == 127)
      return fail(ErrorKind::kInvalid, key + ".frame_ancestors: sites are separated by blanks");
  return {};
}

std::string render_status_page(const StatusPage& page, const std::vector<fleet::Host>& hosts, UnixNanos now) {
  std::vector<const fleet::Host*> shown;
  const fleet::Search search(page.hosts);
  if (!search.everything())
    for (const fleet::Host& host : hosts)
      if (search.matches(host)) shown.push_back(&host);
  std::stable_sort(shown.begin(), shown.end(), [](const fleet::Host* a, const fleet::Host* b) {
    if (rank_of(*a) != rank_of(*b)) return rank_of(*a) < rank_of(*b);
    return natural_less(shown_name(*a), shown_name(*b));
  });
  const std::string title = html(page.title.empty() ? page.name : page.title);
  const std::time_t seconds = now / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><meta "
      "name=\"robots\" content=\"noindex\"><title>{0}: {1}</title><link "
      "rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\"><link rel=\"stylesheet\" "
      "href=\"/status.css\"><script type=\"module\" src=\"/status.js\"></script></head><body><main><h1>{0}</h1><p>{1}. "
      "<span class=\"quiet\">As of "
      "{2:02}:{3:02}:{4:02} UTC.</span></p><div class=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"Hosts\">"
      "<table><thead><tr><th scope=\"col\">Host</th><th scope=\"col\">State</th>",
      title, counts_of(shown), parts.tm_hour, parts.tm_min, parts.tm_sec);
  std::vector<const Figure*> figures;
  for (const std::string& one : page.show)
    if (const Figure* const figure = figure_of(one)) figures.push_back(figure);
  for (const Figure* const figure : figures)
    out += fmt::format("<th scope=\"col\" class=\"numeric\">{}</th>", figure->heading);
  out += "</tr></thead><tbody>\n";
  for (std::size_t i = 0; i < std::min(shown.size(), kMostRows); ++i) {
    const fleet::Host& host = *shown[i];
    // The numbers of a host that is down are old.
    const bool old = host.state == fleet::State::kDown;
    out += fmt::format("<tr><th scope=\"row\">{0}</th><td class=\"state {1}\">{1}</td>",
                       breaking_name(shown_name(host)), state_of(host));
    for (const Figure* const figure : figures)
      out += fmt::format("<td class=\"numeric\">{}</td>", old ? "–" : figure->text(host));
    out += "</tr>\n";
  }
  out += "</tbody></table></div>";
  if (shown.size() > kMostRows) out += fmt::format("<p>And {} more.</p>", shown.size() - kMostRows);
  return out + "</main></body></html>\n";
}

}  // namespace resmon::server
