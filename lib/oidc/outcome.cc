#include "oidc/provider.h"

namespace resmon::oidc {

namespace {

constexpr std::string_view kOutcomeNames[kOutcomes] = {"done",  "unreachable", "client", "refused", "stale",
                                                       "token", "name",        "role",   "taken",   "busy"};

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}

std::optional<Outcome> parse_outcome(std::string_view name) {
  for (std::size_t i = 0; i < kOutcomes; ++i)
    if (kOutcomeNames[i] == name) return static_cast<Outcome>(i);
  return std::nullopt;
}

std::string outcome_text(Outcome outcome, const std::string& provider) {
  switch (outcome) {
    case Outcome::kDone:
      return "";
    case Outcome::kUnreachable:
      return provider + " does not answer. Local users can still sign in with name and password.";
    case Outcome::kClient:
      return provider + " does not accept this server. An administrator has to check oidc.client_id and its secret; " +
             "the server's log has the reason.";
    case Outcome::kRefused:
      return provider + " did not sign you in.";
    case Outcome::kStale:
      return "This sign-in took longer than ten minutes, was used before, or began in another browser. Try again.";
    case Outcome::kToken:
      return "The answer of " + provider + " failed a check. The server's log has the reason.";
    case Outcome::kName:
      return provider + " sent no name that this server can use. The server's log has the reason.";
    case Outcome::kRole:
      return "You may not use this server. Ask its administrator for a role in " + provider + ".";
    case Outcome::kTaken:
      return "A local user of this server has the same name as you. Ask its administrator to rename one of both.";
    case Outcome::kBusy:
      return "Too many sign-ins at the same time. Try again in a few minutes.";
  }
  return "";
}

}  // namespace resmon::oidc
