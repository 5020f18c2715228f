// A question to a client that is connected now: sent at once on the session's own executor, and answered by a frame or
// by the session's end.

#include "ingest/server_internal.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr std::size_t kMostQuestions = 8;  // of one client that wait for their answers
constexpr auto kQuestionLife = std::chrono::seconds(30);

}  // namespace

void Server::ask_processes(const std::string& host, ProcessesDone done) {
  std::shared_ptr<Session> session;
  {
    const MutexLock lock(mutex_);
    if (const auto it = names_.find(host); it != names_.end()) session = it->second.lock();
  }
  if (!session) {
    done(fail(ErrorKind::kNotFound, "its client is not connected"));
    return;
  }
  net::post(session->connection->executor(), [this, session, done = std::move(done)] {
    Session& s = *session;
    if (!s.greeted || s.said_goodbye || s.questions_closed) {
      done(fail(ErrorKind::kNotFound, "its client is not connected"));
      return;
    }
    const auto now = steady_clock::now();
    std::erase_if(s.questions, [&](const Question& one) { return now - one.asked > kQuestionLife; });
    if (s.questions.size() >= kMostQuestions) {
      done(fail(ErrorKind::kLimit, "too many requests ask this client at the same time; try again"));
      return;
    }
    s.questions.push_back({++s.question, now, done});
    wire::encode(wire::Ask{s.question, std::string(wire::kAskProcesses)}, s.out);
    start_writing(session);
  });
}

Status Server::take_answer(Session& session, std::string_view payload) {
  RESMON_ASSIGN(wire::ProcessList list, wire::decode_process_list(payload));
  for (auto one = session.questions.begin(); one != session.questions.end(); ++one) {
    if (one->id != list.id) continue;
    const ProcessesDone done = std::move(one->done);
    session.questions.erase(one);
    done(std::move(list));
    break;
  }
  return {};
}

void Server::end_questions(Session& session) {
  session.questions_closed = true;
  for (const Question& one : std::exchange(session.questions, {}))
    one.done(fail(ErrorKind::kUnavailable, "its client disconnected before it answered"));
}

}  // namespace resmon::ingest
