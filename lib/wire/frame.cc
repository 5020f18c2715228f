#include "wire/frame.h"

#include "base/bytes.h"
#include "base/hex.h"

namespace resmon::wire {

namespace {

// What a HELLO may hold; longer is malformed rather than truncated, so that two sides never disagree on a name.
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxTokenBytes = 512;
constexpr std::size_t kMaxTags = 64;
constexpr std::string_view kMagic = "RSMN";

Unexpected<Error> malformed(std::string_view frame, std::string_view why) {
  return fail(ErrorKind::kInvalid, std::string(frame) + " frame: " + std::string(why));
}

}  // namespace

std::string to_hex(const StreamId& id) {
  return hex_text(id);
}

std::string_view refuse_name(RefuseCode code) {
  switch (code) {
    case RefuseCode::kVersion:
      return "version";
    case RefuseCode::kToken:
      return "token";
    case RefuseCode::kMalformed:
      return "malformed";
    case RefuseCode::kLimit:
      return "limit";
    case RefuseCode::kNotHello:
      return "not_hello";
    case RefuseCode::kBusy:
      return "busy";
    case RefuseCode::kNameInUse:
      return "name_in_use";
    case RefuseCode::kStopping:
      return "stopping";
    case RefuseCode::kWrongName:
      return "wrong_name";
  }
  return "unknown";
}

std::size_t begin_frame(FrameType type, std::string& out) {
  const std::size_t begin = out.size();
  ByteWriter w(out);
  w.u32(0);
  w.u8(static_cast<std::uint8_t>(type));
  return begin;
}

void end_frame(std::size_t begin, std::string& out) {
  const auto length = static_cast<std::uint32_t>(out.size() - begin - kHeaderBytes);
  std::memcpy(out.data() + begin, &length, sizeof length);
}

void encode(const Hello& m, std::string& out) {
  const std::size_t frame = begin_frame(FrameType::kHello, out);
  ByteWriter w(out);
  w.bytes(kMagic);
  w.u16(m.oldest_version);
  w.u16(m.newest_version);
  w.bytes({reinterpret_cast<const char*>(m.stream.data()), m.stream.size()});
  w.text(m.client);
  w.text(m.token);
  w.text(m.software);
  w.u64(static_cast<std::uint64_t>(m.clock));
  w.varint(m.interval_ns);
  w.varint(m.oldest_sequence);
  w.varint(m.tags.size());
  for (const metric::Tag& tag : m.tags) {
    w.text(tag.key);
    w.text(tag.value);
  }
  if (m.carries != Carries::kSamples || m.acknowledged != 0) w.varint(static_cast<std::uint64_t>(m.carries));
  if (m.acknowledged != 0) w.varint(m.acknowledged);
  end_frame(frame, out);
}

Result<Hello> decode_hello(std::string_view payload) {
  ByteReader r(payload);
  Hello m;
  if (r.bytes(kMagic.size()) != kMagic) return malformed("HELLO", "does not begin with RSMN");
  m.oldest_version = r.u16();
  m.newest_version = r.u16();
  // What follows may look different in a version that this build does not speak: the caller refuses it by the versions
  // alone.
  if (r.failed()) return malformed("HELLO", "ends early");
  if (m.newest_version < kProtocolVersion || m.oldest_version > kProtocolVersion) return m;
  const std::string_view stream = r.bytes(m.stream.size());
  if (!r.failed()) std::memcpy(m.stream.data(), stream.data(), m.stream.size());
  m.client = r.text();
  m.token = r.text();
  m.software = r.text();
  m.clock = static_cast<UnixNanos>(r.u64());
  m.interval_ns = r.varint();
  m.oldest_sequence = r.varint();
  const std::uint64_t tags = r.varint();
  if (r.failed()) return malformed("HELLO", "ends early");
  if (m.client.empty()) return malformed("HELLO", "no client name");
  if (m.client.size() > kMaxNameBytes) return malformed("HELLO", "client name longer than 255 bytes");
  if (m.token.size() > kMaxTokenBytes) return malformed("HELLO", "token longer than 512 bytes");
  if (m.software.size() > kMaxNameBytes) return malformed("HELLO", "software name longer than 255 bytes");
  if (tags > kMaxTags) return malformed("HELLO", "more than 64 tags");
  for (std::uint64_t i = 0; i < tags; ++i) {
    metric::Tag tag;
    tag.key = r.text();
    tag.value = r.text();
    m.tags.push_back(std::move(tag));
  }
  if (r.failed()) return malformed("HELLO", "ends early");
  if (r.remaining() > 0) {
    const std::uint64_t carries = r.varint();
    if (r.failed() || carries > static_cast<std::uint64_t>(Carries::kLines))
      return malformed("HELLO", "carries something unknown");
    m.carries = static_cast<Carries>(carries);
  }
  if (r.remaining() > 0) m.acknowledged = r.varint();
  if (r.failed()) return malformed("HELLO", "ends early");
  return m;
}

void encode(const Welcome& m, std::string& out) {
  const std::size_t frame = begin_frame(FrameType::kWelcome, out);
  ByteWriter w(out);
  w.u16(m.version);
  w.varint(m.acknowledged);
  w.u64(static_cast<std::uint64_t>(m.clock));
  w.varint(m.max_frame_bytes);
  w.varint(m.max_series);
  w.varint(m.idle_timeout_ns);
  w.text(m.software);
  end_frame(frame, out);
}

Result<Welcome> decode_welcome(std::string_view payload) {
  ByteReader r(payload);
  Welcome m;
  m.version = r.u16();
  m.acknowledged = r.varint();
  m.clock = static_cast<UnixNanos>(r.u64());
  m.max_frame_bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.varint(), kMaxFrameBytes));
  m.max_series = static_cast<std::uint32_t>(std::min<std::uint64_t>(r.varint(), UINT32_MAX));
  m.idle_timeout_ns = r.varint();
  m.software = r.text();
  if (r.failed()) return malformed("WELCOME", "ends early");
  return m;
}

