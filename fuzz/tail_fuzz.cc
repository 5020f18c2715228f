// The client's parsers of logs: lines of every format, secrets in them, pieces of files, journal entries, marks. Any
// bytes are lines; nothing may be read or written beyond them.

#include <cstdint>
#include <cstdlib>

#include "tail/file_mark.h"
#include "tail/journal_export.h"
#include "tail/parse.h"
#include "tail/redact.h"
#include "tail/splitter.h"
#include "tail/syslog_framing.h"

using namespace resmon;

namespace {

// What is split and what was skipped is all there was, and each step gets on.
void split(std::string_view input, bool multiline) {
  tail::SplitOptions options;
  options.max_bytes = 256;
  if (multiline) options.continues = tail::continues_by_indentation;
  tail::SplitState state;
  std::string_view rest = input;
  while (!rest.empty()) {
    const std::size_t before = rest.size();
    const auto event = tail::next_event(rest, true, options, state);
    if (rest.size() >= before) std::abort();
    if (event && event->text.size() > options.max_bytes) std::abort();
  }
}

// The same for what comes over a socket, in one piece and byte by byte.
void frame(std::string_view input) {
  tail::SplitOptions options;
  options.max_bytes = 256;
  std::string whole;
  std::string in_pieces;
  tail::FrameState state;
  for (std::string_view rest = input; !rest.empty();) {
    const std::size_t before = rest.size();
    const auto event = tail::next_message(rest, true, options, state);
    if (event && event->text.size() > options.max_bytes) std::abort();
    if (event) whole.append(event->text).push_back(event->cut ? '~' : '|');
    if (rest.size() >= before) std::abort();
  }
  if (input.size() > 4096) return;
  tail::FrameState slow;
  std::string buffer;
  for (std::size_t i = 0; i < input.size(); ++i) {
    buffer += input[i];
    std::string_view rest = buffer;
    while (const auto event = tail::next_message(rest, i + 1 == input.size(), options, slow))
      in_pieces.append(event->text).push_back(event->cut ? '~' : '|');
    buffer.erase(0, buffer.size() - rest.size());
    if (buffer.size() > options.max_bytes + 16) std::abort();
  }
  if (slow.skip_bytes == 0 && state.skip_bytes == 0 && whole != in_pieces) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const tail::Format format : {tail::Format::kAuto, tail::Format::kContainer, tail::Format::kSyslog,
                                    tail::Format::kJson, tail::Format::kLogfmt, tail::Format::kLeading}) {
    tail::Parser parser(format);
    logline::Line line;
    parser.parse(input, 1'796'000'000'000'000'000, line);
    logline::Lines lines;
    lines.clear("fuzz");
    if (lines.fits(line)) lines.add(line);
    logline::Lines back;
    if (!logline::decode(logline::encode(lines), back)) std::abort();
  }
  tail::RedactOptions all;
  all.tokens = all.emails = all.cards = true;
  std::string text(input);
  tail::Redactor::make(all).value().redact(text);
  split(input, false);
  split(input, true);
  frame(input);
  tail::Parser by_pattern(tail::Format::kRegex);
  if (by_pattern.set_pattern(R"((?P<time>\S+) (?P<level>\w+)(?: \[(?P<pid>\d+)\])? (?P<message>.*?)(?P<ms>\d+)?$)")) {
    logline::Line line;
    by_pattern.parse(input, 1'796'000'000'000'000'000, line);
  }
  for (std::string_view rest = input; !rest.empty();) {
    bool malformed = false;
    const std::size_t before = rest.size();
    if (!tail::next_journal_entry(rest, malformed) && !malformed) break;
    if (rest.size() >= before) std::abort();
  }
  if (const auto mark = tail::decode_file_mark(input))
    if (!tail::decode_file_mark(tail::encode(*mark))) std::abort();
  return 0;
}
