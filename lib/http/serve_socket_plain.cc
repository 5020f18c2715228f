#include "http/serve_socket.h"

namespace resmon::http {

template asio::awaitable<void> Server::serve_socket(std::shared_ptr<PlainStream>, Connections::Id,
                                                    std::shared_ptr<const Request>, const Route*);

}  // namespace resmon::http
