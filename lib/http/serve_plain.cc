#include "http/serve.h"

namespace resmon::http {

template asio::awaitable<void> Server::serve(std::shared_ptr<PlainStream>, std::string, Connections::Id);

}  // namespace resmon::http
