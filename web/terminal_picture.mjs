// A picture of a terminal for the documents: text with colours on standard input, as `tmux capture-pane -e -p` or `script` give it.
//
//   tmux capture-pane -e -p | node terminal_picture.mjs ../docs/images/NAME.png [COMMAND]
//
// COMMAND is shown in front of it, as if typed. Only colours and bold are understood, which is all that ./resmon uses.

import { chromium } from "playwright-core";

const [out, command] = process.argv.slice(2);
if (!out) {
  console.error("usage: node terminal_picture.mjs FILE.png [COMMAND] <TEXT");
  process.exit(2);
}
let text = "";
for await (const piece of process.stdin.setEncoding("utf8")) text += piece;

const kColours = { 31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea" };
const escape = (part) => part.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
let colour = "", bold = false;
const html = text.replace(/\r/g, "").trimEnd().split(/\x1b\[([0-9;]*)m/).map((part, index) => {
  if (index % 2 === 0) return `<span style="${colour && `color:${colour};`}${bold ? "font-weight:bold" : ""}">${escape(part)}</span>`;
  for (const code of part.split(";").map(Number)) {
    if (code === 0) [colour, bold] = ["", false];
    else if (code === 1) bold = true;
    else if (code === 22) bold = false;
    else if (code === 39) colour = "";
    else colour = kColours[code] ?? colour;
  }
  return "";
}).join("");

const browser = await chromium.launch({ executablePath: process.env.RESMON_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 200 } });
  await page.setContent(`<body style="margin:0"><pre style="display:inline-block;margin:0;padding:14px 18px;background:#0d1117;color:#d0d7de;
    font:13px/1.35 'DejaVu Sans Mono',monospace">${command ? `<b>$ ${escape(command)}</b>\n` : ""}${html}</pre>`);
  await page.locator("pre").screenshot({ path: out });
} finally {
  await browser.close();
}
