#include "influxql/format/serialize.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "influxql/parse/time_text.h"

namespace resmon::influxql {
namespace {

constexpr std::size_t kNumberBytes = 32;  // what put_decimal and put_integer write is shorter

char* put_integer(char* to, std::int64_t value) {
  return std::to_chars(to, to + kNumberBytes, value).ptr;
}

template <int kDigits, std::int64_t kPower>
char* put_decimal(char* to, double value) {
  const double scaled = std::nearbyint(value * static_cast<double>(kPower));
  if (!(std::fabs(scaled) < 1e15) || scaled / static_cast<double>(kPower) != value) return to;
  const auto whole = static_cast<std::int64_t>(std::fabs(scaled));
  if (value < 0) *to++ = '-';
  to = put_integer(to, whole / kPower);
  std::int64_t rest = whole % kPower;
  if (rest == 0) return to;
  *to++ = '.';
  char* end = to + kDigits;
  for (char* at = end; at-- > to; rest /= 10) *at = static_cast<char>('0' + rest % 10);
  while (end[-1] == '0') --end;
  return end;
}

// Most numbers are whole or have two decimals at most, and means of a few of those have some more. No other text of up
// to 15 digits is the same number, so that one is the shortest. Where it is no such number, nothing is written.
char* put_decimal(char* to, double value) {
  if (value == 0) {
    if (std::signbit(value)) *to++ = '-';
    *to++ = '0';
    return to;
  }
  char* const end = put_decimal<2, 100>(to, value);
  return end != to ? end : put_decimal<6, 1'000'000>(to, value);
}

constexpr std::array<double, 16> kPowers = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// A number with so many significant digits; its whole part is written in full. Where it is too large or too small for
// that, nothing is written.
char* put_rounded(char* to, double value, int digits) {
  const double size = std::fabs(value);
  if (!(size < 1e15) || size < 1e-9) return to;
  int decimals = digits;
  for (double whole = 1; decimals > 0 && size >= whole; whole *= 10) --decimals;
  for (double part = 0.1; decimals < 15 && size < part; part /= 10) ++decimals;
  const auto scaled = static_cast<std::int64_t>(std::nearbyint(size * kPowers[static_cast<std::size_t>(decimals)]));
  const auto power = static_cast<std::int64_t>(kPowers[static_cast<std::size_t>(decimals)]);
  if (value < 0 && scaled != 0) *to++ = '-';
  to = put_integer(to, scaled / power);
  std::int64_t rest = scaled % power;
  if (rest == 0) return to;
  *to++ = '.';
  char* end = to + decimals;
  for (char* at = end; at-- > to; rest /= 10) *at = static_cast<char>('0' + rest % 10);
  while (end[-1] == '0') --end;
  return end;
}

// Digits and exponent of the shortest text of a double, laid out without an exponent.
void append_fixed(std::string& out, double value) {
  // Below 2^53 the shortest text has no digits that are not the number's own, so it is what Go writes.
  if (std::fabs(value) < 9e15) {
    std::array<char, 48> plain{};
    if (char* const end = put_decimal(plain.data(), value); end != plain.data()) {
      out.append(plain.data(), end);
      return;
    }
    const auto [to, trouble] =
        std::to_chars(plain.data(), plain.data() + plain.size(), value, std::chars_format::fixed);
    if (trouble == std::errc()) {
      out.append(plain.data(), to);
      return;
    }
  }
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  std::string_view all(text.data(), static_cast<std::size_t>(end - text.data()));
  if (all.front() == '-') {
    out += '-';
    all.remove_prefix(1);
  }
  const std::size_t e = all.find('e');
  int exponent = 0;
  const char* from = all.data() + e + (all[e + 1] == '+' ? 2 : 1);
  std::from_chars(from, all.data() + all.size(), exponent);
  std::string digits(1, all.front());
  if (e > 2) digits += all.substr(2, e - 2);
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    out += digits;
    return;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    out += digits;
    out.append(whole - digits.size(), '0');
  } else {
    out.append(digits, 0, whole);
    out += '.';
    out.append(digits, whole);
  }
}

void append_integer(std::string& out, std::int64_t value) {
  std::array<char, kNumberBytes> text{};
  out.append(text.data(), put_integer(text.data(), value));
}

bool is_plain(char c) {
  return c >= ' ' && c != 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

// A string as Go's encoding/json writes it: also <, > and & are escaped, and bytes that are no UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    out += text;
    out += '"';
    return;
  }
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          if (c < 0x20 || c == '<' || c == '>' || c == '&') {
            out += "\\u00";
            out += kHex[c >> 4U];
            out += kHex[c & 0xfU];
          } else {
            out += static_cast<char>(c);
          }
      }
      continue;
    }
    const std::size_t length = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    bool good = length > 0 && c < 0xf5 && i + length <= text.size();
    for (std::size_t k = 1; good && k < length; ++k) good = (static_cast<unsigned char>(text[i + k]) & 0xc0U) == 0x80;
    if (good && length >= 3) {
      const auto next = static_cast<unsigned char>(text[i + 1]);
      good = !(c == 0xe0 && next < 0xa0) && !(c == 0xed && next > 0x9f) && !(c == 0xf0 && next < 0x90) &&
             !(c == 0xf4 && next > 0x8f);
    }
    if (!good) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    const std::string_view sequence = text.substr(i, length);
    if (sequence == "\u2028") {
      out += "\\u2028";
    } else if (sequence == "\u2029") {
      out += "\\u2029";
    } else {
      out += sequence;
    }
    i += length;
  }
  out += '"';
}

