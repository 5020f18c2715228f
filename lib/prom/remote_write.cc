// remote.proto and types.proto of Prometheus 2 and 3. A series' labels may stand behind its samples, so that samples
// are kept until its message has ended.

#include "prom/remote_write.h"

#include <cmath>
#include <vector>

#include "base/protobuf.h"
#include "base/text.h"

namespace resmon::prom {

namespace {

constexpr std::uint64_t kStaleMarker = 0x7ff0000000000002;  // prometheus/model/value/value.go
constexpr std::int64_t kNanosPerMilli = 1'000'000;
constexpr std::size_t kMostNameShown = 200;

struct Sample {
  std::uint64_t value = 0;  // the bits of a double
  std::int64_t milliseconds = 0;
};

class Reading {
 public:
  Reading(WriteVersion version, Series& series, metric::Batch& out)
      : two_(version == WriteVersion::kTwo), series_(series), out_(out) {}

  Result<WriteReport> run(std::string_view message) {
    out_.pin(series_.schemas());
    if (two_) RESMON_TRY(read_symbols(message));
    const std::uint64_t field = two_ ? 5 : 1;
    ProtobufReader all(message);
    while (all.next()) {
      if (all.number() != field || !all.is_bytes()) continue;
      ++number_;
      RESMON_TRY(read_series(all.bytes()));
    }
    if (all.failed()) return not_one();
    return std::move(report_);
  }

 private:
  Unexpected<Error> not_one() const {
    return fail(ErrorKind::kInvalid,
                std::string("the body is no message of remote write ") + (two_ ? "2.0" : "1.0") +
                    (number_ > 0 ? ": its series " + std::to_string(number_) + " is malformed" : ""));
  }

  Status read_symbols(std::string_view message) {
    ProtobufReader all(message);
    while (all.next()) {
      if (all.number() != 4 || !all.is_bytes()) continue;
      if (symbols_.size() == kMostSymbols)
        return fail(ErrorKind::kLimit, "more than " + std::to_string(kMostSymbols) + " symbols");
      symbols_.push_back(all.bytes());
    }
    if (all.failed()) return not_one();
    return {};
  }

  Status read_series(std::string_view message) {
    labels_.clear();
    samples_.clear();
    histograms_ = 0;
    bad_reference_ = false;
    has_half_ = false;
    const std::uint64_t histogram = two_ ? 3 : 4;
    const std::uint64_t exemplar = two_ ? 4 : 3;
    ProtobufReader fields(message);
    while (fields.next()) {
      const std::uint64_t number = fields.number();
      if (number == 1) {
        if (two_ ? !read_references(fields) : fields.is_bytes() && !read_label(fields.bytes())) return not_one();
      } else if (!fields.is_bytes()) {
        continue;
      } else if (number == 2) {
        if (!read_sample(fields.bytes())) return not_one();
        if (samples_.size() + seen_ > kMostWriteSamples)
          return fail(ErrorKind::kLimit, "more than " + std::to_string(kMostWriteSamples) + " samples in one request");
      } else if (number == histogram) {
        ++histograms_;
      } else if (number == exemplar) {
        ++report_.exemplars;
      }
    }
    if (fields.failed()) return not_one();
    seen_ += samples_.size();
    report_.histograms += histograms_;
    if (histograms_ > 0)
      refuse("native histograms are not stored; set the scrape to classic histograms, whose buckets are");
    if (!samples_.empty()) store();
    return {};
  }

  bool read_label(std::string_view message) {
    Label label;
    ProtobufReader fields(message);
    while (fields.next()) {
      if (fields.number() == 1 && fields.is_bytes()) label.name = fields.bytes();
      if (fields.number() == 2 && fields.is_bytes()) label.value = fields.bytes();
    }
    add(label);
    return !fields.failed();
  }

  // Packed, as they should be, or one by one.
  bool read_references(const ProtobufReader& field) {
    if (field.is_varint()) {
      reference(field.varint());
      return true;
    }
    if (!field.is_bytes()) return true;
    ByteReader in(field.bytes());
    while (in.remaining() > 0 && !in.failed()) reference(in.varint());
    return !in.failed();
  }
  void reference(std::uint64_t index) {
    if (index >= symbols_.size()) {
      bad_reference_ = true;
      return;
    }
    const std::string_view text = symbols_[static_cast<std::size_t>(index)];
    if (!has_half_)
      half_ = text;
    else
      add({half_, text});
    has_half_ = !has_half_;
  }

