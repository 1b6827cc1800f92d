// The tables of groups and rollouts. All texts come from models: they enter the page as text nodes, never as HTML.
const data = JSON.parse(document.getElementById("tables-data").textContent);
const byId = (id) => document.getElementById(id);

/** Make an element; children are elements or texts. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
/** Append a text; characters that cannot be seen, or that turn the direction of others, are shown by their number. */
function appendText(parent, text) {
  let end = 0;
  for (const match of text.matchAll(INVISIBLE)) {
    const code = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    parent.append(text.slice(end, match.index), make("span", { class: "control", title: "invisible character" }, `U+${code}`));
    end = match.index + match[0].length;
  }
  parent.append(text.slice(end));
  return parent;
}

const digits = (value) => (value === null ? "" : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3))));
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const percent = (value) => (value === null ? "" : `${Math.round(100 * value)}%`);

// -- the texts, which are compressed; the tables are there before them
let texts = null;
async function readTexts() {
  const bytes = Uint8Array.from(atob(byId("texts-data").textContent.trim()), (c) => c.charCodeAt(0));
  byId("texts-data").textContent = "";
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  texts = await new Response(stream).json();
  return texts;
}
const textsReady = readTexts();

/** Return pieces as text: a formula is its number in texts.formulas. */
const joined = (pieces) => pieces.map((piece) => (typeof piece === "number" ? texts.formulas[piece][0] : piece)).join("");

const rollouts = data.rollouts;
const groups = data.groups;
const presets = new Map(data.presets.map(([name, meaning, count]) => [name, { meaning, count, rows: new Set(rollouts[`is_${name}`]) }]));
const members = groups.key.map(() => []);
rollouts.group.forEach((group, row) => members[group].push(row));
const verifier = data.sources.findIndex(([, isVerifier]) => isVerifier);
const groupOfKey = new Map(groups.key.map((key, number) => [key, number]));
const groupLink = (number, row) => `#group=${encodeURIComponent(groups.key[number])}${row === undefined ? "" : `&row=${rollouts.row[row]}`}`;

const MAX_NAME = 80;
/** Return a group's key, which may be a whole prompt, as a short name. */
const groupName = (number) => (groups.key[number].length > MAX_NAME ? `${groups.key[number].slice(0, MAX_NAME)}...` : groups.key[number]);

function decide(value) {
  return value === null ? "not judged" : value > data.threshold ? "correct" : "incorrect";
}

// -- what rollouts can be ordered by, the largest first
const sizes = {
  "largest |advantage|": (r) => Math.abs(rollouts.advantage[r] ?? 0),
  longest: (r) => rollouts.length[r] ?? 0,
  ...(rollouts.change ? { "changed most": (r) => Math.abs(rollouts.change[r] ?? 0) } : {}),
};

// -- columns: a value to sort by and what is shown
const numeric = (title, values, format = digits) => ({ title, value: (i) => values[i], show: (i) => format(values[i]), kind: "num" });
const textual = (title, get) => ({ title, value: get, show: get, kind: "string" });

function groupColumns() {
  return [
    { ...textual("group", groupName), link: (g) => groupLink(g) },
    { ...textual("prompt", (g) => groups.prompt[g]), wide: true },
    numeric("correct", groups.correct),
    numeric("incorrect", groups.incorrect),
    numeric("not judged", groups.unjudged),
    textual("status", (g) => groups.status[g]),
    numeric("score std", groups.spread),
    numeric("inversions", groups.inversions),
    numeric("weight", groups.weight),
    numeric("mean |advantage|", groups.advantage),
    textual("signal", (g) => (groups.silent[g] ? "silent" : "yes")),
    ...(groups.other ? [numeric("other mean |advantage|", groups.other), textual("signal changes", (g) => groups.signal_change[g])] : []),
  ].filter((column) => verifier >= 0 || !["correct", "incorrect", "inversions"].includes(column.title));
}

