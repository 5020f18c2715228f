// All processes of a host as they are now. Its client is asked while this is open and looked at, and at no other time; the server lets
// those see it whom its configuration names.

import { useEffect, useState } from "preact/hooks";
import { count, t } from "../../core/texts.ts";
import { formatDuration } from "../../core/format.ts";
import { call } from "../../net/session.ts";
import { words } from "../../ui/use_panels.ts";
import { DataTable, type ChartContext, type Head } from "./data_table.tsx";

const kRefreshMs = 3000;

interface Process {
  pid: number;
  state: string;
  user: string;
  name: string;
  command_line: string;
  systemd_unit: string;
  container: string;
  cpu_percent: number | null;
  memory_bytes: number;
  read_bytes_per_second: number | null;
  written_bytes_per_second: number | null;
  threads: number;
  age_seconds: number;
}

interface Answer { total: number; processes: Process[] }

function decode(body: unknown): Answer {
  const told = (typeof body === "object" && body !== null ? body : {}) as Partial<Answer>;
  return { total: Number(told.total ?? 0), processes: Array.isArray(told.processes) ? told.processes : [] };
}

const disk = (process: Process): number | null =>
  process.read_bytes_per_second === null && process.written_bytes_per_second === null
    ? null
    : (process.read_bytes_per_second ?? 0) + (process.written_bytes_per_second ?? 0);

const kHeads: Head<Process>[] = [
  { title: "CPU", unit: "percent", value: (one) => one.cpu_percent },
  { title: t("Memory"), unit: "bytes", value: (one) => one.memory_bytes },
  { title: t("Disk"), unit: "bytes_per_second", rank: "rank-2", value: disk },
  { title: "PID", unit: "number", ascendingFirst: true, value: (one) => one.pid },
  { title: t("User"), ascendingFirst: true, rank: "rank-2", value: (one) => one.user },
  { title: t("State"), ascendingFirst: true, rank: "rank-3", value: (one) => one.state },
  { title: t("Threads"), unit: "count", rank: "rank-3", value: (one) => one.threads },
  { title: t("Age"), unit: "seconds", rank: "rank-2", value: (one) => one.age_seconds, show: (one) => formatDuration(one.age_seconds) },
];

export function ProcessesLive(context: ChartContext) {
  const { host } = context;
  const [state, setState] = useState<{ answer: Answer | null; error: string | null }>({ answer: null, error: null });
  useEffect(() => {
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      if (document.visibilityState === "visible") {
        try {
          const answer = decode(await call("GET", `/api/v1/hosts/${encodeURIComponent(host)}/processes`));
          if (!ended) setState({ answer, error: null });
        } catch (error) {
          if (!ended) setState((old) => ({ ...old, error: words(error) }));
        }
      }
      if (!ended) timer = setTimeout(() => void ask(), kRefreshMs);
    };
    void ask();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [host]);
  const { answer, error } = state;
  return (
    <>
      {error !== null && <p class="error-text" role="alert">{t("The processes of now cannot be shown: {error}", { error })}</p>}
      {answer === null ? error === null && <p class="quiet" role="status">{t("Asking the host…")}</p> : (
        <>
          <DataTable title={t("Processes now")} caption={t("All processes, the largest users first")} rows={answer.processes} heads={kHeads} context={context}
                     keyOf={(one) => `${one.pid}`} nameOf={(one) => one.command_line || one.name}
                     aboutOf={(one) => one.container || one.systemd_unit} />
          {answer.total > answer.processes.length && <p class="quiet">{count("{n} further process, which uses less, is not sent.|{n} further processes, which use less, are not sent.", answer.total - answer.processes.length)}</p>}
        </>
      )}
    </>
  );
}
