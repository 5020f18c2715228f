#pragma once

// Errors as values. Result<T> holds a T or an Error, with std::expected's member names, so that the day the compiler
// has <expected> this file can become an alias. An Error is for people: what failed, where, and the reason from below;
// context is added on the way up with Error::wrap and logged once, at the top.

#include <cassert>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace resmon {

enum class ErrorKind {
  kInvalid,      // malformed input or configuration: trying again will not help
  kNotFound,     // what was named does not exist
  kDenied,       // permission or authentication
  kUnavailable,  // may work later: refused connection, full disk, timeout
  kLimit,        // a configured bound was reached
  kDamaged,      // stored data fails its checks
  kUnsupported,  // a version, feature or type this build does not know
  kInternal,     // a bug or an error from a library that should not happen
};

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;

  // "context: message", keeping the kind.
  Error wrap(std::string_view context) && {
    message.insert(0, ": ").insert(0, context);
    return std::move(*this);
  }
};

// An error for a failed system call: "what: reason". `what` names the call's object, such as a path. The kind follows
// errno.
Error system_error(std::string_view what, int error_number);

template <class E>
class Unexpected {
 public:
  explicit Unexpected(E error) : error_(std::move(error)) {}
  E& error() { return error_; }

 private:
  E error_;
};

inline Unexpected<Error> fail(ErrorKind kind, std::string message) {
  return Unexpected<Error>(Error{kind, std::move(message)});
}
inline Unexpected<Error> fail(Error error) {
  return Unexpected<Error>(std::move(error));
}

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Unexpected<Error> error) : state_(std::in_place_index<1>, std::move(error.error())) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return assert(has_value()), *std::get_if<0>(&state_); }
  const T& value() const& { return assert(has_value()), *std::get_if<0>(&state_); }
  T&& value() && { return assert(has_value()), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Error& error() & { return assert(!has_value()), *std::get_if<1>(&state_); }
  const Error& error() const& { return assert(!has_value()), *std::get_if<1>(&state_); }
  Error&& error() && { return assert(!has_value()), std::move(*std::get_if<1>(&state_)); }
  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? value() : static_cast<T>(std::forward<U>(other));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Unexpected<Error> error) : error_(std::move(error.error())) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  Error& error() & { return assert(error_), *error_; }
  const Error& error() const& { return assert(error_), *error_; }
  Error&& error() && { return assert(error_), std::move(*error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace resmon

// Returns the error of `expression` (a Result) from the enclosing function, with `context` put in front.
#define RESMON_TRY(expression)                                     \
  do {                                                             \
    if (auto try_result_ = (expression); !try_result_.has_value()) \
      return ::resmon::fail(std::move(try_result_).error());       \
  } while (false)

#define RESMON_CONCAT_INNER(a, b) a##b
#define RESMON_CONCAT(a, b) RESMON_CONCAT_INNER(a, b)
// RESMON_ASSIGN(auto x, f()): x is f's value, or the enclosing function returns f's error.
#define RESMON_ASSIGN(declaration, expression)                                         \
  auto RESMON_CONCAT(assign_result_, __LINE__) = (expression);                         \
  if (!RESMON_CONCAT(assign_result_, __LINE__).has_value())                            \
    return ::resmon::fail(std::move(RESMON_CONCAT(assign_result_, __LINE__)).error()); \
  declaration = std::move(RESMON_CONCAT(assign_result_, __LINE__)).value()
