#pragma once

// Who may do what: users with their sessions and tokens, the clients' tokens, the sign-in with a provider, and what
// bounds the work that strangers can cause.

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/fair_queue.h"
#include "auth/guard.h"
#include "base/refusal_log.h"
#include "base/result.h"
#include "net/token_set.h"

namespace resmon::oidc {
class Provider;
}

namespace resmon::server {

struct Options;

class AccessControl {
 public:
  explicit AccessControl(const Options& options);  // which must outlive it
  ~AccessControl();

  // The stages of a start, in this order; the errors are the configuration's (kInvalid), but where a file that is
  // missing cannot be made. The clients' tokens; makes the file with one random token when there is none.
  Result<net::TokenSet> open_tokens();
  // Makes the first administrator when there is none, and logs the password, once.
  Status open_accounts();
  void open_provider(const boost::asio::any_io_executor& executor);  // where one is configured

  auth::Guard& guard() { return guard_; }
  const auth::Guard& guard() const { return guard_; }
  const net::TokenFile& token_file() const { return token_file_; }
  const std::shared_ptr<oidc::Provider>& oidc() const { return oidc_; }  // null: only local users
  RefusalLog& sign_in_refusals() { return sign_in_refusals_; }
  auth::FairQueue& password_queue() { return password_queue_; }

  // Whether a user's token lets a client in. Any thread.
  bool lets_write(const net::TokenSet::Digest& token) const;
  // Whose rows may come to an input with that token: of the host of that name, or with an empty one, of any; none: not
  // let in. Any thread.
  std::optional<std::string> input_access(std::string_view token) const;

  // Reads what has changed in the files; what cannot be read is logged, and what was read before stays in force. From
  // one thread, about once a second.
  struct Changes {
    bool accounts = false;                // since the last call
    std::optional<net::TokenSet> tokens;  // of clients
  };
  Changes read_changes();

 private:
  const Options& options_;
  auth::Guard guard_;
  std::uint64_t seen_accounts_ = 0;  // the guard's version
  net::TokenFile token_file_;
  net::LiveTokens tokens_{net::TokenSet()};
  std::shared_ptr<oidc::Provider> oidc_;
  RefusalLog sign_in_refusals_{"auth"};
  auth::FairQueue password_queue_{128, 2};  // what waits for WorkPools::password()
};

}  // namespace resmon::server
