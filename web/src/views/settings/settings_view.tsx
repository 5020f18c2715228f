// What a person chooses.

import { useState } from "preact/hooks";
import { t, tx } from "../../core/texts.ts";
import type { SortKey } from "../../core/route.ts";
import { kChoices, type Settings } from "../../core/settings.ts";
import { kThresholds, type OwnThresholds } from "../../core/thresholds.ts";
import { kPresets } from "../../core/time_range.ts";
import { zoneName } from "../../core/format.ts";
import { fleetThresholds, serverNow } from "../../net/live.ts";
import { account, call } from "../../net/session.ts";
import { changeSettings, settings, settingsError } from "../../ui/settings.ts";
import { ThresholdTable } from "../../ui/threshold_table.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { kColumns, kFixedColumns } from "../fleet/columns.tsx";

type ChoiceKey = keyof typeof kChoices;

const kRows: readonly { key: ChoiceKey; title: string; words: Record<string, string> }[] = [
  { key: "language", title: t("Language"), words: { browser: t("This browser's"), en: "English", de: "Deutsch" } },
  { key: "theme", title: t("Theme"), words: { system: t("The system's"), light: t("Light"), dark: t("Dark") } },
  { key: "zone", title: t("Times in"), words: { browser: t("This browser's zone"), utc: "UTC" } },
  { key: "network", title: t("Network rates in"), words: { bits: t("Bits"), bytes: t("Bytes") } },
  { key: "temperature", title: t("Temperatures in"), words: { celsius: "°C", fahrenheit: "°F" } },
  { key: "density", title: t("Rows of the fleet"), words: { comfortable: t("Comfortable"), compact: t("Compact") } },
  { key: "legend", title: t("Legends of charts"), words: { names: t("Names"), table: t("Table: min, mean, max, last") } },
];

export function SettingsView() {
  const now = useObservable(settings);
  const who = useObservable(account);
  const error = useObservable(settingsError);
  const everybody = useObservable(fleetThresholds);
  return (
    <div class="settings">
      <h1 class="view-title">{t("Settings")}</h1>
      <p class="quiet">{who === null ? t("This browser keeps them; they change nothing for other people.") : t("The account {name} keeps them, on every machine; they change nothing for other people.", { name: who.name })}</p>
      {error !== "" && <div class="banner" role="alert"><strong>{t("Not kept in your account:")}</strong> {error}</div>}
      <section class="panel" aria-label={t("Appearance")}>
        <header><h2>{t("Appearance")}</h2></header>
        {kRows.map(({ key, title, words }) => (
          <div key={key} class="setting">
            <span id={`setting-${key}`}>{title}{key === "zone" && <span class="quiet">{" "}{t("now {zone}", { zone: zoneName(serverNow()) })}</span>}</span>
            <div class="segments" role="group" aria-labelledby={`setting-${key}`}>
              {kChoices[key].map((choice) => (
                <button key={choice} type="button" aria-pressed={now[key] === choice} onClick={() => changeSettings({ [key]: choice } as Partial<Settings>)}>{words[choice]}</button>
              ))}
            </div>
          </div>
        ))}
        <label class="setting"><span>{t("Range of charts at first")}</span>
          <select value={now.range} onChange={(event) => changeSettings({ range: event.currentTarget.value })}>
            {kPresets.map((preset) => <option key={preset.id} value={preset.id}>{preset.name}</option>)}
          </select>
        </label>
      </section>
      <section class="panel" aria-label={t("My thresholds")}>
        <header><h2>{t("My thresholds")}</h2></header>
        <p class="quiet">{tx("From {raised} on a figure is yellow, from {high} on it is red and its host is listed as in trouble. Swap only changes its colour. Messages come from the server's alerts, which have limits of their own.", { raised: <em>{t("raised")}</em>, high: <em>{t("high")}</em> })}</p>
        <ThresholdTable own={now.thresholds} base={{ ...kThresholds, ...everybody }} onChange={(thresholds) => changeSettings({ thresholds })} />
        {Object.keys(now.thresholds).length > 0 && (
          <div class="row"><button type="button" onClick={() => changeSettings({ thresholds: {} })}>{who === null ? t("Back to the usual ones") : t("Back to the fleet's ones")}</button></div>
        )}
      </section>
      {who?.role === "admin" && <FleetThresholds />}
      <Columns />
    </div>
  );
}

// Of everybody: an administrator's.
function FleetThresholds() {
  const own = useObservable(fleetThresholds);
  const [error, setError] = useState("");
  const change = (next: OwnThresholds): void => {
    call("PUT", "/api/v1/thresholds", next).then(() => setError(""), (failure: unknown) => setError(failure instanceof Error ? failure.message : String(failure)));
  };
  return (
    <section class="panel" aria-label={t("Thresholds of the fleet")}>
      <header><h2>{t("Thresholds of the fleet")}</h2></header>
      <p class="quiet">{tx("For everybody who set none of their own. One host's are on its page, under {button}, and count before all others.", { button: <em>{t("Edit")}</em> })}</p>
      <ThresholdTable own={own} base={kThresholds} onChange={change} />
      <p class="error-text" role="alert">{error}</p>
      {Object.keys(own).length > 0 && <div class="row"><button type="button" onClick={() => change({})}>{t("Back to the built-in ones")}</button></div>}
    </section>
  );
}

// Which columns the fleet has, and their order. Those for which there is no room are left out as before.
function Columns() {
  const { columns } = useObservable(settings);
  const free = kColumns.filter((column) => !kFixedColumns.includes(column.key));
  const shown = columns.length === 0 ? free.map((column) => column.key) : columns.filter((key) => !kFixedColumns.includes(key));
  const change = (next: readonly SortKey[]): void => changeSettings({ columns: [...kFixedColumns, ...next] });
  const move = (key: SortKey, by: number): void => {
    const next = shown.filter((one) => one !== key);
    next.splice(Math.max(0, shown.indexOf(key) + by), 0, key);
    change(next);
  };
  const title = (key: SortKey): string => kColumns.find((column) => column.key === key)?.title ?? key;
  return (
    <section class="panel" aria-label={t("Columns of the fleet")}>
      <header><h2>{t("Columns of the fleet")}</h2></header>
      <p class="quiet">{t("State and host come first. A narrow window shows those that matter most.")}</p>
      <ol class="column-list">
        {shown.map((key, at) => (
          <li key={key}>
            <label class="check"><input type="checkbox" checked onChange={() => change(shown.filter((one) => one !== key))} /> {title(key)}</label>
            <button type="button" class="icon" disabled={at === 0} aria-label={t("{column}: one earlier", { column: title(key) })} onClick={() => move(key, -1)}>↑</button>
            <button type="button" class="icon" disabled={at === shown.length - 1} aria-label={t("{column}: one later", { column: title(key) })} onClick={() => move(key, 1)}>↓</button>
          </li>
        ))}
        {free.filter((column) => !shown.includes(column.key)).map(({ key }) => (
          <li key={key}><label class="check"><input type="checkbox" checked={false} onChange={() => change([...shown, key])} /> {title(key)}</label></li>
        ))}
      </ol>
      {columns.length > 0 && <div class="row"><button type="button" onClick={() => changeSettings({ columns: [] })}>{t("All, in the usual order")}</button></div>}
    </section>
  );
}
