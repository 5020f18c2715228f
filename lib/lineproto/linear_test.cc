// The work of decoding lines grows with the text and no faster, whatever is in them.

#include <gtest/gtest.h>

#include "base/test_linear.h"
#include "lineproto/decoder.h"

namespace resmon::lineproto {
namespace {

TEST(Linear, Lines) {
  struct Shape {
    const char* begin;
    const char* piece;
    const char* end;
  };
  for (const Shape& shape : {Shape{"", "m v=1\n", ""},
                             {"", "m,a=b v=\"x\" 1\n", ""},
                             {"", "m\n", ""},
                             {"", "\n", ""},
                             {"", " ", ""},
                             {"", "#\n", ""},
                             {"#", "x", ""},
                             {"", "a&", ""},
                             {"", "\\", ""},
                             {"", "\\ ", ""},
                             {"m", ",a=b", " v=1"},
                             {"m", ",a", " v=1"},
                             {"m,", "=", " v=1"},
                             {"m,a=", "\\,", " v=1"},
                             {"m ", "v=1,", "v=1"},
                             {"m ", "v", "=1"},
                             {"m v=", "9", ""},
                             {"m v=0.", "9", ""},
                             {"m v=\"", "x", "\""},
                             {"m v=\"", "\\\"", "\""},
                             {"m v=\"", "\\\"", ""},
                             {"m v=\"", "\n", "\""},
                             {"m v=\"", "\n", ""},
                             {"m v=\"\n", "m v=\"x\n", ""},
                             {"m v=1 ", "1", ""},
                             {"m v=1", " ", ""},
                             {"m ", "\"", ""}})
    EXPECT_EQ(test::not_linear((1U << 18U) / std::string(shape.piece).size(),
                               [&](std::size_t n) { return test::repeated(shape.begin, shape.piece, n, shape.end); },
                               [](const std::string& text) {
                                 metric::SchemaTable schemas;
                                 metric::Batch batch;
                                 LineDecoder decoder(schemas);
                                 (void)decoder.decode(text, {.default_time = 1}, batch).error_text();
                               }),
              "")
        << shape.begin << "|" << shape.piece;
}

}  // namespace
}  // namespace resmon::lineproto
