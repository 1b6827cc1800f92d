// One group opened: its rollouts with texts, verdicts, scores, steps and advantages, and the difference of two of them.
const MEANINGS = {
  judged: "",
  unparsed: "it gives no answer",
  timeout: "the check ran out of time",
  crashed: "it made the check crash",
  failed: "the source failed, not the policy",
};
const MATHML = "http://www.w3.org/1998/Math/MathML";

/** Build MathML from nested lists of tag, attributes and children. */
function buildFormula([tag, attributes, children]) {
  const element = document.createElementNS(MATHML, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => (typeof child === "string" ? child : buildFormula(child))));
  return element;
}

function appendPieces(parent, pieces) {
  for (const piece of pieces) {
    if (typeof piece === "string") appendText(parent, piece);
    else if (texts.formulas[piece][1]) parent.append(buildFormula(texts.formulas[piece][1]));
    else appendText(parent, texts.formulas[piece][0]);
  }
  return parent;
}

function makePart([kind, title, pieces]) {
  if (kind === "text" && !pieces.length) return make("div", { class: "text hint" }, "an empty text");
  if (kind === "text") return appendPieces(make("div", { class: "text", dir: "auto" }), pieces);
  const body = appendPieces(make("div", { class: `text ${kind}`, dir: "auto" }), pieces);
  const heading = appendText(make("summary"), { thinking: "thinking", call: `call: ${title}`, result: `result: ${title}` }[kind]);
  heading.append(make("small", {}, ` ${joined(pieces).length.toLocaleString("en")} characters`));
  const details = make("details", { class: kind }, heading, body);
  details.open = kind !== "thinking";
  return details;
}

function makeResult([name, isVerifier], [value, status, reason, answer, origin]) {
  const decision = isVerifier ? { correct: "accepted", incorrect: "rejected", "not judged": "no verdict" }[decide(value)] : value === null ? "no score" : digits(value);
  const row = make("tr", { class: isVerifier ? decision.replace(" ", "-") : "" }, appendText(make("th", { scope: "row" }), name), make("td", {}, decision));
  const cause = status === "judged" ? "" : `${status}: ${MEANINGS[status] ?? ""}`;
  const cells = [answer === null ? "" : typeof answer === "string" ? answer : JSON.stringify(answer), origin ?? "", [cause, reason].filter(Boolean).join("; ")];
  row.append(...cells.map((text) => make("td", {}, appendText(make("div", { class: "said" }), text))));
  return row;
}

