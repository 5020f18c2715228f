#pragma once

// Helpers that are threads of their own, begun for each call. Part of the tests.

#include <thread>
#include <vector>

#include "influxql/helpers.h"

namespace resmon::influxql {

class ThreadHelpers final : public Helpers {
 public:
  explicit ThreadHelpers(std::size_t count) : count_(count) {}

  void run(const std::function<void()>& work) const override {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count_; ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
  }

 private:
  const std::size_t count_;
};

}  // namespace resmon::influxql
