// The section "Hardware": what it says in plain states, and its sensors.

import { inSentence, t } from "../../core/texts.ts";
import { format } from "../../core/format.ts";
import { DataTable, type ChartContext, type Head } from "./data_table.tsx";
import { kKinds, rankOf, thingsOf, type Thing } from "./hardware.ts";
import { latestRows, type Latest, type Part } from "./latest.ts";
import { rowPanels, type Wish } from "./row_panels.ts";
import { useLatest } from "./use_latest.ts";
import { Word } from "./word.tsx";

const kSensorFields = [
  ["fan_input", t("fan"), t("rpm")], ["in_input", t("voltage"), "V"], ["curr_input", t("current"), "A"], ["power_input", t("power"), "W"],
  ["power_average", t("power"), "W"], ["energy_input", t("energy"), "J"], ["humidity_input", t("humidity"), "%"],
] as const;
const kSensorParts: readonly Part[] = [
  { from: "temp", by: ["sensor", "device"], columns: ["temp"], lookBackMs: 100_000 },
  { from: "sensors", by: ["feature", "chip"], columns: kSensorFields.map(([field]) => field), lookBackMs: 100_000 },
];
const kParts: readonly Part[] = [...kKinds, ...kSensorParts];

interface Sensor {
  key: string;
  name: string;
  about: string;
  kind: string;
  value: number;
  shown: string;
  tags: Record<string, string>;
  wish: Wish;
}

function sensorOf(row: Latest): Sensor | null {
  const common = { key: row.key, name: row.name, about: row.about, tags: row.tags };
  const temperature = row.values["temp"];
  if (typeof temperature === "number") {
    return { ...common, kind: inSentence(t("Temperature")), value: temperature, shown: format(temperature, "celsius"),
      wish: { title: t("Temperature"), unit: "celsius", from: "temp", field: "temp" } };
  }
  for (const [field, kind, unit] of kSensorFields) {
    const value = row.values[field];
    if (typeof value === "number") {
      return { ...common, kind, value, shown: `${format(value, "number")} ${unit}`, wish: { title: `${kind}, ${unit}`, unit: "number", from: "sensors", field } };
    }
  }
  return null;
}

const kThingHeads: Head<Thing>[] = [
  { title: t("State"), ascendingFirst: true, value: (thing) => `${rankOf(thing)} ${thing.state}`, show: (thing) => <Word text={thing.state} level={thing.level} /> },
  { title: t("What"), ascendingFirst: true, value: (thing) => thing.kind },
  { title: t("In detail"), rank: "rank-2", ascendingFirst: true, value: (thing) => thing.detail || null, show: (thing) => <span class="quiet">{thing.detail}</span> },
];
const kSensorHeads: Head<Sensor>[] = [
  { title: t("Now"), unit: "number", value: (sensor) => sensor.value, show: (sensor) => sensor.shown },
  { title: t("What"), ascendingFirst: true, value: (sensor) => sensor.kind },
];

export function HardwareTables(context: ChartContext) {
  const results = useLatest(kParts, context.host, context.range);
  const things = thingsOf(results);
  const sensors = kSensorParts.flatMap((part, index) =>
    latestRows([part], [results[kKinds.length + index]], false).map(sensorOf).filter((sensor): sensor is Sensor => sensor !== null));
  return (
    <>
      {things.length > 0 && (
        <DataTable title={t("Health")} caption={t("Hardware by state, broken parts first")} rows={things} heads={kThingHeads} context={context}
                   keyOf={(thing) => thing.key} nameOf={(thing) => thing.name} chartsOf={(thing) => rowPanels(thing.key, thing.tags, thing.charts)} />
      )}
      {sensors.length > 0 && (
        <DataTable title={t("Sensors")} caption={t("Sensors with their last values")} rows={sensors} heads={kSensorHeads} sorted={1} context={context}
                   keyOf={(sensor) => sensor.key} nameOf={(sensor) => sensor.name} aboutOf={(sensor) => sensor.about}
                   chartsOf={(sensor) => rowPanels(sensor.key, sensor.tags, [sensor.wish])} />
      )}
    </>
  );
}
