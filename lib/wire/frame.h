#pragma once

// The frames of the client protocol: a 5-byte header (payload length, u32 little-endian; type, u8) and the payload.
// docs/wire_format.md is the specification; this header is its C++ form. No I/O here: bytes in, messages out.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/schema.h"

namespace resmon::wire {

inline constexpr std::uint16_t kProtocolVersion = 2;  // of the protocol; the only one that this build speaks
inline constexpr std::size_t kHeaderBytes = 5;
inline constexpr std::uint32_t kMaxFrameBytes = 1U << 20U;   // of payload; both sides' default and upper bound
inline constexpr std::uint32_t kMaxHelloBytes = 16U << 10U;  // before authentication nothing larger is read

enum class FrameType : std::uint8_t {
  kHello = 1,
  kWelcome = 2,
  kRefuse = 3,
  kSchema = 4,
  kSamples = 5,
  kAck = 6,
  kPing = 7,
  kPong = 8,
  kGoodbye = 9,
  kNotice = 10,
  kLines = 11,
};

using StreamId = std::array<std::uint8_t, 16>;
std::string to_hex(const StreamId& id);

// What a connection is for. One that carries lines is beside the client's other one, and does not claim its name.
enum class Carries : std::uint8_t { kSamples = 0, kLines = 1 };

struct Hello {
  std::uint16_t oldest_version = kProtocolVersion;
  std::uint16_t newest_version = kProtocolVersion;
  std::string client;  // the host name that its samples carry
  StreamId stream{};   // random; one life of a spool. Sequence numbers count within it
  std::string token;
  std::string software;               // "resmon-client 0.1.0"
  UnixNanos clock = 0;                // the client's wall clock as it sends this
  std::uint64_t interval_ns = 0;      // how often it means to send
  std::uint64_t oldest_sequence = 0;  // the oldest batch it still has; 0: none yet
  std::vector<metric::Tag> tags;      // added to every series of this client
  Carries carries = Carries::kSamples;
  std::uint64_t acknowledged = 0;  // the last batch of the stream that any server acknowledged; 0: none, or not known
};

struct Welcome {
  std::uint16_t version = kProtocolVersion;
  std::uint64_t acknowledged = 0;  // the last sequence number of the stream that the server has; 0: none
  UnixNanos clock = 0;
  std::uint32_t max_frame_bytes = kMaxFrameBytes;
  std::uint32_t max_series = 0;       // fields over all schemas that one connection may declare
  std::uint64_t idle_timeout_ns = 0;  // the server closes a connection that says nothing for this long: send PING
  std::string software;
};

enum class RefuseCode : std::uint16_t {
  kVersion = 1,    // no protocol version in common
  kToken = 2,      // unknown or missing token
  kMalformed = 3,  // a frame that cannot be read
  kLimit = 4,      // a bound of the server was reached
  kNotHello = 5,   // the connection did not begin with HELLO
  kBusy = 6,       // try again later, or another server
  kNameInUse = 7,  // another connection with a live stream has this client name
  kStopping = 8,   // the server is going down
  kWrongName = 9,  // the token is bound to another client name
};
std::string_view refuse_name(RefuseCode code);

struct Refuse {
  RefuseCode code = RefuseCode::kMalformed;
  std::string reason;                // for people
  std::uint64_t retry_after_ns = 0;  // 0: the client's own backoff
};

struct Ack {
  std::uint64_t sequence = 0;  // everything up to and including this is safe, but for what was refused
  std::uint64_t refused = 0;   // samples up to there that the server refused on this connection, and does not have
};

struct Ping {
  std::uint64_t nonce = 0;  // comes back in PONG
};

// Each appends one whole frame to `out`.
void encode(const Hello& message, std::string& out);
void encode(const Welcome& message, std::string& out);
void encode(const Refuse& message, std::string& out);
void encode(const Ack& message, std::string& out);
void encode_ping(FrameType ping_or_pong, const Ping& message, std::string& out);
// `come_back`: nothing is wrong; the client is to connect again, wherever its name for the server leads now.
void encode_goodbye(std::string_view reason, std::string& out, bool come_back = false);
// Whether it says so.
Result<bool> decode_goodbye(std::string_view payload);
void encode_notice(std::string_view text, std::string& out);

// Each decodes one payload. Bytes after the known fields are ignored: a later minor version may add some.
Result<Hello> decode_hello(std::string_view payload);
Result<Welcome> decode_welcome(std::string_view payload);
Result<Refuse> decode_refuse(std::string_view payload);
Result<Ack> decode_ack(std::string_view payload);
Result<Ping> decode_ping(std::string_view payload);
Result<std::string> decode_notice(std::string_view payload);

// Begins a frame of `type` at the end of `out`; the payload is then appended, and end_frame writes its length.
std::size_t begin_frame(FrameType type, std::string& out);
void end_frame(std::size_t begin, std::string& out);

struct Frame {
  std::uint8_t type = 0;  // may be one that this build does not know: skip it
  std::string_view payload;
};

// Takes frames off the front of a byte stream. Holds the bytes of at most one unfinished frame and what came with it.
class FrameReader {
 public:
  explicit FrameReader(std::uint32_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  void set_max_frame_bytes(std::uint32_t n) { max_frame_bytes_ = n; }
  void append(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole frame, or nothing when more bytes are needed. kLimit when its length is over the bound. The payload
  // is valid until the next call of append.
  Result<std::optional<Frame>> next();
  std::size_t buffered_bytes() const { return buffer_.size() - consumed_; }
  std::size_t memory_bytes() const { return buffer_.capacity(); }
  void release();  // gives back memory that more than a small frame took

 private:
  static constexpr std::size_t kKeptBytes = 512;  // ten thousand connections keep this much each

  std::uint32_t max_frame_bytes_;
  std::string buffer_;
  std::size_t consumed_ = 0;
};

}  // namespace resmon::wire
