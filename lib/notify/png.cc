#include "notify/png.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace resmon::notify {

namespace {

constexpr int kMargin = 8;

enum Colour : char { kPaper, kGrid, kArea, kLine, kLimit };
constexpr std::array<unsigned char, 15> kPalette{0xff, 0xff, 0xff,   // paper
                                                 0xe3, 0xe6, 0xea,   // grid
                                                 0xcf, 0xe3, 0xf7,   // area
                                                 0x1f, 0x6f, 0xb8,   // line
                                                 0xc6, 0x28, 0x28};  // limit

// One palette index a pixel.
class Canvas {
 public:
  void set(int x, int y, Colour colour) {
    if (x >= 0 && x < kChartWidth && y >= 0 && y < kChartHeight) pixels_[at(x, y)] = colour;
  }
  void column(int x, int from, int to, Colour colour) {
    for (int y = std::min(from, to); y <= std::max(from, to); ++y) set(x, y, colour);
  }
  // Rows, each behind a byte that names its filter: none.
  std::string rows() const {
    std::string out;
    out.reserve((kChartWidth + 1) * kChartHeight);
    for (int y = 0; y < kChartHeight; ++y) out.append(1, '\0').append(pixels_, at(0, y), kChartWidth);
    return out;
  }

 private:
  static std::size_t at(int x, int y) {
    return static_cast<std::size_t>(y) * kChartWidth + static_cast<std::size_t>(x);
  }
  std::string pixels_ = std::string(std::size_t{kChartWidth} * kChartHeight, static_cast<char>(kPaper));
};

void put_big(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> static_cast<unsigned>(shift) & 0xFFU);
}

void put_chunk(std::string& out, std::string_view type, std::string_view data) {
  put_big(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t begin = out.size();
  out.append(type).append(data);
  const auto* const bytes = reinterpret_cast<const Bytef*>(out.data() + begin);
  put_big(out, static_cast<std::uint32_t>(crc32(0, bytes, static_cast<uInt>(out.size() - begin))));
}

std::string deflated(const std::string& rows) {
  uLongf size = compressBound(static_cast<uLong>(rows.size()));
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
                static_cast<uLong>(rows.size()), 6) != Z_OK)
    return {};
  out.resize(size);
  return out;
}

// Where a value is; above and below the range at its edge.
class ChartScale {
 public:
  ChartScale(double low, double high) : low_(low), span_(high > low ? high - low : 1) {}
  int y(double value) const {
    const double share = std::clamp((value - low_) / span_, 0.0, 1.0);
    return kChartHeight - 1 - kMargin - static_cast<int>(std::lround(share * (kChartHeight - 1 - 2 * kMargin)));
  }

 private:
  double low_, span_;
};

ChartScale scale_of(const std::vector<double>& values, std::optional<double> limit) {
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  double least = *low, most = *high;
  if (limit) {
    least = std::min(least, *limit);
    most = std::max(most, *limit);
  }
  // What is far from 0 would be a flat line at the top.
  if (least > 0 && least < most / 2) least = 0;
  return {least, most};
}

void draw(Canvas& canvas, const std::vector<double>& values, std::optional<double> limit) {
  const ChartScale scale = scale_of(values, limit);
  for (int i = 0; i <= 4; ++i) {
    const int y = kMargin + i * (kChartHeight - 1 - 2 * kMargin) / 4;
    for (int x = kMargin; x < kChartWidth - kMargin; ++x) canvas.set(x, y, kGrid);
  }
  const int width = kChartWidth - 2 * kMargin - 1;
  int before = scale.y(values[0]);
  for (int x = 0; x <= width; ++x) {
    const double place = static_cast<double>(x) * static_cast<double>(values.size() - 1) / width;
    const auto left = std::min(static_cast<std::size_t>(place), values.size() - 2);
    const double share = place - static_cast<double>(left);
    const int y = scale.y(values[left] * (1 - share) + values[left + 1] * share);
    canvas.column(kMargin + x, y, kChartHeight - 1 - kMargin, kArea);
    canvas.column(kMargin + x, std::min(before, y) - 1, std::max(before, y), kLine);
    before = y;
  }
  if (!limit) return;
  for (int x = kMargin; x < kChartWidth - kMargin; ++x)
    if (x / 6 % 2 == 0) canvas.column(x, scale.y(*limit), scale.y(*limit) - 1, kLimit);
}

}  // namespace

std::string chart_png(const std::vector<double>& values, std::optional<double> limit) {
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite), [](double one) { return std::isfinite(one); });
  if (finite.size() < 2) return {};
  Canvas canvas;
  draw(canvas, finite, limit && std::isfinite(*limit) ? limit : std::nullopt);
  std::string header;
  put_big(header, kChartWidth);
  put_big(header, kChartHeight);
  header.append("\x08\x03\0\0\0", 5);  // 8 bits a pixel, palette, deflate, the usual filters, not interlaced
  const std::string pixels = deflated(canvas.rows());
  if (pixels.empty()) return {};
  std::string out("\x89PNG\r\n\x1a\n", 8);
  put_chunk(out, "IHDR", header);
  put_chunk(out, "PLTE", {reinterpret_cast<const char*>(kPalette.data()), kPalette.size()});
  put_chunk(out, "IDAT", pixels);
  put_chunk(out, "IEND", {});
  return out;
}

}  // namespace resmon::notify