// Writes JSON with InfluxDB's indentation when pretty.
class JsonWriter {
 public:
  explicit JsonWriter(const SerializeOptions& options) : options_(options) {}

  void end_document() {
    out_ += '\n';
    fresh_ = true;
  }
  bool full() const { return out_.size() >= kPieceBytes; }
  std::string take() { return std::exchange(out_, {}); }

  void open(char bracket) {
    separate();
    out_ += bracket;
    ++depth_;
    fresh_ = true;
  }
  void close(char bracket) {
    --depth_;
    if (!fresh_) new_line();
    out_ += bracket;
    fresh_ = false;
  }
  void key(std::string_view name) {
    separate();
    append_string(out_, name);
    out_ += options_.pretty ? ": " : ":";
    after_key_ = true;
  }
  void string(std::string_view text) {
    separate();
    append_string(out_, text);
  }
  void raw(std::string_view text) {
    separate();
    out_ += text;
  }
  void integer(std::int64_t value) {
    separate();
    append_integer(out_, value);
  }
  // A whole row at once, where nothing is to be indented; otherwise false. Nearly all of a long answer is rows.
  bool plain_row(const Series& series, std::size_t row, const Zone* zone) {
    if (options_.pretty) return false;
    separate();
    // Numbers go through a row of bytes of their own: adding to a string asks each time whether there is room.
    std::array<char, 8 * kNumberBytes> text{};
    char* to = text.data();
    const auto flush = [&] {
      out_.append(text.data(), to);
      to = text.data();
    };
    *to++ = '[';
    bool first = series.times.empty();
    if (!first && options_.epoch != Epoch::kNone) {
      to = put_integer(to, series.times[row] / unit_nanos_);
    } else if (!first) {
      flush();
      time(series.times[row], zone);
    }
    for (const Cell& cell : series.row(row)) {
      if (to > text.data() + text.size() - 2 * kNumberBytes) flush();
      if (!std::exchange(first, false)) *to++ = ',';
      char* const from = to;
      if (const auto* d = std::get_if<double>(&cell))
        to = options_.digits > 0 && *d != 0 ? put_rounded(to, *d, options_.digits) : put_decimal(to, *d);
      else if (const auto* i = std::get_if<std::int64_t>(&cell))
        to = put_integer(to, *i);
      if (to != from) continue;
      flush();
      value(cell, zone);
    }
    *to++ = ']';
    flush();
    return true;
  }
  void time_cell(UnixNanos nanos, const Zone* zone) {
    separate();
    time(nanos, zone);
  }
  void cell(const Cell& cell, const Zone* zone) {
    separate();
    value(cell, zone);
  }

 private:
  void time(UnixNanos nanos, const Zone* zone) {
    if (options_.epoch == Epoch::kNone) {
      out_ += '"';
      append_rfc3339(out_, nanos, zone);
      out_ += '"';
    } else {
      append_integer(out_, nanos / unit_nanos_);
    }
  }
  void value(const Cell& cell, const Zone* zone) {
    if (is_null(cell)) {
      out_ += "null";
    } else if (const auto* d = std::get_if<double>(&cell)) {
      append_double(out_, *d);
    } else if (const auto* i = std::get_if<std::int64_t>(&cell)) {
      append_integer(out_, *i);
    } else if (const auto* u = std::get_if<std::uint64_t>(&cell)) {
      out_ += std::to_string(*u);
    } else if (const auto* b = std::get_if<bool>(&cell)) {
      out_ += *b ? "true" : "false";
    } else if (const auto* t = std::get_if<Time>(&cell)) {
      time(t->nanos, zone);
    } else {
      append_string(out_, std::get<std::string>(cell));
    }
  }
  void separate() {
    if (after_key_) {
      after_key_ = false;
      fresh_ = false;
      return;
    }
    if (depth_ == 0) return;
    if (!fresh_) out_ += ',';
    fresh_ = false;
    new_line();
  }
  void new_line() {
    if (!options_.pretty) return;
    out_ += '\n';
    out_.append(depth_ * 4, ' ');
  }

