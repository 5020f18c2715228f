import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/fleet.css";
import "./style/host.css";
import "./style/views.css";
import { App } from "./app.tsx";
import { followTheme } from "./charts/theme.ts";
import { start } from "./net/live.ts";
import { loadAccount } from "./net/session.ts";
import { followTrends } from "./net/trends.ts";

followTheme();
followTrends();
void loadAccount();
start();
const place = document.getElementById("page");
if (place !== null) render(<App />, place);
