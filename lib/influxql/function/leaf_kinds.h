#pragma once

#include <memory>

#include "influxql/function/leaf.h"

namespace resmon::influxql {

std::unique_ptr<Leaf> make_stream_leaf(const LeafSpec& spec, Budget& budget);
std::unique_ptr<Leaf> make_values_leaf(const LeafSpec& spec, Budget& budget);
std::unique_ptr<Leaf> make_distinct_leaf(const LeafSpec& spec, Budget& budget);
std::unique_ptr<Leaf> make_top_leaf(const LeafSpec& spec, Budget& budget);

}  // namespace resmon::influxql
