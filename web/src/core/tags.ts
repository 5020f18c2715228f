// How a series is named where only its tags tell it from the others.

// A flag, a number, or nothing: without the tag's name it tells a reader nothing.
const kSaysNothing = /^(true|false|yes|no|on|off|none|null|-?[\d.]*)$/i;

export const tagLabel = (key: string, value: string): string => (kSaysNothing.test(value) ? `${key}=${value}` : value);

// All tags that have a value.
export const seriesLabel = (tags: Readonly<Record<string, string>>): string =>
  Object.entries(tags).filter(([, value]) => value !== "").map(([key, value]) => tagLabel(key, value)).join(" ");
