#pragma once

#include <boost/json.hpp>

#include "base/json_members.h"
#include "http/router.h"

namespace resmon::server {

// The object that a request's body is. kInvalid: what is wrong with it. Asking for JSON keeps forms of other sites out.
inline Result<boost::json::object> json_body(const http::Request& request) {
  if (!request.header("content-type").starts_with("application/json"))
    return fail(ErrorKind::kInvalid, "send JSON, with Content-Type: application/json");
  return parse_json_object(request.body);
}

}  // namespace resmon::server
