#pragma once

// QR codes (ISO/IEC 18004), for keys that a phone's camera reads from the page: bytes, with error correction of level
// L, which is enough for a screen, and versions 1 to 14, which is 458 bytes at most. Debian's libqrencode would be a
// shared library, and the server's libraries are static. No I/O.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace resmon::auth {

inline constexpr std::size_t kMostQrBytes = 458;

class QrCode {
 public:
  // Nothing: more than kMostQrBytes.
  static std::optional<QrCode> encode(std::string_view bytes);

  int size() const { return size_; }  // modules on a side, without the quiet zone of four around
  bool dark(int x, int y) const { return modules_[index(x, y)] != 0; }
  // The dark modules as the `d` of an SVG path, a module a unit.
  std::string svg_path() const;

 private:
  explicit QrCode(int version);

  std::size_t index(int x, int y) const { return static_cast<std::size_t>(y * size_ + x); }
  void set_fixed(int x, int y, bool dark);
  void draw_fixed();
  void draw_finder(int x, int y);
  void draw_alignments();
  void draw_version();
  void draw_format(int mask);
  void draw_data(const std::string& codewords);
  void apply_mask(int mask);  // its own inverse
  long penalty() const;

  int version_;
  int size_;
  std::vector<char> modules_;
  std::vector<char> fixed_;  // those that are no data
};

}  // namespace resmon::auth
