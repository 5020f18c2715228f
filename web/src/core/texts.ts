// Every text that the page shows, in the reader's language. The English text is the key, so English costs nothing to load and a reader of the
// code sees what the page says; German is a script of its own (texts_de.ts), loaded before the page is drawn. Another language is chosen by
// loading the page again (ui/settings.ts): tables of texts are made once, when their module is read.
//
// tools/texts.test.mjs fails where a text has no translation, where a translation is used nowhere or has other placeholders, and where
// a view has a text that does not come through here. What the server writes (alerts, errors, its log) stays English.

import type { kGerman } from "./texts_de.ts";

export const kLanguages = ["en", "de"] as const;
export type Language = (typeof kLanguages)[number];
export type Text = keyof typeof kGerman;
type Value = string | number;
type Counted<Key> = Key extends `${string}|${string}` ? Key : never;
type Names<Key> = Key extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type ValuesOf<Key, Kind> = [Names<Key>] extends [never] ? [] : [Record<Names<Key>, Kind>];

// The settings' choice ("browser", or a language) as it is kept, before anything else of the page is read.
export const kSettingsKey = "resmon.settings";
function chosen(): unknown {
  try {
    return (JSON.parse(localStorage.getItem(kSettingsKey) ?? "null") as { language?: unknown } | null)?.language;
  } catch {
    return null;  // storage switched off, or not ours
  }
}

// The first language of the browser that the page has.
export function languageOf(choice: unknown): Language {
  const wished = typeof document === "undefined" ? [] : navigator.languages;
  return [choice, ...wished].map((one) => kLanguages.find((known) => String(one).split("-")[0] === known)).find((one) => one !== undefined) ?? "en";
}

// The language that was asked for when the page was loaded. Where its script does not come, the page is in English.
export const askedLanguage = languageOf(chosen());
let german: typeof import("./texts_de.ts") | null = askedLanguage === "de" ? await import("./texts_de.ts").catch(() => null) : null;
export let language: Language = german === null ? "en" : "de";
if (typeof document !== "undefined") document.documentElement.lang = language;

// A time or a range as a person wrote it, in the words that range_words.ts and time_range.ts read: "gestern" is "yesterday".
export const timeInEnglish = (text: string): string => german?.timeInEnglish(text) ?? text;

// How a language writes numbers, and of which numbers it has the singular. Not by Intl: the first of its number formats costs a browser tens of
// milliseconds before the page is drawn. `point`: between a number's whole part and its decimals.
const kNumbers: Record<Language, { point: string; thousands: string; isOne: (n: number) => boolean }> = {
  en: { point: ".", thousands: ",", isOne: (n) => n === 1 },
  de: { point: ",", thousands: ".", isOne: (n) => n === 1 },
};
export let { point } = kNumbers[language];

// For tests: the language from now on.
export function setLanguage(next: Language, texts: typeof import("./texts_de.ts") | null): void {
  language = next;
  german = texts;
  ({ point } = kNumbers[language]);
}

// "12,345": a count in full.
export const whole = (value: number): string => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, kNumbers[language].thousands);

// A title within a sentence: German writes its nouns as they are.
export const inSentence = (title: string): string => (language === "de" ? title : title.toLowerCase());

const textOf = (key: string): string => (german?.kGerman as Record<string, string> | undefined)?.[key] ?? key;
const filled = (text: string, values: Readonly<Record<string, Value>> | undefined): string =>
  values === undefined ? text : text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));

export const t = <Key extends Exclude<Text, Counted<Text>>>(key: Key, ...[values]: ValuesOf<Key, Value>): string => filled(textOf(key), values);

// Of "{n} host|{n} hosts", the form of that many.
export function count<Key extends Counted<Text>>(key: Key, n: number, values?: Record<Exclude<Names<Key>, "n">, Value>): string {
  const [one = "", more = one] = textOf(key).split("|");
  return filled(kNumbers[language].isOne(n) ? one : more, { ...values, n: whole(n) });
}

// With elements in the places of names.
export const tx = <Key extends Exclude<Text, Counted<Text>>, Part>(key: Key, values: Record<Names<Key>, Part>): (Part | string)[] =>
  textOf(key).split(/\{(\w+)\}/).map((part, at) => (at % 2 === 0 ? part : values[part as Names<Key>]));
