#pragma once

// E-mail over SMTP (RFC 5321), with STARTTLS or TLS, and a plain and a HTML part.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "alert/message.h"
#include "alert/rules.h"
#include "notify/request.h"

namespace resmon::notify {

// Header lines and both parts, lines ended by CR LF, no line beyond 998 bytes; without the dots that SMTP doubles. The
// Message-Id is made of the message, so that one that comes twice can be told.
std::string mail_text(const alert::Channel& channel, const alert::Message& message);

// kDenied: the server refused the sender, a recipient or the password, and will again. The password is never sent
// without TLS, but to this machine.
boost::asio::awaitable<Status> send_mail(const alert::Channel& channel, const Secrets& secrets,
                                         const alert::Message& message);

}  // namespace resmon::notify
