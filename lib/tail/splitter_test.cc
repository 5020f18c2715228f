#include "tail/splitter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tail/multiline.h"

namespace resmon::tail {
namespace {

TEST(Splitter, StackTracesAreOneEvent) {
  SplitOptions options;
  options.continues = continues_by_indentation;
  SplitState state;
  std::string_view bytes = "ERROR cannot save\njava.lang.IllegalStateException: no\r\n\tat a\na.b.C$StopError\r\n";
  const auto logged = next_event(bytes, true, options, state);
  ASSERT_TRUE(logged);
  EXPECT_EQ(logged->text, "ERROR cannot save\njava.lang.IllegalStateException: no\r\n\tat a\na.b.C$StopError");
  for (const char* other : {"Error: no", "java.lang.String: x", "a.Exceptions", "see java.lang.Exception: x",
                            "a.ExceptionHandler", "a.b.StopError=1"})
    EXPECT_FALSE(continues_by_indentation("ERROR no", other)) << other;
  bytes = "Exception: x\n\tat a\n\tat b\nCaused by: y\n\tat c\nnext\n";
  auto first = next_event(bytes, false, options, state);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->text, "Exception: x\n\tat a\n\tat b\nCaused by: y\n\tat c");
  EXPECT_FALSE(next_event(bytes, false, options, state));
  EXPECT_EQ(bytes, "next\n");
  EXPECT_EQ(next_event(bytes, true, options, state)->text, "next");
}

std::vector<std::string> events_of(std::string_view bytes) {
  SplitOptions options;
  options.continues = continues_by_indentation;
  SplitState state;
  std::vector<std::string> out;
  while (!bytes.empty())
    if (const auto event = next_event(bytes, true, options, state)) out.emplace_back(event->text);
  return out;
}

TEST(Splitter, PythonsTracesBelongToTheLineThatLoggedThem) {
  const std::string trace =
      "Traceback (most recent call last):\n  File \"a.py\", line 5, in f\n    raise TimeoutError(\"upstream\")\n"
      "TimeoutError: upstream";
  const std::string both =
      trace + "\n\nDuring handling of the above exception, another exception occurred:\n\n" + trace;
  for (const char* logged : {"2026-12-01T21:08:38Z ERROR payment failed", "2026-12-01 21:08:38,123 - pay - failed",
                             "[01/Dec/2026:21:08:38 +0000] failed", "Dec  1 21:08:38 vm pay: failed", "21:08:38 failed",
                             "ERROR:root:payment failed", "[ERROR] payment failed", "time=2026 level=error"}) {
    const std::string next = "2026-12-01T21:08:39Z INFO next";
    EXPECT_EQ(events_of(logged + ("\n" + trace) + "\n" + next + "\n"),
              (std::vector<std::string>{logged + ("\n" + trace), next}));
    EXPECT_EQ(events_of(logged + ("\n" + both) + "\n\n" + next + "\n"),
              (std::vector<std::string>{logged + ("\n" + both), next}))
        << "without the empty line at its end";
  }
  EXPECT_EQ(events_of(both + "\nINFO next\n"), (std::vector<std::string>{both, "INFO next"})) << "nobody logged it";
  EXPECT_EQ(events_of("started\n" + trace + "\ndone\n").front(), "started") << "no line that a logger wrote";
}

TEST(Splitter, GosTracesAreOneEvent) {
  const std::string stack =
      "goroutine 34 [running]:\nnet/http.(*conn).serve.func1()\n\t/usr/lib/go/src/net/http/server.go:1868 +0xb9\n"
      "panic({0x6b7a80?, 0xc00001}) \n\t/usr/lib/go/src/runtime/panic.go:920 "
      "+0x270\nmain.handler(...)\n\t/a/main.go:10\n"
      "created by net/http.(*Server).Serve\n\t/usr/lib/go/src/net/http/server.go:3086 +0x5cb";
  const std::string served = "2026/12/01 21:00:00 http: panic serving 127.0.0.1:5000: boom\n" + stack;
  EXPECT_EQ(events_of(served + "\n2026/12/01 21:00:01 next\n"),
            (std::vector<std::string>{served, "2026/12/01 21:00:01 next"}));
  const std::string ended =
      "panic: boom\n[signal SIGSEGV: segmentation violation code=0x1]\n\n" + stack + "\nexit status 2";
  EXPECT_EQ(events_of("started\n" + ended + "\n"), (std::vector<std::string>{"started", ended}));
}

TEST(Splitter, LinesWithoutATimeAreEventsOfTheirOwn) {
  EXPECT_EQ(events_of("started\nlistening\n\n21:08:38 a\nb\n c\nd\n21:08:39 e\n"),
            (std::vector<std::string>{"started", "listening", "", "21:08:38 a", "b\n c", "d", "21:08:39 e"}));
}

TEST(Splitter, AnEmptyLineWithinAnEventBelongsToIt) {
  EXPECT_EQ(events_of("21:08:38 INFO a\n\n  detail\n\n  more\n\n21:08:39 INFO b\n\n\nc\n"),
            (std::vector<std::string>{"21:08:38 INFO a\n\n  detail\n\n  more", "21:08:39 INFO b", "", "c"}));
  SplitOptions options;
  options.continues = multiline_rule("/^[0-9]{4}-/").value();
  SplitState state;
  std::string_view bytes = "2026-11 a\n\nb\n\n2026-12 c\n";
  EXPECT_EQ(next_event(bytes, false, options, state)->text, "2026-11 a\n\nb");
  EXPECT_EQ(bytes, "2026-12 c\n");
}

TEST(Multiline, APatternSaysWhereEventsBegin) {
  SplitOptions options;
  options.continues = multiline_rule("/^[0-9]{4}-/").value();
  SplitState state;
  std::string_view bytes = "2026-11 a\nTraceback\nValueError\n2026-12 b\n";
  EXPECT_EQ(next_event(bytes, false, options, state)->text, "2026-11 a\nTraceback\nValueError");
  EXPECT_EQ(bytes, "2026-12 b\n");
  EXPECT_FALSE(multiline_rule("/(/"));
  EXPECT_FALSE(multiline_rule("indented"));
}

}  // namespace
}  // namespace resmon::tail
