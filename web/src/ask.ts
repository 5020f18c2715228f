// Read before all other scripts where the page is opened at a host (first.ts): its charts are asked for while those are still on their way.

import "./ui/settings.ts";  // the range of a link that names none
import { askHost } from "./net/ahead.ts";
import { route } from "./ui/navigation.ts";

if (route.value.view === "host") askHost(route.value);
