// Client programs for the machines that are to be watched. A client's own token is enough: it is what such a machine
// has.

#include <unistd.h>

#include "downloads.h"
#include "json.h"
#include "net/spawn.h"
#include "options.h"
#include "routes.h"
#include "work_pools.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr std::string_view kFolder = "/download/";
constexpr std::string_view kChecksum = ".sha256";
constexpr std::size_t kPieceBytes = 256U << 10U;

using Piece = std::optional<std::string>;

// What is left of a file that a client takes.
struct Rest {
  Fd file;
  std::uint64_t bytes;
};

asio::awaitable<Piece> read_piece(std::shared_ptr<Rest> rest) {
  if (rest->bytes == 0) co_return std::nullopt;
  std::string piece(std::min<std::uint64_t>(rest->bytes, kPieceBytes), '\0');
  const ssize_t got = ::read(rest->file.get(), piece.data(), piece.size());
  // A file that became shorter: the connection ends early, and the checksum tells.
  if (got <= 0) co_return std::nullopt;
  piece.resize(static_cast<std::size_t>(got));
  rest->bytes -= piece.size();
  co_return piece;
}

asio::awaitable<Piece> read_on_pool(asio::thread_pool& pool, std::shared_ptr<Rest> rest) {
  co_return co_await net::run(pool.get_executor(), read_piece(std::move(rest)));
}

using DownloadsPtr = std::shared_ptr<Downloads>;

http::Response list_downloads(Downloads& downloads) {
  JsonArray files;
  for (const DownloadFile& file : downloads.list())
    files.object(JsonObject().text("name", file.name).number("bytes", file.bytes).text("sha256", file.sha256));
  return http::Response::json(JsonObject().raw("files", files.finish()).finish() + "\n");
}

http::Response answer_download(asio::thread_pool& pool, Downloads& downloads, std::string_view name) {
  if (name.empty()) return list_downloads(downloads);
  const bool checksum = name.ends_with(kChecksum);
  if (checksum) name.remove_suffix(kChecksum.size());
  const auto file = downloads.find(name);
  if (!file)
    return http::Response::error(
        404, downloads.directory().empty()
                 ? "this server has no downloads; './resmon release' makes them, and downloads.directory names them"
                 : "no such download: GET /download/ lists them");
  if (checksum) return http::Response::text(file->sha256 + "  " + file->name + "\n");
  auto opened = downloads.open(*file);
  if (!opened) return http::Response::error(404, "no such download: GET /download/ lists them");
  http::Response response;
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("X-Checksum-Sha256", file->sha256);
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + file->name + "\"");
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  const auto rest = std::make_shared<Rest>(Rest{std::move(*opened), file->bytes});
  response.more = [&pool, rest] { return read_on_pool(pool, rest); };
  return response;
}

asio::awaitable<http::Response> describe_on_pool(asio::thread_pool& pool, DownloadsPtr downloads, std::string name) {
  co_return answer_download(pool, *downloads, name);
}

asio::awaitable<http::Response> on_download(asio::thread_pool& pool, DownloadsPtr downloads,
                                            std::shared_ptr<const http::Request> request) {
  std::string name = request->path.substr(std::min(kFolder.size(), request->path.size()));
  co_return co_await net::run(pool.get_executor(), describe_on_pool(pool, std::move(downloads), std::move(name)));
}

}  // namespace

void add_download_routes(const Options& options, WorkPools& pools, http::Router& router) {
  const auto downloads = std::make_shared<Downloads>(options.downloads_directory);
  const auto handler = [&pool = pools.query(), downloads](std::shared_ptr<const http::Request> request) {
    return on_download(pool, downloads, std::move(request));
  };
  router.add("GET", std::string(kFolder), http::Access::kHost, handler);
  router.add_under("GET", std::string(kFolder), http::Access::kHost, handler);
}

}  // namespace resmon::server
