// What a person chooses for this browser.

import { kHeatKeys, type HeatKey } from "../../core/route.ts";
import { kChoices, type Settings } from "../../core/settings.ts";
import { kThresholds } from "../../core/thresholds.ts";
import { kPresets } from "../../core/time_range.ts";
import { zoneName } from "../../core/format.ts";
import { serverNow } from "../../net/live.ts";
import { changeSettings, settings } from "../../ui/settings.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { kHeatTitles } from "../fleet/heat.tsx";

type ChoiceKey = keyof typeof kChoices;

const kRows: readonly { key: ChoiceKey; title: string; words: Record<string, string> }[] = [
  { key: "theme", title: "Theme", words: { system: "The system's", light: "Light", dark: "Dark" } },
  { key: "zone", title: "Times in", words: { browser: "This browser's zone", utc: "UTC" } },
  { key: "network", title: "Network rates in", words: { bits: "Bits", bytes: "Bytes" } },
  { key: "temperature", title: "Temperatures in", words: { celsius: "°C", fahrenheit: "°F" } },
  { key: "density", title: "Rows of the fleet", words: { comfortable: "Comfortable", compact: "Compact" } },
  { key: "legend", title: "Legends of charts", words: { names: "Names", table: "Table: min, mean, max, last" } },
];

export function SettingsView() {
  const now = useObservable(settings);
  return (
    <div class="settings">
      <h1 class="view-title">Settings</h1>
      <p class="quiet">This browser keeps them; they change nothing for other people.</p>
      <section class="panel" aria-label="Appearance">
        <header><h3>Appearance</h3></header>
        {kRows.map(({ key, title, words }) => (
          <div key={key} class="setting">
            <span id={`setting-${key}`}>{title}{key === "zone" && <span class="quiet"> now {zoneName(serverNow())}</span>}</span>
            <div class="segments" role="group" aria-labelledby={`setting-${key}`}>
              {kChoices[key].map((choice) => (
                <button key={choice} type="button" aria-pressed={now[key] === choice} onClick={() => changeSettings({ [key]: choice } as Partial<Settings>)}>{words[choice]}</button>
              ))}
            </div>
          </div>
        ))}
        <label class="setting"><span>Range of charts at first</span>
          <select value={now.range} onChange={(event) => changeSettings({ range: event.currentTarget.value })}>
            {kPresets.map((preset) => <option key={preset.id} value={preset.id}>{preset.name}</option>)}
          </select>
        </label>
      </section>
      <section class="panel" aria-label="Thresholds">
        <header><h3>Thresholds</h3></header>
        <p class="quiet">From <em>raised</em> on a figure is yellow, from <em>high</em> on it is red and its host is listed as in trouble. Swap only changes its colour.
          Messages come from the server's alerts, which have limits of their own.</p>
        <table class="plain">
          <thead><tr><th scope="col">Figure</th><th scope="col" class="numeric">Raised</th><th scope="col" class="numeric">High</th></tr></thead>
          <tbody>{kHeatKeys.map((key) => <Limits key={key} of={key} />)}</tbody>
        </table>
        <div class="row"><button type="button" onClick={() => changeSettings({ thresholds: kThresholds })}>Back to the built-in ones</button></div>
      </section>
    </div>
  );
}

function Limits({ of }: { of: HeatKey }) {
  const { thresholds } = useObservable(settings);
  const field = (which: "raised" | "high") => (
    <td class="numeric">
      <input type="number" min="0.1" max={of === "load" ? 1000 : 100} step="0.1" value={thresholds[of][which]} aria-label={`${kHeatTitles[of]}, ${which}`}
             onChange={(event) => {
               const value = Number(event.currentTarget.value);
               const next = { ...thresholds[of], [which]: value };
               // Both stay in order: the one that was typed counts.
               if (next.raised > next.high) next[which === "raised" ? "high" : "raised"] = value;
               changeSettings({ thresholds: { ...thresholds, [of]: next } });
               event.currentTarget.value = String(settings.value.thresholds[of][which]);
             }} />
    </td>
  );
  return <tr><th scope="row">{kHeatTitles[of]}{of !== "load" && <span class="quiet">%</span>}</th>{field("raised")}{field("high")}</tr>;
}
