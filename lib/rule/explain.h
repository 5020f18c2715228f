#pragma once

// What rules do to lines, for people: each line as it came, and after each rule that changed it.

#include <string>

#include "lineproto/encoder.h"
#include "rule/engine.h"

namespace resmon::rule {

class Explainer {
 public:
  // `file`: where the rules stand, for messages. `schemas` must outlive it, and not be swept.
  Explainer(const Config& config, std::string file, metric::SchemaTable& schemas, const EngineOptions& options,
            const lineproto::EncoderOptions& lines);

  // "  LINE" for what no rule touches; else "- LINE", and for each rule its name and "+ LINE" or what became of it.
  void add(const metric::Batch& batch, std::string& out);
  // The windows that are open.
  void finish(std::string& out);

 private:
  void begin(const metric::Row& row);
  void end();
  void show(const Trace& trace);

  const std::string file_;
  Engine engine_;
  metric::SchemaTable shown_;
  lineproto::LineEncoder before_;
  lineproto::LineEncoder after_;
  std::string* out_ = nullptr;
  const metric::Batch* batch_ = nullptr;
  std::size_t mark_ = std::string::npos;  // of the row's line, while nothing is behind it
  std::size_t mark_end_ = 0;
};

}  // namespace resmon::rule
