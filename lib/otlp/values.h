#pragma once

// What both encodings share: values as text.

#include <string>
#include <string_view>

#include "otlp/read.h"

namespace resmon::otlp {

std::string number_text(double value);

// Adds up attributes within their bounds.
class AttributeList {
 public:
  explicit AttributeList(Attributes& out) : out_(out) {
    out_.all.clear();
    out_.bytes = 0;
    out_.too_many = false;
  }
  void add(std::string key, std::string value) {
    const std::size_t bytes = key.size() + value.size();
    if (out_.all.size() >= kMostAttributes || out_.bytes + bytes > kMostAttributeBytes) {
      out_.too_many = true;
    } else {
      out_.bytes += bytes;
      out_.all.push_back({std::move(key), std::move(value)});
    }
  }

 private:
  Attributes& out_;
};

Status read_metrics_json(std::string_view body, const TakePoint& take);
Status read_logs_json(std::string_view body, const TakeRecord& take);

}  // namespace resmon::otlp
