// What other servers ask this one: its hosts, and its stored rows. Each answers from what it has itself. Whoever may
// read may ask, since all of it can also be had by /query.

#include <algorithm>
#include <charconv>
#include <map>

#include "app.h"
#include "base/mutex.h"
#include "fleet/fleet.h"
#include "host_list.h"
#include "host_settings.h"
#include "listeners.h"
#include "net/spawn.h"
#include "peer/catalog.h"
#include "peer/hosts.h"
#include "peer/rows.h"
#include "peers.h"
#include "pipeline.h"
#include "routes.h"
#include "row_intake.h"
#include "row_writer.h"
#include "storage.h"
#include "store/store.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using PeerRequest = std::shared_ptr<const http::Request>;

constexpr std::size_t kPeerBodyBytes = 16U << 20U;
constexpr std::size_t kPageBytes = 4U << 20U;
constexpr auto kPageTime = std::chrono::seconds(1);      // a page ends after this: whoever asked waits
constexpr auto kPeerPatience = std::chrono::seconds(1);  // for the store to have what was acknowledged
constexpr std::size_t kMostVersions = 100'000;

http::Response bytes_response(std::string bytes) {
  http::Response response;
  response.content_type = "application/octet-stream";
  response.body = std::move(bytes);
  return response;
}

http::Response peer_error(const Error& error) {
  return http::Response::error(error.kind == ErrorKind::kUnavailable ? 503 : 400, error.message);
}