  const SerializeOptions options_;
  const std::int64_t unit_nanos_ = unit_nanos(options_.epoch);
  std::string out_;
  std::size_t depth_ = 0;
  bool fresh_ = true;
  bool after_key_ = false;
};

void begin_series(JsonWriter& json, const Series& series) {
  json.open('{');
  if (!series.name.empty()) {
    json.key("name");
    json.string(series.name);
  }
  if (!series.tags.empty()) {
    json.key("tags");
    json.open('{');
    for (const auto& [key, value] : series.tags) {
      json.key(key);
      json.string(value);
    }
    json.close('}');
  }
  json.key("columns");
  json.open('[');
  for (const std::string& column : series.columns) json.string(column);
  json.close(']');
  if (series.rows() == 0) return;
  json.key("values");
  json.open('[');
}

void write_row(JsonWriter& json, const Series& series, std::size_t row, const Zone* zone) {
  if (json.plain_row(series, row, zone)) return;
  json.open('[');
  if (!series.times.empty()) json.time_cell(series.times[row], zone);
  for (const Cell& cell : series.row(row)) json.cell(cell, zone);
  json.close(']');
}

void end_series(JsonWriter& json, const Series& series, bool partial) {
  if (series.rows() > 0) json.close(']');
  if (partial) {
    json.key("partial");
    json.raw("true");
  }
  json.close('}');
}

void write_error(JsonWriter& json, std::string_view error) {
  json.key("error");
  json.string(error);
}

void begin_result(JsonWriter& json, std::size_t id, const StatementResult& result) {
  json.open('{');
  json.key("statement_id");
  json.integer(static_cast<std::int64_t>(id));
  if (result.warning.empty()) return;
  json.key("messages");
  json.open('[');
  json.open('{');
  json.key("level");
  json.string("warning");
  json.key("text");
  json.string(result.warning);
  json.close('}');
  json.close(']');
}

// A document of a chunked answer has one result.
void begin_document(JsonWriter& json, std::size_t id, const StatementResult& result) {
  json.open('{');
  json.key("results");
  json.open('[');
  begin_result(json, id, result);
}

void end_document(JsonWriter& json) {
  json.close('}');
  json.close(']');
  json.close('}');
  json.end_document();
}

Pieces chunked_pieces(std::shared_ptr<const Response> response, SerializeOptions options) {
  JsonWriter json(options);
  for (std::size_t id = 0; id < response->results.size(); ++id) {
    const StatementResult& result = response->results[id];
    if (!result.error.empty() || result.series.empty()) {
      begin_document(json, id, result);
      if (!result.error.empty()) write_error(json, result.error);
      end_document(json);
    }
    for (std::size_t s = 0; s < result.series.size(); ++s) {
      const Series& series = result.series[s];
      const std::size_t rows = series.rows();
      std::size_t from = 0;
      do {
        const std::size_t to = rows - from > options.chunk_rows ? from + options.chunk_rows : rows;
        begin_document(json, id, result);
        json.key("series");
        json.open('[');
        begin_series(json, series);
        for (; from < to; ++from) {
          write_row(json, series, from, result.zone.get());
          if (json.full()) co_yield json.take();
        }
        end_series(json, series, to < rows);
        json.close(']');
        if (to < rows || s + 1 < result.series.size()) {
          json.key("partial");
          json.raw("true");
        }
        end_document(json);
      } while (from < rows);
    }
  }
  co_yield json.take();
}

Pieces whole_pieces(std::shared_ptr<const Response> response, SerializeOptions options) {
  JsonWriter json(options);
  json.open('{');
  if (!response->error.empty()) {
    write_error(json, response->error);
  } else if (!response->results.empty()) {
    json.key("results");
    json.open('[');
    for (std::size_t id = 0; id < response->results.size(); ++id) {
      const StatementResult& result = response->results[id];
      begin_result(json, id, result);
      if (!result.error.empty()) {
        write_error(json, result.error);
      } else if (!result.series.empty()) {
        json.key("series");
        json.open('[');
        for (const Series& series : result.series) {
          begin_series(json, series);
          for (std::size_t row = 0; row < series.rows(); ++row) {
            write_row(json, series, row, result.zone.get());
            if (json.full()) co_yield json.take();
          }
          end_series(json, series, false);
        }
        json.close(']');
      }
      json.close('}');
    }
    json.close(']');
  }
  json.close('}');
  json.end_document();
  co_yield json.take();
}

