#pragma once

// A response as InfluxDB 1.x writes it: JSON, plain or indented, whole or in chunks; MessagePack; CSV.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "influxql/format/pieces.h"
#include "influxql/response.h"

namespace resmon::influxql {

inline constexpr std::size_t kPieceBytes = 64U << 10U;  // an answer goes out in pieces of about so many

// Times as whole numbers of a unit; without one, as RFC 3339 text.
enum class Epoch : std::uint8_t { kNone, kNanos, kMicros, kMillis, kSeconds, kMinutes, kHours };
// "ns", "n", "u", "µ", "ms", "s", "m", "h"; anything else, as in InfluxDB, is no epoch.
Epoch parse_epoch(std::string_view text);
std::int64_t unit_nanos(Epoch epoch);  // of kNone: 1

struct SerializeOptions {
  Epoch epoch = Epoch::kNone;
  bool pretty = false;
  std::uint64_t chunk_rows =
      0;           // 0: one document; else one document a line, each with at most so many rows of one series
  int digits = 0;  // JSON, not pretty: of a double that is not whole so many significant ones, 1 to 15; 0: all of them
};

// The text in pieces of some 64 KiB, of whole rows, each made when it is asked for.
Pieces json_pieces(std::shared_ptr<const Response> response, const SerializeOptions& options);
Pieces csv_pieces(std::shared_ptr<const Response> response, SerializeOptions options);
Pieces msgpack_pieces(std::shared_ptr<const Response> response, const SerializeOptions& options);

// Takes the text piece by piece, in order; false stops the writing (the client is gone).
using Sink = std::function<bool(std::string_view)>;
Sink append_to(std::string& out);

// Both return whether everything was taken.
bool write_json(const Response& response, const SerializeOptions& options, const Sink& sink);
bool write_csv(const Response& response, const SerializeOptions& options, const Sink& sink);

// The double as Go's encoding/json prints it: the shortest text that reads back the same, with an exponent below 1e-6
// and from 1e21. Not finite: "null".
void append_double(std::string& out, double value);

}  // namespace resmon::influxql
