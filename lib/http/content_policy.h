#pragma once

#include <string>
#include <string_view>

namespace resmon::http {

// The value of Content-Security-Policy: a page runs and applies what comes from this server as a file. `script` and
// `style` are the hashes of what may stand in the page itself ("'sha256-…'"; empty: nothing may), `frame_ancestors`
// the sites that may show it in a frame (empty: none). An answer whose handler sets this header itself keeps it.
std::string content_policy(std::string_view script, std::string_view style, std::string_view frame_ancestors);

}  // namespace resmon::http