function rolloutColumns() {
  const columns = [
    { ...textual("row", (r) => rollouts.row[r]), kind: "num", link: (r) => groupLink(rollouts.group[r], r) },
    { ...textual("group", (r) => groupName(rollouts.group[r])), link: (r) => groupLink(rollouts.group[r]) },
  ];
  if (verifier >= 0) columns.push(textual("verdict", (r) => decide(rollouts.values[verifier][r])));
  columns.push(textual("status", (r) => rollouts.status[r]));
  if (verifier >= 0) columns.push({ ...textual("answer", (r) => rollouts.answer[r] ?? ""), narrow: true });
  data.sources.forEach(([name], place) => place !== verifier && columns.push({ ...numeric(name, rollouts.values[place]), source: place }));
  for (const name of ["label", "reward", "advantage", "weight", "step"]) if (rollouts[name]) columns.push(numeric(name, rollouts[name]));
  if (rollouts.other) columns.push(numeric("other advantage", rollouts.other), numeric("rank change", rollouts.change));
  columns.push(numeric(data.unit, rollouts.length), { ...textual("end of the text", (r) => rollouts.tail[r]), wide: true });
  for (const [name, size] of Object.entries(sizes)) columns.push({ title: name, value: size, show: size, kind: "num", hidden: true });
  return columns;
}

/** Titles are the only strings that DataTables reads as HTML; those of sources are names of columns in the input. */
const escapeHtml = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** A filter offers a column's values: not those that a model wrote, for it would read them as HTML. */
const isFilterable = (column) => !column.wide && !column.narrow && !column.hidden && column.title !== "group";

/** Return a column as DataTables wants it. A cell's content is always an element, so that no text is read as HTML. */
function toColumn(column) {
  return {
    title: escapeHtml(column.title),
    type: column.kind,
    searchable: isFilterable(column),
    visible: !column.hidden,
    className: column.kind === "num" ? "dt-right" : "dt-left",
    data: ({ i }, type) => {
      if (i === undefined) return ""; // the filters of columns ask about an empty row
      if (type !== "display") return type === "filter" ? String(column.value(i) ?? "") : (column.value(i) ?? -Infinity);
      const cell = column.link ? make("a", { href: column.link(i) }) : make("span", column.wide ? { class: "clip" } : column.narrow ? { class: "clip narrow" } : {});
      return appendText(cell, String(column.show(i)));
    },
  };
}

const tables = {};
function makeTable(name, columns, count, order) {
  const filterable = columns.flatMap((column, place) => (isFilterable(column) ? [place] : []));
  tables[name] = new DataTable(`#table-${name}`, {
    data: Array.from({ length: count }, (_, i) => ({ i })),
    columns: columns.map(toColumn),
    order,
    autoWidth: false,
    deferRender: true,
    pageLength: 25,
    lengthMenu: [10, 25, 100, 500],
    layout: { top1: { searchBuilder: { columns: filterable } }, topStart: "pageLength", topEnd: "info", bottomStart: null, bottomEnd: "paging" },
    language: { searchBuilder: { title: { 0: "", _: "" }, add: "Filter a column" }, emptyTable: "no rows", zeroRecords: "no row passes the filters" },
  });
  tables[name].on("draw", () => (visited = null));
  return tables[name];
}

// -- presets and search
const NAMES = { preferred: "reward model prefers an incorrect one", unparsed: "unparsed", failed: "failed", silent: "silent (no signal)", disagree: "sources disagree", suspect: "hacks suspected", gains: "signal gained in the other file", loses: "signal lost in the other file" };
const OF_GROUPS = ["silent", "gains", "loses"]; // the other choices are of rollouts
const TOP = 500;
function topRows(size) {
  const order = rollouts.row.map((_, r) => r).sort((a, b) => size(b) - size(a));
  return new Set(order.slice(0, TOP));
}

