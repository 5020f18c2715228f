// A question to a client that is connected now: sent at once on the session's own executor, and answered by a frame or
// by the session's end.

#include "ingest/answers.h"
#include "ingest/session.h"
#include "ingest/session_table.h"
#include "net/spawn.h"

namespace resmon::ingest {

void Server::ask_processes(const std::string& host, ProcessesDone done) {
  const std::shared_ptr<Session> session = table_->of(host);
  if (!session) {
    done(fail(ErrorKind::kNotFound, "its client is not connected"));
    return;
  }
  net::post(session->connection->executor(), [this, session, done = std::move(done)] {
    Session& s = *session;
    if (!s.greeted || s.ending.said_goodbye) {
      done(fail(ErrorKind::kNotFound, "its client is not connected"));
      return;
    }
    const auto id = s.questions.ask(done, steady_clock::now());
    if (!id) return;
    wire::encode(wire::Ask{*id, std::string(wire::kAskProcesses)}, s.outbox.frames);
    answers_->start_writing(session);
  });
}

Status Server::take_answer(Session& session, std::string_view payload) {
  RESMON_ASSIGN(wire::ProcessList list, wire::decode_process_list(payload));
  session.questions.take(std::move(list));
  return {};
}

}  // namespace resmon::ingest
