#include "logs/pack.h"

#include <zstd.h>

#include <memory>

#include "logs/bytes.h"

namespace resmon::logs {

namespace {

constexpr std::size_t kLeastToCompress = 24;
constexpr int kQuick = 3;
constexpr int kFewMatches = 1;
constexpr std::size_t kLargestTwice = 64U << 10U;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* compressor(int level) {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  ZSTD_CCtx* const raw = context.get();
  ZSTD_CCtx_reset(raw, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(raw, ZSTD_c_compressionLevel, level);
  // The lengths are beside the frame, and a checksum is over the whole.
  ZSTD_CCtx_setParameter(raw, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(raw, ZSTD_c_checksumFlag, 0);
  return raw;
}

// Empty: it cannot be done.
std::string compress(std::string_view raw, int level) {
  std::string packed(ZSTD_compressBound(raw.size()), '\0');
  const std::size_t size = ZSTD_compress2(compressor(level), packed.data(), packed.size(), raw.data(), raw.size());
  packed.resize(ZSTD_isError(size) != 0 ? 0 : size);
  return packed;
}

}  // namespace

// varint raw length, varint packed length (0: not compressed), bytes.
void pack(std::string_view raw, int level, std::string& out) {
  put_varint(out, raw.size());
  if (raw.empty()) return;
  std::string packed;
  if (raw.size() >= kLeastToCompress) {
    packed = compress(raw, level);
    // Numbers of templates and units have matches that cost more than they save, and a low level finds few of them.
    if (level > kQuick && raw.size() <= kLargestTwice)
      if (std::string other = compress(raw, kFewMatches); !other.empty() && other.size() < packed.size())
        packed = std::move(other);
    if (packed.size() + 2 >= raw.size()) packed.clear();
  }
  put_varint(out, packed.size());
  out += packed.empty() ? raw : std::string_view(packed);
}

std::size_t trial_bytes(std::string_view raw) {
  if (raw.size() < kLeastToCompress) return raw.size();
  thread_local std::string packed;
  packed.resize(std::max(packed.size(), ZSTD_compressBound(raw.size())));
  const std::size_t size = ZSTD_compress2(compressor(kQuick), packed.data(), packed.size(), raw.data(), raw.size());
  return ZSTD_isError(size) != 0 ? raw.size() : std::min(size, raw.size());
}

Result<std::string> unpack(std::string_view& bytes) {
  Reader reader(bytes);
  const auto raw_bytes = static_cast<std::size_t>(reader.varint(kMaxUnpackedBytes));
  std::string out;
  if (reader.ok() && raw_bytes > 0) {
    const std::uint64_t packed_bytes = reader.varint();
    const std::string_view packed = reader.bytes(packed_bytes == 0 ? raw_bytes : packed_bytes);
    if (reader.ok() && packed_bytes == 0) out = packed;
    if (reader.ok() && packed_bytes != 0) {
      thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
      out.resize(raw_bytes);
      const std::size_t size = ZSTD_decompressDCtx(context.get(), out.data(), out.size(), packed.data(), packed.size());
      if (ZSTD_isError(size) != 0 || size != raw_bytes)
        return fail(ErrorKind::kDamaged, "a compressed column cannot be decompressed");
    }
  }
  if (!reader.ok()) return fail(ErrorKind::kDamaged, "a compressed column is cut short or too long");
  bytes.remove_prefix(bytes.size() - reader.remaining());
  return out;
}

}  // namespace resmon::logs