let haystack = null;
/** Return the texts of every rollout in lower case; made at the first search. */
function lowerTexts() {
  haystack ??= texts.parts.map((parts, r) => `${joined(texts.prompts[rollouts.group[r]])}\n${parts.map((part) => joined(part[2])).join("\n")}\n${rollouts.answer[r] ?? ""}`.toLowerCase());
  return haystack;
}

/** Return the order of rollouts that a choice begins with: its size; for what the reward model likes, the score. */
function findOrder(name) {
  const score = ["preferred", "suspect"].includes(name) ? data.sources.findIndex(([, isVerifier]) => !isVerifier) : -1;
  const place = rolloutColumns().findIndex(({ source, hidden, title }) => (score >= 0 ? source === score : hidden && title === name));
  return place < 0 ? [] : [place, "desc"];
}

const state = { preset: "", search: "", tab: "groups", selection: null };
function selectRows() {
  const listed = state.preset in sizes ? topRows(sizes[state.preset]) : (presets.get(state.preset)?.rows ?? null);
  const chosen = listed && state.selection ? new Set([...listed].filter((r) => state.selection.rows.has(r))) : (listed ?? state.selection?.rows ?? null);
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length || !texts) return chosen;
  const hay = lowerTexts();
  return new Set((chosen ? [...chosen] : hay.keys()).filter((r) => words.every((word) => hay[r].includes(word))));
}

function applyFilters() {
  const rows = selectRows();
  const kept = rows && new Set([...rows].map((r) => rollouts.group[r]));
  tables.rollouts.search.fixed("herokit", rows ? (_, { i }) => rows.has(i) : null);
  tables.groups.search.fixed("herokit", kept ? (_, { i }) => kept.has(i) : null);
  tables[state.tab].draw();
  const meaning = presets.get(state.preset)?.meaning ?? (state.preset in sizes ? `the first ${TOP}` : "");
  const found = rows ? `${plural(rows.size, "rollout")} of ${plural(kept.size, "group")}` : "";
  byId("meaning").textContent = [found, [state.selection?.title, meaning].filter(Boolean).join("; ")].filter(Boolean).join(": ");
  byId("clear-selection").hidden = !state.selection;
}

function showTab(name) {
  state.tab = name;
  for (const other of ["groups", "rollouts"]) {
    byId(`panel-${other}`).hidden = other !== name;
    byId(`tab-${other}`).setAttribute("aria-selected", String(other === name));
  }
  applyFilters();
}

let visited = null;
/** Return the groups in the order of the table that was last seen: the keys j and k go through them. */
function visitOrder() {
  const indexes = () => tables[state.tab].rows({ search: "applied", order: "applied" }).data().toArray().map(({ i }) => i);
  visited ??= [...new Set(state.tab === "groups" ? indexes() : indexes().map((r) => rollouts.group[r]))];
  return visited;
}

function startTables() {
  const select = byId("preset");
  select.append(make("option", { value: "" }, "all"));
  for (const [name, { count }] of presets) select.append(make("option", { value: name }, `${NAMES[name]} (${count.toLocaleString("en")})`));
  for (const name of Object.keys(sizes)) select.append(make("option", { value: name }, name));
  makeTable("groups", groupColumns(), groups.key.length, []);
  makeTable("rollouts", rolloutColumns(), rollouts.row.length, []);
  select.addEventListener("change", () => {
    state.preset = select.value;
    tables.rollouts.order(findOrder(state.preset));
    showTab(state.preset ? (OF_GROUPS.includes(state.preset) ? "groups" : "rollouts") : state.tab);
  });
  let timer = 0;
  byId("search").addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      await textsReady;
      state.search = byId("search").value;
      applyFilters();
    }, 120);
  });
  byId("clear-selection").addEventListener("click", () => showSelection(null, state.tab));
  for (const name of ["groups", "rollouts"]) byId(`tab-${name}`).addEventListener("click", () => showTab(name));
  showTab("groups");
}
