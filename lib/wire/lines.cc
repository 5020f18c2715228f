// A batch of log lines is small, some kilobytes, and much like the one before it: compressed by itself it shrinks to a
// fifth, with the last 64 KiB of the connection in front of it to a tenth.
//
// A compressor's state takes some hundred kilobytes, so neither side keeps one: it is made for each frame, which costs
// less than compressing the frame. What is kept is the prefix.

#include "wire/lines.h"

#include <zstd.h>

#include <memory>

#include "base/bytes.h"

namespace resmon::wire {

namespace {

constexpr std::uint8_t kCompressed = 1;
constexpr std::size_t kLeastWorthCompressing = 64;

void remember(std::string& prefix, std::string_view body) {
  if (body.size() >= kLinesPrefixBytes) {
    prefix.assign(body.substr(body.size() - kLinesPrefixBytes));
    return;
  }
  if (prefix.size() + body.size() > kLinesPrefixBytes) prefix.erase(0, prefix.size() + body.size() - kLinesPrefixBytes);
  prefix.append(body);
}

Unexpected<Error> malformed_lines(std::string_view why) {
  return fail(ErrorKind::kInvalid, "LINES frame: " + std::string(why));
}

// Empty where compressing does not pay.
std::string compress(std::string_view body, const std::string& prefix) {
  std::string out;
  if (body.size() < kLeastWorthCompressing) return out;
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (!context) return out;
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 3);
  if (ZSTD_isError(ZSTD_CCtx_refPrefix(context.get(), prefix.data(), prefix.size())) != 0) return out;
  out.resize(ZSTD_compressBound(body.size()));
  const std::size_t n = ZSTD_compress2(context.get(), out.data(), out.size(), body.data(), body.size());
  out.resize(ZSTD_isError(n) != 0 || n >= body.size() ? 0 : n);
  return out;
}

}  // namespace

std::size_t LinesEncoder::encode(std::uint64_t sequence, std::string_view body, std::string& out) {
  const std::size_t frame = begin_frame(FrameType::kLines, out);
  const std::size_t before = out.size();
  ByteWriter w(out);
  w.varint(sequence);
  const std::string packed = compress(body, prefix_);
  w.u8(packed.empty() ? 0 : kCompressed);
  w.bytes(packed.empty() ? body : packed);
  end_frame(frame, out);
  remember(prefix_, body);
  return out.size() - before;
}

Result<LinesDecoder::Lines> LinesDecoder::decode(std::string_view payload) {
  ByteReader r(payload);
  Lines lines;
  lines.sequence = r.varint();
  const std::uint8_t flags = r.u8();
  if (r.failed()) return malformed_lines("ends early");
  if (lines.sequence == 0) return malformed_lines("sequence number 0");
  if (flags > kCompressed) return malformed_lines("unknown flags");
  lines.body = r.rest();
  if ((flags & kCompressed) != 0) {
    const unsigned long long size = ZSTD_getFrameContentSize(lines.body.data(), lines.body.size());
    if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
      return malformed_lines("its zstd body has no size");
    if (size > kMaxLinesBytes)
      return fail(ErrorKind::kLimit, "LINES frame: " + std::to_string(size) + " bytes of lines are over the bound of " +
                                         std::to_string(kMaxLinesBytes));
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
    if (!context || ZSTD_isError(ZSTD_DCtx_refPrefix(context.get(), prefix_.data(), prefix_.size())) != 0)
      return fail(ErrorKind::kUnavailable, "LINES frame: no memory to decompress it");
    if (body_.capacity() > kLinesPrefixBytes && body_.capacity() / 4 > size)
      std::string().swap(body_);  // ten thousand keep it
    body_.resize(size);
    const std::size_t n =
        ZSTD_decompressDCtx(context.get(), body_.data(), body_.size(), lines.body.data(), lines.body.size());
    if (ZSTD_isError(n) != 0 || n != size) return malformed_lines("its zstd body does not decompress");
    lines.body = body_;
  }
  remember(prefix_, lines.body);
  return lines;
}

}  // namespace resmon::wire