void encode(const Refuse& m, std::string& out) {
  const std::size_t frame = begin_frame(FrameType::kRefuse, out);
  ByteWriter w(out);
  w.u16(static_cast<std::uint16_t>(m.code));
  w.varint(m.retry_after_ns);
  w.text(m.reason);
  end_frame(frame, out);
}

Result<Refuse> decode_refuse(std::string_view payload) {
  ByteReader r(payload);
  Refuse m;
  m.code = static_cast<RefuseCode>(r.u16());
  m.retry_after_ns = r.varint();
  m.reason = r.text();
  if (r.failed()) return malformed("REFUSE", "ends early");
  return m;
}

void encode(const Ack& m, std::string& out) {
  const std::size_t frame = begin_frame(FrameType::kAck, out);
  ByteWriter w(out);
  w.varint(m.sequence);
  if (m.refused > 0) w.varint(m.refused);
  end_frame(frame, out);
}

Result<Ack> decode_ack(std::string_view payload) {
  ByteReader r(payload);
  Ack m;
  m.sequence = r.varint();
  if (r.remaining() > 0) m.refused = r.varint();
  if (r.failed()) return malformed("ACK", "ends early");
  return m;
}

void encode_ping(FrameType ping_or_pong, const Ping& m, std::string& out) {
  const std::size_t frame = begin_frame(ping_or_pong, out);
  ByteWriter(out).u64(m.nonce);
  end_frame(frame, out);
}

Result<Ping> decode_ping(std::string_view payload) {
  ByteReader r(payload);
  const Ping m{r.u64()};
  if (r.failed()) return malformed("PING", "ends early");
  return m;
}

void encode_goodbye(std::string_view reason, std::string& out, bool come_back) {
  const std::size_t frame = begin_frame(FrameType::kGoodbye, out);
  ByteWriter w(out);
  w.text(reason);
  if (come_back) w.varint(1);
  end_frame(frame, out);
}

Result<bool> decode_goodbye(std::string_view payload) {
  ByteReader r(payload);
  r.text();
  const bool come_back = r.remaining() > 0 && r.varint() == 1;
  if (r.failed()) return malformed("GOODBYE", "ends early");
  return come_back;
}

void encode_notice(std::string_view text, std::string& out) {
  const std::size_t frame = begin_frame(FrameType::kNotice, out);
  ByteWriter(out).text(text);
  end_frame(frame, out);
}

Result<std::string> decode_notice(std::string_view payload) {
  ByteReader r(payload);
  std::string text(r.text());
  if (r.failed()) return malformed("NOTICE", "ends early");
  return text;
}

Result<std::optional<Frame>> FrameReader::next() {
  if (buffer_.size() - consumed_ < kHeaderBytes) {
    if (consumed_ > 0) {
      buffer_.erase(0, consumed_);
      consumed_ = 0;
    }
    return std::optional<Frame>();
  }
  std::uint32_t length = 0;
  std::memcpy(&length, buffer_.data() + consumed_, sizeof length);
  if (length > max_frame_bytes_)
    return fail(ErrorKind::kLimit, "a frame of " + std::to_string(length) + " bytes is over the bound of " +
                                       std::to_string(max_frame_bytes_));
  if (buffer_.size() - consumed_ - kHeaderBytes < length) {
    if (consumed_ > 0) {
      buffer_.erase(0, consumed_);
      consumed_ = 0;
    }
    return std::optional<Frame>();
  }
  Frame frame;
  frame.type = static_cast<std::uint8_t>(buffer_[consumed_ + 4]);
  frame.payload = std::string_view(buffer_).substr(consumed_ + kHeaderBytes, length);
  consumed_ += kHeaderBytes + length;
  return std::optional<Frame>(frame);
}

void FrameReader::release() {
  if (buffer_.capacity() <= kKeptBytes) return;
  std::string smaller(buffer_, consumed_);
  buffer_.swap(smaller);
  consumed_ = 0;
}

}  // namespace resmon::wire
