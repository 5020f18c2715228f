import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/fleet.css";
import "./style/host.css";
import "./style/views.css";
import "./style/logs.css";
import { App } from "./app.tsx";
import { followTheme } from "./charts/theme.ts";
import { start } from "./net/live.ts";
import { loadAccount } from "./net/session.ts";
import { followTrends } from "./net/trends.ts";
import { followTroubles } from "./net/trouble.ts";

followTheme();
followTrends();
followTroubles();
void loadAccount();
start();
const place = document.getElementById("page");
const draw = (): void => {
  if (place !== null) render(<App />, place);
};
// The data is asked for by now. While it is on its way, the browser gets a frame for the shell in index.html, which it would otherwise skip,
// since the script is there as soon as the style sheet. A tab in the background gets no frames.
if (document.visibilityState === "visible") requestAnimationFrame(() => setTimeout(draw));
else draw();