const RESULT_HEADS = ["source", "says", "answer", "read from", "why"];
function makeResults(row) {
  const head = make("tr", {}, ...RESULT_HEADS.map((title) => make("th", { scope: "col" }, title)));
  const rows = data.sources.map((source, place) => makeResult(source, texts.results[row][place]));
  return make("div", { class: "wide" }, make("table", { class: "results" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** Return the advantage as a bar from the middle, as wide as it is in its group. */
function makeBar(row, largest) {
  const value = rollouts.advantage[row];
  const bar = make("span", { class: "bar", role: "img", "aria-label": `advantage ${value === null ? "missing" : digits(value)}` });
  if (value) {
    const share = (50 * Math.abs(value)) / largest;
    const fill = make("span", { class: value > 0 ? "up" : "down" });
    fill.style.width = `${share}%`;
    fill.style.left = value > 0 ? "50%" : `${50 - share}%`;
    bar.append(fill);
  }
  return bar;
}

const STEP_HEADS = ["reward", "weight", "advantage"];
function makeSteps(rows) {
  const names = [...(texts.steps?.names ?? data.sources.map(([name]) => name)), ...STEP_HEADS];
  const columns = [...(texts.steps?.values ?? data.sources.map((_, place) => rollouts.values[place])), ...STEP_HEADS.map((name) => rollouts[name])];
  const largest = Math.max(...rows.map((row) => Math.abs(rollouts.advantage[row] ?? 0))) || 1;
  const head = make("tr", {}, make("th"), ...names.map((name) => appendText(make("th", { scope: "col", title: name }), name.split("(")[0])), make("th", {}, ""));
  const body = rows.map((row, number) =>
    make("tr", {}, make("th", { scope: "row" }, make("a", { href: groupLink(rollouts.group[row], row) }, `#${number + 1}`)), ...columns.map((values) => make("td", {}, values[row] === null ? "-" : digits(values[row]))), make("td", {}, makeBar(row, largest))),
  );
  return make("div", { class: "wide" }, make("table", { class: "steps" }, make("thead", {}, head), make("tbody", {}, ...body)));
}

/** Return a rollout as a line for `herokit verify`, with its label if the input has one, else null to be filled in. */
function makeCase(row) {
  const group = rollouts.group[row];
  const completion = texts.completions[row] ?? texts.parts[row].map((part) => joined(part[2])).join("");
  const label = rollouts.label?.[row] ?? null;
  return JSON.stringify({ prompt: joined(texts.prompts[group]), completion, reference: texts.references[group], label });
}

async function copyCase(row, button) {
  const line = makeCase(row);
  try {
    await navigator.clipboard.writeText(line);
    button.textContent = "copied";
  } catch {
    const area = make("textarea", { rows: "4", "aria-label": "case for herokit verify", readonly: "" });
    area.value = line;
    button.after(area);
    area.select();
  }
}

/** Return the parts of a rollout; where the file has the credit of its turns, each turn has a line with its own. */
function makeParts(row) {
  const [parts, starts, credit] = [texts.parts[row].map(makePart), texts.turn_starts[row], texts.credit[row]];
  if (!credit) return parts;
  const shown = (value) => (value === null ? "none" : digits(value));
  if (credit.length !== starts.length) return [make("p", { class: "facts credit" }, `credit of ${credit.length} parts: ${credit.map(shown).join(", ")}`), ...parts];
  const lines = credit.map((value, turn) => make("p", { class: "facts credit" }, `turn ${turn + 1}: credit `, make("b", {}, shown(value))));
  return starts.flatMap((start, turn) => [lines[turn], ...parts.slice(start, starts[turn + 1])]);
}

function makeRollout(row, number, count) {
  const verdict = verifier >= 0 ? decide(rollouts.values[verifier][row]) : "";
  const article = make("article", { class: `rollout ${verdict.replace(" ", "-")}`, id: `rollout-${row}`, tabindex: "-1" });
  const heading = make("h3", {}, `#${number + 1} of ${count} `, make("span", { class: "verdict" }, verdict));
  const facts = make("p", { class: "facts" });
  for (const [name, value] of [["row", rollouts.row[row]], ["reward", rollouts.reward[row]], ["advantage", rollouts.advantage[row]], [data.unit, rollouts.length[row]]]) {
    facts.append(make("span", {}, `${name} `, make("b", {}, value === null ? "none" : digits(value))), " ");
  }
  const buttons = make("p", { class: "buttons" });
  const copy = make("button", { type: "button", title: "a line of JSON for a file of labelled pairs" }, "Copy as a case");
  copy.addEventListener("click", () => copyCase(row, copy));
  if (texts.cut[row]) Object.assign(copy, { disabled: true, title: "the page holds only the beginning and the end of a text" });
  const compare = make("button", { type: "button" }, "Difference to ...");
  compare.addEventListener("click", () => openDifference(row));
  buttons.append(copy, " ", ...(count > 1 ? [compare] : []));
  article.append(heading, facts, makeResults(row), ...makeParts(row), buttons);
  return article;
}

// -- the difference of two rollouts
let opened = -1;
function fullText(row) {
  return texts.parts[row].map((part) => joined(part[2])).join("\n");
}

function openDifference(first, second = members[opened].find((row) => row !== first)) {
  if (second === undefined) return;
  const box = byId("difference");
  const pick = (chosen, change) => {
    const select = make("select", {}, ...members[opened].map((row, number) => make("option", { value: String(row), ...(row === chosen ? { selected: "" } : {}) }, `#${number + 1}`)));
    select.addEventListener("change", () => change(Number(select.value)));
    return select;
  };
  const body = make("div", { class: "text", dir: "auto" });
  for (const [kind, text] of diffWords(fullText(first), fullText(second))) {
    if (kind === "=") appendText(body, text);
    else body.append(appendText(make(kind === "-" ? "del" : "ins"), text));
  }
  const close = make("button", { type: "button" }, "Close");
  close.addEventListener("click", () => box.replaceChildren());
  box.replaceChildren(make("article", {}, make("p", {}, "Only in ", pick(first, (row) => openDifference(row, second)), " ", make("del", {}, "struck out"), ", only in ", pick(second, (row) => openDifference(first, row)), " ", make("ins", {}, "underlined"), " ", close), body));
  box.scrollIntoView({ block: "nearest" });
}

// -- opening and closing
function neighbors(group) {
  const order = visitOrder();
  const position = order.indexOf(group);
  return [order[position - 1], order[position + 1]];
}

function describeGroup(group) {
  const facts = verifier >= 0 ? [`${groups.correct[group]} correct, ${groups.incorrect[group]} incorrect`] : [];
  if (verifier >= 0 && groups.unjudged[group]) facts.push(`${groups.unjudged[group]} not judged`);
  if (groups.spread[group] !== null) facts.push(`standard deviation of scores ${digits(groups.spread[group])}`);
  if (groups.inversions[group] !== null) facts.push(`reward model inverts ${percent(groups.inversions[group])} of the pairs`);
  if (groups.weight[group] !== null) facts.push(`weight ${digits(groups.weight[group])}`);
  facts.push(groups.silent[group] ? "no signal: every advantage is 0" : `mean |advantage| ${digits(groups.advantage[group])}`);
  return facts.join("; ");
}

function showGroup(group, row) {
  const rows = members[group];
  if (opened !== group) {
    opened = group;
    const [before, after] = neighbors(group);
    const bar = make("nav", { class: "buttons" }, make("a", { href: `#${state.tab}` }, "Back to the tables (Esc)"));
    if (before !== undefined) bar.append(" ", make("a", { href: groupLink(before) }, "previous (k)"));
    if (after !== undefined) bar.append(" ", make("a", { href: groupLink(after) }, "next (j)"));
    bar.append(make("span", { class: "hint" }, " n and p: rollouts; d: difference"));
    const heading = appendText(make("h2", { tabindex: "-1", title: groups.key[group] }), `Group ${groupName(group)}`);
    const prompt = appendPieces(make("p", { class: "prompt", dir: "auto" }), texts.prompts[group]);
    const reference = texts.references[group];
    const parts = [heading, prompt, ...(reference === null ? [] : [appendText(make("p", { class: "reference" }, "reference: "), typeof reference === "string" ? reference : JSON.stringify(reference))]), make("p", {}, describeGroup(group)), makeSteps(rows)];
    const steps = texts.steps?.names.filter((name) => name.includes("(") && !name.startsWith("weight")).join(", then ");
    const note = texts.steps ? `${texts.steps.note} ${steps}` : "The steps of the scheme are not in the file: herokit report --scheme NAME shows them.";
    parts.push(make("p", { class: "reason" }, note), make("div", { id: "difference" }));
    byId("group").replaceChildren(bar, ...parts, make("div", { class: "rollouts" }, ...rows.map((r, number) => makeRollout(r, number, rows.length))));
    if (row === undefined) heading.focus({ preventScroll: true });
  }
  if (row !== undefined) focusRollout(row);
}

function focusRollout(row) {
  const article = byId(`rollout-${row}`);
  article?.scrollIntoView({ block: "start" });
  article?.focus({ preventScroll: true });
}

let place = 0; // of the overview, so that going back finds it where it was
async function followLink() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const group = groupOfKey.get(parameters.get("group"));
  if (parameters.has("group") && group !== undefined) {
    if (!byId("overview").hidden) place = scrollY;
    await textsReady;
    byId("overview").hidden = true;
    byId("group").hidden = false;
    if (opened !== group) scrollTo(0, 0);
    const row = parameters.has("row") ? rollouts.row.indexOf(Number(parameters.get("row"))) : -1;
    showGroup(group, row < 0 ? undefined : row);
    return;
  }
  const wasOpen = byId("overview").hidden;
  opened = -1;
  byId("group").replaceChildren();
  byId("group").hidden = true;
  byId("overview").hidden = false;
  drawOnce();
  if (parameters.has("group")) appendText(byId("meaning"), `There is no group ${parameters.get("group")} on this page.`);
  if (wasOpen) scrollTo(0, place);
  if (location.hash === "#groups" || location.hash === "#rollouts") {
    showTab(location.hash.slice(1));
    if (!wasOpen) byId("tables").scrollIntoView();
  }
}

function moveRollout(step) {
  const rows = members[opened];
  const current = rows.indexOf(Number(document.activeElement?.closest("article.rollout")?.id.slice("rollout-".length)));
  focusRollout(rows[current < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, current + step))]);
}

function handleKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea")) return;
  if (event.key === "/" && opened < 0) {
    byId("search").focus();
    event.preventDefault();
  }
  if (opened < 0) return;
  const [before, after] = neighbors(opened);
  const target = { j: after, k: before }[event.key];
  if (target !== undefined) location.hash = groupLink(target);
  else if (event.key === "Escape") location.hash = `#${state.tab}`;
  else if (event.key === "n" || event.key === "p") moveRollout(event.key === "n" ? 1 : -1);
  else if (event.key === "d") openDifference(members[opened][0]);
}
