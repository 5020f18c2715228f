#pragma once

// Lets another process (export) wait until the store has everything that the running server acknowledged. The process
// creates a file in the store's directory. The server removes the file when the store has made everything durable that
// was in the journal when the file was found. A process that may write there is trusted, so this needs no token and no
// port.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "metric/schema.h"
#include "store/store.h"

namespace resmon::server {

// The asking side. Returns at once where no server runs with that store. kUnavailable: not within `patience`.
Status ask_for_flush(const std::string& directory, std::chrono::milliseconds patience);

// The store of a server that may be running, for reading, once it has everything that the server acknowledged. As
// ask_for_flush, for a minute.
Result<std::unique_ptr<store::Store>> open_flushed(store::Options options, metric::SchemaTable& schemas);

// The server's side. One thread.
class FlushRequests {
 public:
  explicit FlushRequests(std::string directory) : directory_(std::move(directory)) {}

  // About once a second. `last` gives the journal's last position; `written`: up to which the store has been given
  // entries. True: flush the store now and call answered().
  bool due(const std::function<std::uint64_t()>& last, std::uint64_t written);
  void answered();

 private:
  const std::string directory_;
  std::vector<std::string> waiting_;  // paths
  std::uint64_t wait_for_ = 0;
};

}  // namespace resmon::server
