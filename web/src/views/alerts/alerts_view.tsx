// What fires, what fired, by which rules, and what is silenced.

import { useCallback, useEffect, useState } from "preact/hooks";
import {
  decodePast, decodeRules, decodeSilencePreview, decodeSilences, seriesOf, silenceText, sortAlerts, whereOf, type ActiveAlert, type AlertChannel, type AlertRule, type PastAlert, type Silence,
} from "../../core/alerts.ts";
import { formatDuration, formatTime } from "../../core/format.ts";
import { formatRoute, kDefaultRange } from "../../core/route.ts";
import { alertsState, askAlerts } from "../../net/alerts.ts";
import { serverNow } from "../../net/live.ts";
import { account, call } from "../../net/session.ts";
import { useSecond } from "../../ui/clock.ts";
import { TableBox } from "../../ui/table_box.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { RuleEditor } from "./rule_editor.tsx";

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function useList<T>(path: string, decode: (body: unknown) => T[]): { items: T[]; error: string; reload: () => Promise<void> } {
  const [state, setState] = useState<{ items: T[]; error: string }>({ items: [], error: "" });
  const reload = useCallback(async () => {
    try {
      setState({ items: decode(await call("GET", path)), error: "" });
    } catch (error) {
      setState((old) => ({ ...old, error: said(error) }));
    }
  }, [path, decode]);
  useEffect(() => {
    void reload();
  }, [reload]);
  return { ...state, reload };
}

export function AlertsView() {
  const state = useObservable(alertsState);
  const silences = useList("/api/v1/alerts/silences", decodeSilences);
  const past = useList("/api/v1/alerts/history?limit=200", decodePast);
  const rules = useList("/api/v1/alerts/rules", decodeRules);
  const [error, setError] = useState("");
  useEffect(() => {
    void askAlerts().catch(() => undefined);
  }, []);
  const active = state?.alerts.length ?? 0;
  useEffect(() => {
    void past.reload();
  }, [active]);
  const change = (method: string, path: string, body?: object): void => {
    const box = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>("[tabindex], section");
    call(method, path, body).then(
      async () => {
        setError("");
        await Promise.all([askAlerts(), silences.reload()]);
        // The button that was pressed may be gone with what it was about; the focus stays in its part of the page.
        requestAnimationFrame(() => {
          if (document.activeElement === document.body) (box?.matches("[tabindex]") === true ? box : box?.querySelector<HTMLElement>("button, input"))?.focus();
        });
      },
      (problem: unknown) => setError(said(problem)));
  };
  if (state === null) {
    return (
      <div class="empty">
        <h1>Alerts</h1>
        <p>This server evaluates no rules (<code>alerts.enabled</code>), or its answer has not come yet.</p>
      </div>
    );
  }
  return (
    <div class="alerts">
      <h1 class="view-title">Alerts</h1>
      {state.rulesError !== "" && <p class="notice error-text" role="status">The rules file has errors; the previous rules stay in force: {state.rulesError}</p>}
      {state.trouble !== "" && <p class="notice error-text" role="status">Alerts cannot be saved: {state.trouble}</p>}
      {error !== "" && <p class="error-text" role="status">{error}</p>}
      <Firing alerts={state.alerts} change={change} />
      <Silences list={silences.items} error={silences.error} change={change} />
      <Channels list={state.channels} change={change} />
      <History list={past.items} error={past.error} />
      <Rules list={rules.items} error={rules.error} onChanged={() => void rules.reload()} />
    </div>
  );
}

type Change = (method: string, path: string, body?: object) => void;

const severityMark = (severity: string) => <span class={`severity is-${severity}`}>{severity}</span>;

const hostLink = (one: { host: string; tags: Record<string, string> }) => (
  <>
    {one.host === "" ? "server" : <a href={formatRoute({ view: "host", host: one.host, range: kDefaultRange })}>{one.host}</a>}
    {seriesOf(one) !== "" && <> <span class="quiet">{seriesOf(one)}</span></>}
  </>
);

