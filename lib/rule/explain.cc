#include "rule/explain.h"

#include <fmt/format.h>

#include "config/units.h"

namespace resmon::rule {

Explainer::Explainer(const Config& config, std::string file, metric::SchemaTable& schemas, const EngineOptions& options,
                     const lineproto::EncoderOptions& lines)
    : file_(std::move(file)), engine_(config, schemas, options), before_(schemas, lines), after_(shown_, lines) {
  engine_.on_trace([this](const metric::Row& row) { begin(row); }, [this](const Trace& trace) { show(trace); });
}

void Explainer::begin(const metric::Row& row) {
  end();
  mark_ = out_->size();
  *out_ += "- ";
  before_.append(*batch_, row, *out_);
  mark_end_ = out_->size();
}

// No rule said anything of the row.
void Explainer::end() {
  if (mark_ != std::string::npos && out_->size() == mark_end_) (*out_)[mark_] = ' ';
  mark_ = std::string::npos;
}

void Explainer::show(const Trace& trace) {
  const Rule& rule = engine_.config().rules[trace.rule];
  if (trace.fate == Trace::Fate::kMade) end();
  *out_ += fmt::format("    {} ({}:{})", rule.name, file_, rule.line);
  switch (trace.fate) {
    case Trace::Fate::kDropped:
      *out_ += " drops it\n";
      return;
    case Trace::Fate::kKept:
      *out_ += " keeps it: later rules do not see it\n";
      return;
    case Trace::Fate::kHeld:
      *out_ += rule.verb == Verb::kMerge ? " adds it up\n"
                                         : " takes it into a window of " + config::print_duration(rule.span) + "\n";
      return;
    case Trace::Fate::kMade:
      *out_ += " makes\n";
      break;
    case Trace::Fate::kChanged:
      *out_ += "\n";
      break;
  }
  const auto id = shown_.intern(*trace.schema);
  if (!id) return;
  const metric::Batch& from = *trace.batch;
  metric::Batch row;
  const metric::Row& shown = from.rows().front();
  metric::RowWriter writer = row.add(*id, shown.fields, shown.time);
  for (std::size_t f = 0; f < shown.fields; ++f) {
    if (!from.has(shown, f)) continue;
    if (trace.schema->fields[f].type == metric::FieldType::kString)
      writer.set(f, from.string(shown, f));
    else
      writer.set_cell(f, from.value(shown, f));
  }
  *out_ += "+ ";
  after_.append(row, *out_);
}

void Explainer::add(const metric::Batch& batch, std::string& out) {
  if (batch.empty()) return;
  out_ = &out;
  batch_ = &batch;
  metric::Batch ignored;
  engine_.process(batch, 0, batch.rows().size(), {batch.rows().front().time, 1}, ignored);
  end();
}

void Explainer::finish(std::string& out) {
  out_ = &out;
  metric::Batch ignored;
  engine_.flush(ignored);
}

}  // namespace resmon::rule