void append_csv(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos && (text.empty() || text.front() != ' ')) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_csv_cell(std::string& out, const Cell& cell, const SerializeOptions& options) {
  if (const auto* d = std::get_if<double>(&cell)) {
    if (std::isfinite(*d)) append_fixed(out, *d);
  } else if (const auto* t = std::get_if<Time>(&cell)) {
    append_integer(out, t->nanos / unit_nanos(options.epoch));
  } else if (const auto* i = std::get_if<std::int64_t>(&cell)) {
    append_integer(out, *i);
  } else if (const auto* u = std::get_if<std::uint64_t>(&cell)) {
    out += std::to_string(*u);
  } else if (const auto* b = std::get_if<bool>(&cell)) {
    out += *b ? "true" : "false";
  } else if (const auto* s = std::get_if<std::string>(&cell)) {
    append_csv(out, *s);
  }
}

void append_tags(std::string& out, const Series& series) {
  std::string tags;
  const auto escaped = [&](std::string_view text) {
    for (const char c : text) {
      if (c == ',' || c == '=' || c == ' ') tags += '\\';
      tags += c;
    }
  };
  for (const auto& [key, value] : series.tags) {
    if (value.empty()) continue;
    if (!tags.empty()) tags += ',';
    escaped(key);
    tags += '=';
    escaped(value);
  }
  append_csv(out, tags);
}

}  // namespace

std::int64_t unit_nanos(Epoch epoch) {
  switch (epoch) {
    case Epoch::kMicros:
      return 1000;
    case Epoch::kMillis:
      return 1'000'000;
    case Epoch::kSeconds:
      return 1'000'000'000;
    case Epoch::kMinutes:
      return 60'000'000'000;
    case Epoch::kHours:
      return 3'600'000'000'000;
    default:
      return 1;
  }
}

Epoch parse_epoch(std::string_view text) {
  if (text == "ns" || text == "n") return Epoch::kNanos;
  if (text == "u" || text == "\u00b5" || text == "us") return Epoch::kMicros;
  if (text == "ms") return Epoch::kMillis;
  if (text == "s") return Epoch::kSeconds;
  if (text == "m") return Epoch::kMinutes;
  if (text == "h") return Epoch::kHours;
  return Epoch::kNone;
}

Sink append_to(std::string& out) {
  return [&out](std::string_view piece) {
    out += piece;
    return true;
  };
}

void append_double(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const double size = std::fabs(value);
  if (size == 0 || (size >= 1e-6 && size < 1e21)) {
    append_fixed(out, value);
    return;
  }
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  std::string_view all(text.data(), static_cast<std::size_t>(end - text.data()));
  // Two digits of exponent become one where the first is 0 and the exponent negative, as in Go.
  if (all.size() >= 4 && all.substr(all.size() - 4, 3) == "e-0") {
    out.append(all.substr(0, all.size() - 2));
    out += all.back();
  } else {
    out += all;
  }
}

Pieces json_pieces(std::shared_ptr<const Response> response, const SerializeOptions& options) {
  const bool chunked = response->error.empty() && options.chunk_rows > 0;
  return chunked ? chunked_pieces(std::move(response), options) : whole_pieces(std::move(response), options);
}

Pieces csv_pieces(std::shared_ptr<const Response> response, SerializeOptions options) {
  std::string out;
  if (!response->error.empty()) {
    out = "error\n";
    append_csv(out, response->error);
    out += '\n';
    co_yield std::move(out);
    co_return;
  }
  bool first = true;
  for (const StatementResult& result : response->results) {
    const std::vector<std::string>* columns = nullptr;
    for (const Series& series : result.series) {
      if (columns == nullptr || *columns != series.columns) {
        if (!first) out += '\n';
        first = false;
        columns = &series.columns;
        out += "name,tags";
        for (const std::string& column : *columns) {
          out += ',';
          append_csv(out, column);
        }
        out += '\n';
      }
      for (std::size_t r = 0; r < series.rows(); ++r) {
        append_csv(out, series.name);
        out += ',';
        append_tags(out, series);
        if (!series.times.empty()) {
          out += ',';
          append_integer(out, series.times[r] / unit_nanos(options.epoch));
        }
        for (const Cell& cell : series.row(r)) {
          out += ',';
          append_csv_cell(out, cell, options);
        }
        out += '\n';
        if (out.size() >= kPieceBytes) co_yield std::exchange(out, {});
      }
    }
  }
  co_yield std::move(out);
}

namespace {

bool write_all(Pieces pieces, const Sink& sink) {
  while (const auto piece = pieces.next()) {
    if (!sink(*piece)) return false;
  }
  return true;
}

// For pieces that end before `response` does.
std::shared_ptr<const Response> borrowed(const Response& response) {
  return {std::shared_ptr<const Response>(), &response};
}

}  // namespace

bool write_json(const Response& response, const SerializeOptions& options, const Sink& sink) {
  return write_all(json_pieces(borrowed(response), options), sink);
}

bool write_csv(const Response& response, const SerializeOptions& options, const Sink& sink) {
  return write_all(csv_pieces(borrowed(response), options), sink);
}

}  // namespace resmon::influxql
