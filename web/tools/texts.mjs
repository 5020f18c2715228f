// Reads the page's sources for their texts: what goes through core/texts.ts, and literals that look like a text and do not.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

const root = path.join(path.dirname(new URL(import.meta.url).pathname), "../src");

// The translations of src/core/texts_de.ts, read without a bundler.
export async function german() {
  const source = readFileSync(path.join(root, "core/texts_de.ts"), "utf8");
  const script = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } }).outputText;
  return (await import(`data:text/javascript;base64,${Buffer.from(script).toString("base64")}`)).kGerman;
}

const kFunctions = new Set(["t", "tx", "count"]);
// Elements whose content is typed as it stands: commands, keys, names of settings.
const kVerbatim = new Set(["code", "pre", "kbd", "path"]);
const kTextAttributes = /^(title|aria-label|aria-description|placeholder|alt|label|name|what|caption|text)$/;
// Properties of tables that are shown.
const kTextProperties = /^(label|title|text|what|hint|words|state|detail|note|about|blank|caption)$/;
// What looks like a text and is none, or is the same in each language.
const kAllowed = [
  /^(SELECT|SHOW|WHERE|GROUP BY|AND|OR|FROM)\b|^ ?GROUP BY|\btime >= /,                                   // InfluxQL
  /^(CPU|GPU|PID|CSV|UTC|RAID|Btrfs|InfluxQL|TLS|[KMGTPE]iB|Linux \{\} \{\}|\{\} dBm|pid \{\}|(1|5|15) min|20 TB|\{\} ms)$/,  // names and units
  /^(resmon|resmon-client|resmon-server|resmon\.traffic\.)$/,
  /^(user|system|iowait|steal|nice|irq|softirq|guest|guest nice|slab|forks|(cpu|memory|io) (some|full))$/,      // the kernel's names
  /^(English|Deutsch)$/,                                                                                     // each language's own name
  /^Jan\|Feb\|/,                                                                                              // months in log lines
  /^(unhealthy|running|failed|active)$/,                                                                      // Docker's and systemd's
  /^(Escape|Esc|Enter|Tab|Arrow\w+|TimeoutError|Error|Authorization|Content-Type|Retry-After|Bearer \{\})$/,
  /^(Name|ActivityState|Devices|(Disks|Blocks)\w+|least left)$/,                                              // tags and columns
  /sans-serif$|^\(?(prefers|pointer)|^(\.|tr\.|table\.)|^button, |^metered level-/,                            // style and selectors
  /^(\.\/resmon |umask |echo |sudo )|^ --set |^others try rules now$/,                                        // commands; what the server answers
  /^(grafana|web1|busy|team:web site:north|error -debug .*)$/,                                                // examples of what to type
];
// Words of a language that is not the reader's.
const kOtherLanguages = /^core\/(completion|known)\.ts$/;
const letters = (text) => /\p{L}{2}/u.test(text);
const looksLikeText = (text) => letters(text) && (/^[A-Z][a-z]/.test(text) || /\p{L}[,.:;]? \p{L}/u.test(text) || /\p{L}[.…]$/u.test(text));

const isCall = (node) => ts.isCallExpression(node) && ts.isIdentifier(node.expression) && kFunctions.has(node.expression.text);
const wordsOf = (node) => (ts.isTemplateExpression(node) ? [node.head.text, ...node.templateSpans.map((span) => span.literal.text)].join("{}") : node.text);
const isLiteral = (node) => ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node);

// The part of the tree for which the literal stands: out of parentheses, branches of a condition, and defaults.
function placeOf(node) {
  let at = node;
  while (ts.isParenthesizedExpression(at.parent) || (ts.isConditionalExpression(at.parent) && at.parent.condition !== at) ||
         (ts.isBinaryExpression(at.parent) && ["??", "||", "&&"].includes(at.parent.operatorToken.getText()) && at.parent.right === at)) at = at.parent;
  return at.parent;
}

function isShown(node, words, file) {
  const place = placeOf(node);
  if (ts.isJsxAttribute(place) || (ts.isJsxExpression(place) && ts.isJsxAttribute(place.parent))) {
    const attribute = ts.isJsxAttribute(place) ? place : place.parent;
    const name = attribute.name.getText();
    if (name === "name") return attribute.parent.parent.tagName.getText() === "Menu";
    return kTextAttributes.test(name) && letters(words);
  }
  if (ts.isJsxExpression(place)) return letters(words);
  if (ts.isPropertyAssignment(place) && place.initializer !== node && place.name === node) return false;
  if (ts.isPropertyAssignment(place) && kTextProperties.test(place.name.getText()) && /^(views|charts|ui)\//.test(file)) return letters(words);
  if (ts.isCaseClause(place) || ts.isElementAccessExpression(place)) return false;
  if (ts.isBinaryExpression(place) && ["===", "!=="].includes(place.operatorToken.getText())) return false;
  return looksLikeText(words);
}

export function scan() {
  const files = readdirSync(root, { recursive: true }).map(String)
    .filter((name) => /\.tsx?$/.test(name) && !/\.test\.ts$|\.d\.ts$|texts(_de)?\.ts$|^status\.ts$/.test(name)).sort();
  const keys = new Map();
  const literals = [];
  const notLiteral = [];
  for (const file of files) {
    const source = ts.createSourceFile(file, readFileSync(path.join(root, file), "utf8"), ts.ScriptTarget.Latest, true,
      file.endsWith("x") ? ts.ScriptKind.TSX : ts.ScriptKind.TS);
    const at = (node) => `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const add = (node, text) => {
      if (!kOtherLanguages.test(file) && !kAllowed.some((shape) => shape.test(text))) literals.push(`${at(node)}: ${JSON.stringify(text)}`);
    };
    const visit = (node, verbatim) => {
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
      const typed = verbatim || (ts.isJsxElement(node) && kVerbatim.has(node.openingElement.tagName.getText()));
      if (isCall(node)) {
        const [key, ...rest] = node.arguments;
        if (!ts.isStringLiteral(key)) notLiteral.push(at(node));
        else keys.set(key.text, [...(keys.get(key.text) ?? []), { at: at(node), call: node.expression.text }]);
        for (const one of rest) visit(one, typed);
        return;
      }
      if (!typed && ts.isJsxText(node) && letters(node.text)) add(node, node.text.trim());
      if (!typed && isLiteral(node)) {
        const words = wordsOf(node);
        if (isShown(node, words, file)) add(node, words);
      }
      ts.forEachChild(node, (child) => visit(child, typed));
    };
    visit(source, false);
  }
  return { keys, literals, notLiteral };
}
