#include "ingest/admission.h"

#include <algorithm>

namespace resmon::ingest {

namespace asio = boost::asio;

namespace {

// Whoever has one address of an IPv6 network of 64 bits has all of them.
asio::ip::address network_of(const asio::ip::address& address) {
  if (!address.is_v6()) return address;
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  asio::ip::address_v6::bytes_type bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return asio::ip::address_v6(bytes);
}

}  // namespace

HalfOpen::HalfOpen(std::size_t most)
    : most_(std::max<std::size_t>(most, 1)), share_(std::max<std::size_t>(most_ / 4, 1)) {}

const void* HalfOpen::enter(const void* connection, const asio::ip::address& address) {
  const auto own = addresses_.try_emplace(network_of(address)).first;
  const void* gone = nullptr;
  if (own->second.size() >= share_) {
    gone = own->second.front().connection;
  } else if (places_.size() >= most_) {
    // Of the address that has the most; of equals, the oldest.
    const auto least_worth = [](const auto& a, const auto& b) {
      if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
      return !a.second.empty() && a.second.front().number > b.second.front().number;
    };
    gone = std::max_element(addresses_.begin(), addresses_.end(), least_worth)->second.front().connection;
  }
  const auto one = own->second.insert(own->second.end(), {connection, next_number_++});
  places_.emplace(connection, Place{own, one});
  if (gone != nullptr) leave(gone);
  return gone;
}

void HalfOpen::leave(const void* connection) {
  const auto at = places_.find(connection);
  if (at == places_.end()) return;
  const auto [address, one] = at->second;
  places_.erase(at);
  address->second.erase(one);
  if (address->second.empty()) addresses_.erase(address);
}

std::vector<const void*> FrameMemory::hold(const void* connection, std::size_t bytes, bool moved_on) {
  if (told_to_go_.contains(connection)) return {};
  if (moved_on || bytes <= kSmallBytes) forget(connection);
  if (bytes > kSmallBytes) {
    const auto [place, fresh] = places_.try_emplace(connection);
    if (fresh) place->second = by_age_.emplace(next_number_++, One{connection, 0}).first;
    One& one = place->second->second;
    bytes_ = bytes_ - one.bytes + bytes;
    one.bytes = bytes;
  }
  std::vector<const void*> gone;
  while (bytes_ > limit_bytes_) {
    gone.push_back(by_age_.begin()->second.connection);
    forget(gone.back());
  }
  told_to_go_.insert(gone.begin(), gone.end());
  return gone;
}

void FrameMemory::leave(const void* connection) {
  forget(connection);
  told_to_go_.erase(connection);
}

void FrameMemory::forget(const void* connection) {
  const auto place = places_.find(connection);
  if (place == places_.end()) return;
  bytes_ -= place->second->second.bytes;
  by_age_.erase(place->second);
  places_.erase(place);
}

}  // namespace resmon::ingest
