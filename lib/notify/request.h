#pragma once

// A message in the form that a channel's receiver takes: the requests of each service as its documentation has them. No
// I/O.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "alert/message.h"
#include "alert/rules.h"
#include "sink/transport.h"

namespace resmon::notify {

// The credentials of a channel, read from its files.
struct Secrets {
  std::string token;
  std::string secret;
  std::string password;
};
Result<Secrets> read_secrets(const alert::Channel& channel);

// Of kinds that speak HTTP. `origin`: where to connect, as "https://host:port"; the target is the request's.
struct Prepared {
  std::string origin;
  sink::HttpRequest request;
  // Sent instead when the receiver answers that it does not take this one: the text without its picture. May be null.
  std::shared_ptr<Prepared> otherwise;
  std::shared_ptr<Prepared> then;  // sent after this one succeeded; may be null
  bool can_fail = false;           // the message is delivered without it
  // A member of the answer's JSON, a string, which replaces kAnswerMark in the body of `then`; empty: none.
  std::string answer_key;
};
inline constexpr std::string_view kAnswerMark = "{resmon-answer}";
// One request, or one for each alert where the receiver takes single ones (PagerDuty). kInvalid: the channel's url
// cannot be read.
Result<std::vector<Prepared>> prepare(const alert::Channel& channel, const Secrets& secrets,
                                      const alert::Message& message);

// The body of a webhook, which exec gets on its standard input, too.
std::string json_body(const alert::Message& message);
// Alertmanager's, version 4 of its webhook.
std::string alertmanager_body(const alert::Message& message);
// The lower-case hexadecimal HMAC-SHA256 of the body.
std::string signature(std::string_view secret, std::string_view body);

// The text without what the channel proves itself by: a service may repeat it in its answer. The path of an address is
// a secret of some kinds, so it is taken out of all.
std::string without_secrets(std::string text, const alert::Channel& channel, const Secrets& secrets);

}  // namespace resmon::notify
