// A response as MessagePack, as InfluxDB 1.x writes it for `Accept: application/x-msgpack`: the keys of the JSON answer
// in the same order, integers in their shortest signed form, floats always of 64 bits, and times without `epoch` as an
// extension of type 5: seconds since 1970 (8 bytes) and nanoseconds (4 bytes), big endian. Unlike in JSON, `series` and
// `values` are there even when they are empty, and a failed statement has no `statement_id`. It is one document also
// where chunks are asked for: influxdb-python, the one library that asks for MessagePack, reads no second one.
// https://github.com/msgpack/msgpack/blob/master/spec.md

#include <bit>
#include <cstdint>

#include "influxql/format/serialize.h"

namespace resmon::influxql {
namespace {

constexpr std::int64_t kNanosASecond = 1'000'000'000;

class Packer {
 public:
  explicit Packer(std::int64_t unit_nanos) : unit_nanos_(unit_nanos) {}

  bool full() const { return out_.size() >= kPieceBytes; }
  std::string take() { return std::exchange(out_, {}); }

  void map(std::size_t size) { head(size, 0x80, 15, 0, 0xde, 0xdf); }
  void array(std::size_t size) { head(size, 0x90, 15, 0, 0xdc, 0xdd); }
  void string(std::string_view text) {
    head(text.size(), 0xa0, 31, 0xd9, 0xda, 0xdb);
    out_ += text;
  }
  void boolean(bool value) { byte(value ? 0xc3 : 0xc2); }
  void integer(std::int64_t value) {
    if (value >= -32 && value <= INT8_MAX) {
      byte(static_cast<std::uint64_t>(value) & 0xffU);
    } else if (value >= INT8_MIN && value <= INT8_MAX) {
      number(0xd0, static_cast<std::uint64_t>(value), 1);
    } else if (value >= INT16_MIN && value <= INT16_MAX) {
      number(0xd1, static_cast<std::uint64_t>(value), 2);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
      number(0xd2, static_cast<std::uint64_t>(value), 4);
    } else {
      number(0xd3, static_cast<std::uint64_t>(value), 8);
    }
  }
  void time(UnixNanos time) {
    if (unit_nanos_ != 0) return integer(time / unit_nanos_);
    std::int64_t seconds = time / kNanosASecond;
    std::int64_t nanos = time % kNanosASecond;
    if (nanos < 0) {
      nanos += kNanosASecond;
      --seconds;
    }
    out_ += "\xc7\x0c\x05";
    raw(static_cast<std::uint64_t>(seconds), 8);
    raw(static_cast<std::uint64_t>(nanos), 4);
  }
  void cell(const Cell& cell) {
    if (is_null(cell)) return byte(0xc0);
    if (const auto* d = std::get_if<double>(&cell)) return number(0xcb, std::bit_cast<std::uint64_t>(*d), 8);
    if (const auto* i = std::get_if<std::int64_t>(&cell)) return integer(*i);
    if (const auto* u = std::get_if<std::uint64_t>(&cell)) return unsigned_integer(*u);
    if (const auto* b = std::get_if<bool>(&cell)) return boolean(*b);
    if (const auto* t = std::get_if<Time>(&cell)) return time(t->nanos);
    string(std::get<std::string>(cell));
  }

 private:
  void byte(std::uint64_t value) { out_ += static_cast<char>(static_cast<unsigned char>(value)); }
  void raw(std::uint64_t value, unsigned bytes) {
    while (bytes-- > 0) byte(value >> (8 * bytes) & 0xffU);
  }
  void number(std::uint64_t code, std::uint64_t value, unsigned bytes) {
    byte(code);
    raw(value, bytes);
  }
  void unsigned_integer(std::uint64_t value) {
    if (value <= INT8_MAX) {
      byte(value);
    } else if (value <= UINT8_MAX) {
      number(0xcc, value, 1);
    } else if (value <= UINT16_MAX) {
      number(0xcd, value, 2);
    } else if (value <= UINT32_MAX) {
      number(0xce, value, 4);
    } else {
      number(0xcf, value, 8);
    }
  }
  // A length: in the code itself up to `fix`, else of 1 (where there is such a form), 2 or 4 bytes.
  void head(std::size_t size, std::uint64_t base, std::size_t fix, std::uint64_t one, std::uint64_t two,
            std::uint64_t four) {
    if (size <= fix) {
      byte(base | size);
    } else if (one != 0 && size <= UINT8_MAX) {
      number(one, size, 1);
    } else if (size <= UINT16_MAX) {
      number(two, size, 2);
    } else {
      number(four, size, 4);
    }
  }

  const std::int64_t unit_nanos_;  // 0: times are times
  std::string out_;
};

// A series but for its rows.
void begin_series(Packer& out, const Series& series) {
  out.map(2U + (series.name.empty() ? 0U : 1U) + (series.tags.empty() ? 0U : 1U));
  if (!series.name.empty()) {
    out.string("name");
    out.string(series.name);
  }
  if (!series.tags.empty()) {
    out.string("tags");
    out.map(series.tags.size());
    for (const auto& [key, value] : series.tags) {
      out.string(key);
      out.string(value);
    }
  }
  out.string("columns");
  out.array(series.columns.size());
  for (const std::string& column : series.columns) out.string(column);
  out.string("values");
  out.array(series.rows());
}

void write_row(Packer& out, const Series& series, std::size_t row) {
  out.array(series.columns.size());
  if (!series.times.empty()) out.time(series.times[row]);
  for (const Cell& cell : series.row(row)) out.cell(cell);
}

void begin_result(Packer& out, std::size_t id, std::size_t series) {
  out.map(2);
  out.string("statement_id");
  out.integer(static_cast<std::int64_t>(id));
  out.string("series");
  out.array(series);
}

void write_error(Packer& out, std::string_view error) {
  out.map(1);
  out.string("error");
  out.string(error);
}

Pieces document(std::shared_ptr<const Response> response, Packer out) {
  out.map(1);
  out.string("results");
  out.array(response->results.size());
  for (std::size_t id = 0; id < response->results.size(); ++id) {
    const StatementResult& result = response->results[id];
    if (!result.error.empty()) {
      write_error(out, result.error);
      continue;
    }
    begin_result(out, id, result.series.size());
    for (const Series& series : result.series) {
      begin_series(out, series);
      for (std::size_t row = 0; row < series.rows(); ++row) {
        write_row(out, series, row);
        if (out.full()) co_yield out.take();
      }
    }
  }
  co_yield out.take();
}

Pieces refusal(std::shared_ptr<const Response> response, Packer out) {
  write_error(out, response->error);
  co_yield out.take();
}

}  // namespace

Pieces msgpack_pieces(std::shared_ptr<const Response> response, const SerializeOptions& options) {
  Packer out(options.epoch == Epoch::kNone ? 0 : unit_nanos(options.epoch));
  if (!response->error.empty()) return refusal(std::move(response), std::move(out));
  return document(std::move(response), std::move(out));
}

}  // namespace resmon::influxql
