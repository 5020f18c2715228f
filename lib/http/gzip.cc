#include "http/gzip.h"

#include <zlib.h>

#include <algorithm>

namespace resmon::http {

namespace {

constexpr int kGzipWindowBits = 15 + 16;  // zlib: 16 more asks for the gzip header

Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
}

}  // namespace

std::string gzip(std::string_view text, int level) {
  z_stream z{};
  if (deflateInit2(&z, level, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&z, text.size()), '\0');
  z.next_in = bytes_of(text);
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = bytes_of(out);
  z.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&z, Z_FINISH);
  out.resize(result == Z_STREAM_END ? z.total_out : 0);
  deflateEnd(&z);
  out.shrink_to_fit();  // a tenth of what it might have taken, and it may have to wait for its reader
  return out;
}

Result<std::string> gunzip(std::string_view packed, std::size_t limit_bytes,
                           const std::function<bool(std::size_t)>& may_hold) {
  z_stream z{};
  if (inflateInit2(&z, kGzipWindowBits) != Z_OK) return fail(ErrorKind::kInternal, "zlib does not start");
  z.next_in = bytes_of(packed);
  z.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  int result = Z_OK;
  while (result == Z_OK && out.size() <= limit_bytes) {
    const std::size_t before = out.size();
    const std::size_t next = std::min(std::max<std::size_t>(before * 2, 16384), limit_bytes + 1);
    // While it grows there are both.
    if (next > out.capacity() && may_hold && !may_hold(before + next)) {
      inflateEnd(&z);
      return fail(ErrorKind::kUnavailable, "no memory for the unpacked body");
    }
    out.resize(next);
    z.next_out = bytes_of(out) + before;
    z.avail_out = static_cast<uInt>(out.size() - before);
    result = inflate(&z, Z_NO_FLUSH);
    out.resize(out.size() - z.avail_out);
    if (result == Z_BUF_ERROR) break;
  }
  inflateEnd(&z);
  if (out.size() > limit_bytes)
    return fail(ErrorKind::kLimit, "gzip body larger than " + std::to_string(limit_bytes) + " bytes");
  if (result != Z_STREAM_END) return fail(ErrorKind::kInvalid, "damaged or truncated gzip body");
  return out;
}

struct GzipStream::State {
  z_stream z{};
  bool good = false;
  ~State() {
    if (good) deflateEnd(&z);
  }
};

GzipStream::GzipStream(int level) : state_(std::make_unique<State>()) {
  state_->good = deflateInit2(&state_->z, level, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

GzipStream::~GzipStream() = default;

std::string GzipStream::run(std::string_view piece, int flush) {
  std::string out;
  if (!state_->good) return out;
  z_stream& z = state_->z;
  z.next_in = bytes_of(piece);
  z.avail_in = static_cast<uInt>(piece.size());
  do {
    const std::size_t before = out.size();
    out.resize(before + piece.size() / 4 + 1024);
    z.next_out = bytes_of(out) + before;
    z.avail_out = static_cast<uInt>(out.size() - before);
    deflate(&z, flush);
    out.resize(out.size() - z.avail_out);
  } while (z.avail_out == 0);
  return out;
}

std::string GzipStream::add(std::string_view piece) {
  return run(piece, Z_SYNC_FLUSH);
}
std::string GzipStream::finish() {
  return run({}, Z_FINISH);
}

}  // namespace resmon::http
