import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/fleet.css";
import "./style/host.css";
import "./style/views.css";
import "./style/logs.css";
import { App } from "./app.tsx";
import { isCharted } from "./core/early.ts";
import { start } from "./net/live.ts";
import { loadAccount } from "./net/session.ts";
import { followSince } from "./net/since.ts";
import { followTrends } from "./net/trends.ts";
import { followTroubles } from "./net/trouble.ts";
import { charted } from "./ui/later.tsx";
import { route } from "./ui/navigation.ts";

const kSoonMs = 50;
const kChartsSoonMs = 400;
const kChartsLaterMs = 1000;

followTrends();
followTroubles();
followSince();
const place = document.getElementById("page");
const show = (): void => {
  if (place !== null) render(<App />, place);
  void loadAccount();
  // The scripts of the views that are not shown yet, when there is time: a click then finds them.
  setTimeout(charted.load, kChartsLaterMs);
};
const within = (ms: number, what: Promise<void>): Promise<void> => Promise.race([what, new Promise<void>((resolve) => setTimeout(resolve, ms))]);
if (isCharted(location.hash)) {
  // A host's charts have been asked for (ask.ts); the hosts, of which the list may be long, are asked for after them.
  void within(kChartsSoonMs, charted.load()).then(() => {
    void start();
    show();
  });
} else {
  const asked = start();
  // Hosts that come soon are in the first picture; otherwise it says that they are asked for.
  if (route.value.view === "fleet") void within(kSoonMs, asked).then(show);
  else show();
}
