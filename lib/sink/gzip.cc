#include "sink/gzip.h"

#include <zlib.h>

namespace resmon::sink {

struct Gzip::State {
  z_stream stream{};
  bool good = false;
};

Gzip::Gzip() : state_(std::make_unique<State>()) {
  constexpr int kGzipHeader = 16;
  state_->good = deflateInit2(&state_->stream, 1, Z_DEFLATED, MAX_WBITS + kGzipHeader, 8, Z_DEFAULT_STRATEGY) == Z_OK;
}

Gzip::~Gzip() {
  if (state_->good) deflateEnd(&state_->stream);
}

Status Gzip::compress(std::string_view body, std::string& out) {
  z_stream& stream = state_->stream;
  if (!state_->good || deflateReset(&stream) != Z_OK) return fail(ErrorKind::kInternal, "zlib: no memory");
  out.resize(deflateBound(&stream, static_cast<uLong>(body.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));  // zlib does not write there
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return fail(ErrorKind::kInternal, "zlib: deflate failed");
  out.resize(stream.total_out);
  return {};
}

}  // namespace resmon::sink
