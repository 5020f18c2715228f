// Files made in the browser.

import { formatClock, isoDate } from "../core/format.ts";
import { toCsv, type ResultTable } from "../core/result_table.ts";

function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const fileName = (title: string, ending: string): string => {
  const now = Date.now();
  const words = title.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return `resmon-${words === "" ? "data" : words}-${isoDate(now)}-${formatClock(now, true).replaceAll(":", "")}.${ending}`;
};

export const downloadCsv = (title: string, table: ResultTable): void => save(new Blob([toCsv(table)], { type: "text/csv" }), fileName(title, "csv"));

const kMargin = 12;

// The chart as it is on the screen, with its title above and its legend below.
export function downloadPicture(title: string, canvas: HTMLCanvasElement, legend: readonly { colour: string; text: string }[], colours: { text: string; ground: string }): void {
  const scale = devicePixelRatio;
  const lines: (typeof legend)[number][][] = [[]];
  const picture = document.createElement("canvas");
  const context = picture.getContext("2d");
  if (context === null) return;
  const font = (size: number, weight = 400): string => `${weight} ${size * scale}px system-ui, sans-serif`;
  context.font = font(12);
  let x = 0;
  for (const item of legend) {
    const width = context.measureText(item.text).width + 32 * scale;
    if (x + width > canvas.width && x > 0) {
      lines.push([]);
      x = 0;
    }
    lines.at(-1)?.push(item);
    x += width;
  }
  const margin = kMargin * scale;
  const head = 30 * scale;
  const row = 20 * scale;
  picture.width = canvas.width + 2 * margin;
  picture.height = canvas.height + head + row * lines.length + 2 * margin;
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, picture.width, picture.height);
  context.fillStyle = colours.text;
  context.font = font(14, 600);
  context.fillText(title, margin, margin + 14 * scale);
  context.drawImage(canvas, margin, margin + head);
  context.font = font(12);
  lines.forEach((items, index) => {
    const y = margin + head + canvas.height + row * (index + 0.7);
    let at = margin;
    for (const { colour, text } of items) {
      context.fillStyle = colour;
      context.fillRect(at, y - 9 * scale, 9 * scale, 9 * scale);
      context.fillStyle = colours.text;
      context.fillText(text, at + 15 * scale, y);
      at += context.measureText(text).width + 32 * scale;
    }
  });
  picture.toBlob((blob) => blob !== null && save(blob, fileName(title, "png")));
}
