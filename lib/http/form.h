#pragma once

// Parameters of a request: of its URL, of a form, and of a multipart body. All of it takes time and memory in
// proportion to the text: each byte of it becomes at most one byte of one parameter, and there are at most
// kMostParameters of them.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace resmon::http {

using Parameters = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kMostParameters = 1000;  // of one request, wherever they are

// "a=1&b=x%20y", added to `out`: decodes + and %xx; a malformed escape stays as it is. kInvalid, and nothing added,
// when they would be more than kMostParameters.
Status add_form(std::string_view text, Parameters& out);
// The fields of a body of that content type (RFC 7578), files among them as their bytes; none where it is not
// multipart/form-data. What does not have the form of a part is passed over. kInvalid as above.
Status add_multipart(std::string_view content_type, std::string_view body, Parameters& out);
std::string percent_decode(std::string_view text, bool plus_is_space);

// Whether `text` begins with `lower`, which is in lower case, in any case.
bool starts_with_any_case(std::string_view text, std::string_view lower);

}  // namespace resmon::http
