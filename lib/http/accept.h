#pragma once

// The formats that a client accepts: Accept and Accept-Encoding with their weights (RFC 9110, 12.4.2).

#include <optional>
#include <span>
#include <string_view>

namespace resmon::http {

// The index in `offers` ("application/json") of what `accept` gives the highest weight; of equals, what it names first,
// and then what is first in `offers`. A range counts for all that it covers ("*/*", "text/*"), but for what is named
// more exactly. Nothing: it takes none of them, or `accept` is empty.
std::optional<std::size_t> best_offer(std::string_view accept, std::span<const std::string_view> offers);

// Whether `accept_encoding` takes bodies in gzip. An empty one does not.
bool takes_gzip(std::string_view accept_encoding);

}  // namespace resmon::http