function Firing({ alerts, change }: { alerts: readonly ActiveAlert[]; change: Change }) {
  useSecond();
  if (alerts.length === 0) return <p class="notice quiet">No alert fires.</p>;
  return (
    <TableBox label="Alerts that fire">
      <table class="plain cards">
        <caption>Now</caption>
        <thead><tr><th scope="col">Severity</th><th scope="col">Host</th><th scope="col">Rule</th><th scope="col">Value</th>
          <th scope="col">State</th><th scope="col">For</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
        <tbody>
          {sortAlerts(alerts).map((one) => (
            <tr key={one.id}>
              <td>{severityMark(one.severity)}</td>
              <td class="about">{hostLink(one)}</td>
              <td title={one.help}>{one.rule}</td>
              <td>{one.valueText === "" ? one.text : `${one.valueText}${one.limitText === "" ? "" : ` (${one.limitText})`}`}</td>
              <td>{one.acknowledgedBy !== "" ? `acknowledged by ${one.acknowledgedBy}` : one.heldBy !== "" ? one.heldBy : one.state}</td>
              <td>{formatDuration(Math.max(0, (serverNow() - one.since) / 1000))}</td>
              <td class="actions">
                {one.state === "firing" && one.acknowledgedBy === "" && (
                  <button type="button" aria-label={`Acknowledge ${one.rule} on ${whereOf(one)}`}
                    onClick={() => change("POST", "/api/v1/alerts/ack", { id: one.id })}>Acknowledge</button>
                )}
                {one.host !== "" && one.heldBy !== "silenced" && (
                  <button type="button" aria-label={`Silence 2 h: ${one.rule} on ${one.host}`}
                    onClick={() => change("POST", "/api/v1/alerts/silences", { hosts: one.host, rule: one.rule, for: "2h" })}>Silence 2 h</button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

// What a silence would hold back, while one types it.
function useSilencePreview(hosts: string, rule: string): string {
  const [text, setText] = useState("");
  useEffect(() => {
    let left = false;
    const timer = setTimeout(() => {
      call("POST", "/api/v1/alerts/silences/preview", { hosts, rule }).then((body) => {
        if (!left) setText(silenceText(decodeSilencePreview(body)));
      }, () => {
        if (!left) setText("");
      });
    }, 300);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [hosts, rule]);
  return text;
}

function Silences({ list, error, change }: { list: readonly Silence[]; error: string; change: Change }) {
  const [hosts, setHosts] = useState("");
  const [rule, setRule] = useState("");
  const preview = useSilencePreview(hosts, rule);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const field = (name: string): string => String(data.get(name) ?? "");
    change("POST", "/api/v1/alerts/silences", { hosts: field("hosts"), rule: field("rule"), for: field("for"), reason: field("reason") });
    form.reset();
    setHosts("");
    setRule("");
  };
  return (
    <section class="panel" aria-label="Silences">
      <header><h3>Silences</h3></header>
      {error !== "" && <p class="error-text">{error}</p>}
      <ul class="bare silences">
        {list.filter((one) => one.active).map((one) => (
          <li key={one.id} class="row">
            <span><strong>{one.hosts === "" ? "all hosts" : one.hosts}</strong> {one.rule === "*" ? "all rules" : `rule ${one.rule}`}{" "}
              <span class="quiet">until {formatTime(one.ends)} · {one.author}{one.reason === "" ? "" : ` · ${one.reason}`}</span></span>
            <button type="button" aria-label={`End the silence of ${one.hosts === "" ? "all hosts" : one.hosts}`}
              onClick={() => change("DELETE", `/api/v1/alerts/silences/${one.id}`)}>End</button>
          </li>
        ))}
      </ul>
      <form class="fields" onSubmit={submit}>
        <label>Hosts<input name="hosts" placeholder="site:north; empty: all" value={hosts} onInput={(event) => setHosts(event.currentTarget.value)} /></label>
        <label>Rule<input name="rule" placeholder="*" value={rule} onInput={(event) => setRule(event.currentTarget.value)} /></label>
        <label class="is-short">For<input name="for" defaultValue="2h" required size={5} /></label>
        <label>Reason<input name="reason" /></label>
        <button type="submit">Silence</button>
      </form>
      <p class="quiet" role="status">{preview}</p>
    </section>
  );
}

function Channels({ list, change }: { list: readonly AlertChannel[]; change: Change }) {
  if (list.length === 0) {
    return <p class="notice">No channel is configured, so no message is sent. <code>[channel.NAME]</code> in <code>alerts.toml</code> adds one.</p>;
  }
  return (
    <TableBox label="Channels">
      <table class="plain cards">
        <caption>Channels</caption>
        <thead><tr><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">Place</th><th scope="col" class="numeric">Sent</th><th scope="col">State</th>
          <th scope="col"><span class="hidden">Actions</span></th></tr></thead>
        <tbody>
          {list.map((one) => (
            <tr key={one.name}>
              <th scope="row">{one.name}</th><td>{one.kind}</td><td>{one.place}</td><td class="numeric">{one.sent}</td>
              <td class={`about${one.failingSince === null ? "" : " error-text"}`}>{one.failingSince === null ? "good" : `fails since ${formatTime(one.failingSince)}: ${one.lastError}`}</td>
              <td class="actions"><button type="button" aria-label={`Send a test message to ${one.name}`}
                onClick={() => change("POST", "/api/v1/alerts/send-test", { channel: one.name })}>Test</button></td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

function History({ list, error }: { list: readonly PastAlert[]; error: string }) {
  const [search, setSearch] = useState("");
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const shown = list.filter((one) => words.every((word) => `${whereOf(one)} ${one.rule} ${one.severity} ${one.state}`.toLowerCase().includes(word)));
  return (
    <>
      {error !== "" && <p class="error-text">{error}</p>}
      <TableBox label="History of alerts">
        <table class="plain cards">
          <caption><span class="caption">History <span class="grow" />
            <input type="search" aria-label="Search the history" placeholder="Search the history" value={search} onInput={(event) => setSearch(event.currentTarget.value)} /></span></caption>
          <thead><tr><th scope="col">Time</th><th scope="col">State</th><th scope="col">Severity</th><th scope="col">Host</th><th scope="col">Rule</th>
            <th scope="col">Value</th><th scope="col">Note</th></tr></thead>
          <tbody>
            {shown.map((one) => (
              <tr key={one.id}>
                <td>{formatTime(one.time)}</td>
                <td>{one.state === "firing" ? "fired" : `ended after ${formatDuration(Math.max(0, (one.time - one.since) / 1000))}`}</td>
                <td>{severityMark(one.severity)}</td><td class="about">{hostLink(one)}</td><td>{one.rule}</td><td>{one.valueText}</td>
                <td>{[one.late ? "came late, no message" : "", one.reason].filter((note) => note !== "").join(", ")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
    </>
  );
}

function Rules({ list, error, onChanged }: { list: readonly AlertRule[]; error: string; onChanged: () => void }) {
  const who = useObservable(account);
  const [edited, setEdited] = useState<{ name: string; isNew: boolean } | null>(null);
  const [name, setName] = useState("");
  const mayEdit = who?.role === "admin";
  const done = (changed: boolean): void => {
    setEdited(null);
    if (changed) onChanged();
  };
  const known = list.some((one) => one.name === name);
  return (
    <>
      {error !== "" && <p class="error-text">{error}</p>}
      {edited !== null && <RuleEditor key={edited.name} name={edited.name} isNew={edited.isNew} onDone={done} />}
      {mayEdit && edited === null && (
        <form class="row new-rule" onSubmit={(event) => {
          event.preventDefault();
          setEdited({ name, isNew: !known });
          setName("");
        }}>
          <label>New rule <input value={name} required pattern="[A-Za-z0-9_\-]{1,64}" title="Letters of ASCII, digits, '-' and '_', at most 64" placeholder="busy"
            onInput={(event) => setName(event.currentTarget.value)} /></label>
          <button type="submit">{known ? "Edit" : "Write"}</button>
        </form>
      )}
      <TableBox label="Rules">
        <table class="plain cards">
          <caption>Rules</caption>
          <thead><tr><th scope="col">Rule</th><th scope="col">Severity</th><th scope="col">When</th><th scope="col">For</th><th scope="col">Hosts</th>
            <th scope="col">Channels</th>{mayEdit && <th scope="col"><span class="hidden">Actions</span></th>}</tr></thead>
          <tbody>
            {list.map((one) => (
              <tr key={one.name} class={one.enabled ? "" : "quiet"}>
                <th scope="row" title={one.help}>{one.name}{one.enabled ? "" : " (off)"}</th><td>{severityMark(one.severity)}</td><td class="about"><code>{one.when}</code></td>
                <td>{one.forSeconds === 0 ? "at once" : formatDuration(one.forSeconds)}</td><td>{one.hosts === "" ? "all" : one.hosts}</td>
                <td>{one.notify.join(", ")}</td>
                {mayEdit && <td class="actions"><button type="button" aria-label={`Edit ${one.name}`} onClick={() => setEdited({ name: one.name, isNew: false })}>Edit</button></td>}
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
    </>
  );
}
