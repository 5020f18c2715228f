#pragma once

// Who a provider's claims are about, and what that person may do. No I/O.

#include <boost/json/fwd.hpp>
#include <string>

#include "auth/accounts.h"
#include "base/result.h"
#include "oidc/options.h"

namespace resmon::oidc {

struct Person {
  std::string name;
  auth::Role role = auth::Role::kViewer;
  std::string subject;  // `sub`: what the provider calls the person for ever
};

// kInvalid: no usable name. kDenied: no role.
Result<Person> person_of(const boost::json::object& claims, const Options& options);
// Whether what person_of needs is not among the claims, so that it is worth asking the provider for more.
bool lacks_claims(const boost::json::object& claims, const Options& options);

}  // namespace resmon::oidc
