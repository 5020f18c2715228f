#include "http/serve.h"

namespace resmon::http {

template asio::awaitable<void> Server::serve(std::shared_ptr<SecureStream>, std::string, Connections::Id);

}  // namespace resmon::http