  void add(Label label) {
    if (labels_.size() <= kMostLabels) labels_.push_back(label);  // one too many is what Series::find refuses
  }

  bool read_sample(std::string_view message) {
    Sample sample;
    ProtobufReader fields(message);
    while (fields.next()) {
      if (fields.number() == 1 && fields.is_fixed64())
        sample.value = std::bit_cast<std::uint64_t>(fields.number_double());
      if (fields.number() == 2 && fields.is_varint()) sample.milliseconds = static_cast<std::int64_t>(fields.varint());
    }
    samples_.push_back(sample);
    return !fields.failed();
  }

  void store() {
    if (bad_reference_ || has_half_) {
      report_.refused += samples_.size();
      return refuse(bad_reference_ ? "a label refers to a symbol that is not there" : "a label has no value");
    }
    for (const Label& label : labels_) label_bytes_ += label.name.size() + label.value.size();
    if (label_bytes_ > kMostLabelBytesInAll) {
      report_.refused += samples_.size();
      return refuse("the labels of all series of the request are too much together; send smaller requests");
    }
    const Result<metric::SchemaId> schema = series_.find(labels_);
    if (!schema) {
      report_.refused += samples_.size();
      return refuse(schema.error().message);
    }
    for (const Sample& sample : samples_) {
      const auto value = std::bit_cast<double>(sample.value);
      if (sample.value == kStaleMarker) {
        ++report_.stale;
      } else if (!std::isfinite(value)) {
        ++report_.not_finite;
      } else if (sample.milliseconds > INT64_MAX / kNanosPerMilli || sample.milliseconds < INT64_MIN / kNanosPerMilli) {
        ++report_.refused;
        refuse("a time that is impossible: " + std::to_string(sample.milliseconds) + " ms");
      } else {
        out_.add(*schema, 1, sample.milliseconds * kNanosPerMilli).set(0, value);
        ++report_.samples;
      }
    }
  }

  void refuse(const std::string& why) {
    if (!report_.first_refusal.empty()) return;
    report_.first_refusal = "series " + std::to_string(number_);
    if (const std::string_view name = name_of(labels_); !name.empty())
      report_.first_refusal.append(" (").append(name.substr(0, kMostNameShown)).append(")");
    report_.first_refusal.append(": ").append(why);
  }

  const bool two_;
  Series& series_;
  metric::Batch& out_;
  WriteReport report_;
  std::vector<std::string_view> symbols_;
  std::size_t number_ = 0;  // of the series that is read, from 1
  std::size_t seen_ = 0;    // samples of the series before it
  std::size_t label_bytes_ = 0;
  // Of the series that is read.
  std::vector<Label> labels_;
  std::vector<Sample> samples_;
  std::size_t histograms_ = 0;
  std::string_view half_;
  bool has_half_ = false;
  bool bad_reference_ = false;
};

}  // namespace

Result<WriteVersion> version_of(std::string_view content_type) {
  std::size_t end = content_type.find(';');
  const std::string_view type = trimmed(content_type.substr(0, end));
  const auto unknown = [&] {
    return fail(ErrorKind::kUnsupported,
                "Content-Type must be application/x-protobuf with proto=prometheus.WriteRequest "
                "(remote write 1.0) or proto=io.prometheus.write.v2.Request (2.0)");
  };
  if (!type.empty() && !same_word(type, "application/x-protobuf")) return unknown();
  while (end != std::string_view::npos) {
    content_type.remove_prefix(end + 1);
    end = content_type.find(';');
    const std::string_view parameter = trimmed(content_type.substr(0, end));
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos || !same_word(trimmed(parameter.substr(0, equals)), "proto")) continue;
    std::string_view name = trimmed(parameter.substr(equals + 1));
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    if (name == "io.prometheus.write.v2.Request") return WriteVersion::kTwo;
    if (name != "prometheus.WriteRequest") return unknown();
  }
  return WriteVersion::kOne;
}

Result<WriteReport> read_remote_write(std::string_view message, WriteVersion version, Series& series,
                                      metric::Batch& out) {
  return Reading(version, series, out).run(message);
}

}  // namespace resmon::prom