std::uint64_t number_parameter(const http::Request& request, std::string_view name) {
  const std::string_view text = request.parameter(name);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

asio::awaitable<http::Response> peer_hosts(App& app, PeerRequest request) {
  const UnixNanos now = Clock::system().wall();
  const fleet::Fleet& fleet = app.hosts().fleet();
  peer::HostsAnswer answer;
  answer.instance = app.peers().instance();
  answer.name = app.peers().own_name();
  answer.version = fleet.version();  // before the hosts: what changes meanwhile comes twice
  const std::uint64_t after = number_parameter(*request, "after");
  auto removed = fleet.removed(after);
  answer.whole = number_parameter(*request, "instance") != answer.instance || !removed;
  if (!answer.whole) answer.removed = std::move(*removed);
  for (fleet::Host& host : answer.whole ? fleet.hosts() : fleet.changed(after, now)) {
    std::string settings = host.settings ? host_settings_json(*host.settings) : "";
    answer.hosts.push_back({std::move(host), std::move(settings)});
  }
  co_return bytes_response(peer::write_hosts(answer, now));
}

// Numbers of what a measurement's listing was, so that one who has it already need not get it again.
class ListingVersions {
 public:
  std::uint64_t of(const std::string& measurement, const std::shared_ptr<const store::Listing>& listing,
                   std::uint64_t instance) {
    const MutexLock lock(mutex_);
    if (known_.size() >= kMostVersions) known_.clear();
    auto& [held, version] = known_[measurement];
    if (version == 0 || held.lock() != listing) {
      held = listing;
      version = instance + ++last_;
    }
    return version;
  }

 private:
  Mutex mutex_;
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::pair<std::weak_ptr<const store::Listing>, std::uint64_t>> known_ GUARDED_BY(mutex_);
};

asio::awaitable<http::Response> peer_catalog(App& app, std::shared_ptr<ListingVersions> versions, PeerRequest request) {
  const auto asked = peer::read_catalog_request(request->body);
  if (!asked) co_return peer_error(asked.error());
  (void)app.intake().shows_acknowledged(std::chrono::steady_clock::now() + kPeerPatience);
  if (asked->measurement.empty()) {
    peer::CatalogAnswer answer;
    answer.measurements = app.storage().store().measurements();
    co_return bytes_response(peer::write_catalog(answer));
  }
  const auto listing = app.storage().store().listing(asked->measurement);
  const std::uint64_t version = versions->of(asked->measurement, listing, app.peers().instance());
  if (version != asked->version) co_return bytes_response(peer::write_catalog(version, *listing));
  peer::CatalogAnswer same;
  same.version = version;
  same.same = true;
  co_return bytes_response(peer::write_catalog(same));
}

// The series of a listing with exactly these tags; null: there is none.
const store::Group* group_with(const store::Listing& listing, const std::vector<metric::Tag>& tags) {
  const auto& groups = listing.groups();
  const auto tags_of = [](const store::Group* group) -> const std::vector<metric::Tag>& { return group->tags; };
  const auto found =
      std::lower_bound(groups.begin(), groups.end(), tags,
                       [&](const store::Group* group, const auto& sought) { return tags_of(group) < sought; });
  return found != groups.end() && tags_of(*found) == tags ? *found : nullptr;
}

// One page of an answer.
class PeerPage {
 public:
  PeerPage(const store::Reader& store, const peer::RowsRequest& request)
      : store_(store), request_(request), listing_(store.listing(request.measurement)), writer_(bytes_) {
    for (std::size_t place = 0; place < request.columns.size(); ++place)
      for (const store::Column& column : listing_->columns())
        if (column.name == request.columns[place]) {
          places_.push_back(place);
          types_.push_back(column.type);
          ids_.push_back(column.id);
          windows_.push_back({column.id, column.type});
        }
  }

  Result<std::string> run() {
    for (std::size_t place = 0; place < request_.series.size() && !full(); ++place) {
      writer_.begin_series(place);
      const store::Group* const group = group_with(*listing_, request_.series[place]);
      bool whole = true;
      if (group != nullptr && !ids_.empty()) {
        const Status scanned = scan(group->id);
        if (!scanned && !full()) return fail(Error(scanned.error()));
        whole = scanned.has_value();
      }
      writer_.end_series(whole);
    }
    writer_.finish();
    return std::move(bytes_);
  }

 private:
  bool full() const { return bytes_.size() >= kPageBytes || std::chrono::steady_clock::now() >= until_; }
  Status after_block() const { return full() ? Status(fail(ErrorKind::kLimit, "the page is full")) : Status(); }

  Status scan(store::GroupId group) {
    if (request_.aggregates != 0)
      return store_.scan_windows({group, windows_, request_.aggregates, request_.range, request_.width},
                                 [&](const store::WindowBlock& block) {
                                   writer_.add(block, places_, types_);
                                   return after_block();
                                 });
    return store_.scan(group, ids_, request_.range, request_.descending, [&](const store::Block& block) {
      writer_.add(block, places_, types_);
      return after_block();
    });
  }

  const store::Reader& store_;
  const peer::RowsRequest& request_;
  const std::shared_ptr<const store::Listing> listing_;
  const std::chrono::steady_clock::time_point until_ = std::chrono::steady_clock::now() + kPageTime;
  std::string bytes_;
  peer::PageWriter writer_;
  std::vector<std::size_t> places_;
  std::vector<metric::FieldType> types_;
  std::vector<store::ColumnId> ids_;
  std::vector<store::WindowColumn> windows_;
};

asio::awaitable<http::Response> peer_rows(App& app, PeerRequest request) {
  const auto asked = peer::read_rows_request(request->body);
  if (!asked) co_return peer_error(asked.error());
  auto page = PeerPage(app.storage().store(), *asked).run();
  if (!page) co_return peer_error(page.error());
  co_return bytes_response(*std::move(page));
}

}  // namespace

void add_peer_routes(App& app, http::Router& router) {
  router.add("GET", "/api/v1/peer/hosts", http::Access::kRead, [&app](PeerRequest request) {
    return net::run(app.listeners().http_workers().get_executor(), peer_hosts(app, std::move(request)));
  });
  // A pool of its own: queries wait for other servers' answers, so theirs must not wait for our queries.
  const auto versions = std::make_shared<ListingVersions>();
  router.add(
      "POST", "/api/v1/peer/catalog", http::Access::kRead,
      [&app, versions](PeerRequest request) {
        return net::run(app.pools().peer().get_executor(), peer_catalog(app, versions, std::move(request)));
      },
      kPeerBodyBytes);
  router.add(
      "POST", "/api/v1/peer/rows", http::Access::kRead,
      [&app](PeerRequest request) {
        return net::run(app.pools().peer().get_executor(), peer_rows(app, std::move(request)));
      },
      kPeerBodyBytes);
}

}  // namespace resmon::server
