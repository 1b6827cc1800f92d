// Marks of charts (bars, points) select rows of the tables: by a click near one, by a drag over several, or by keys.

/** Round as numpy does: halves to the even number. */
const roundEven = (value) => (Math.round(value) - value === 0.5 && Math.round(value) % 2 ? Math.round(value) - 1 : Math.round(value));

/** Return the function that gives a rollout's value on an axis of a chart, or that of its group; null for none. */
function valueOnAxis({ column, title, steps }) {
  if (column === "accuracy") {
    const accuracies = groups.key.map((_, g) => (groups.correct[g] + groups.incorrect[g] ? roundEven((steps * groups.correct[g]) / (groups.correct[g] + groups.incorrect[g])) / steps : null));
    return (r) => accuracies[rollouts.group[r]];
  }
  if (column === "correct") return (r) => (groups.correct[rollouts.group[r]] + groups.incorrect[rollouts.group[r]] ? groups.correct[rollouts.group[r]] : null);
  if (column === "spread" || column === "weight") return (r) => groups[column][rollouts.group[r]];
  const values = column === "source" ? rollouts.values[data.sources.findIndex(([name]) => name === title)] : rollouts[column];
  return (r) => values[r];
}

/** Return what marks of a chart select: a title, the rollouts, and the table to show; `filter` is that of the chart. */
function findSelection(filter, marks) {
  const extent = (low, high) => [Math.min(...marks.map((mark) => mark[low])), Math.max(...marks.map((mark) => mark[high]))];
  const verdicts = new Set(marks.map(({ verdict }) => verdict));
  const tests = filter.fields.map((field) => {
    const [value, [low, high]] = [valueOnAxis(field), extent(field.low, field.high)];
    const isOpen = "last" in field && high !== field.last;
    return (r) => value(r) !== null && value(r) >= low && (isOpen ? value(r) < high : value(r) <= high);
  });
  if (!verdicts.has(undefined) && verifier >= 0) tests.push((r) => verdicts.has(decide(rollouts.values[verifier][r])));
  const rows = new Set(rollouts.row.map((_, r) => r).filter((r) => tests.every((test) => test(r))));
  const parts = filter.fields.map(({ title, low, high, bounds = [low, high] }) => {
    const [first, last] = extent(...bounds);
    return first === last ? `${title} ${digits(first)}` : `${title} from ${digits(first)} to ${digits(last)}`;
  });
  return { title: [...(verdicts.size === 1 ? verdicts : []), ...parts].filter(Boolean).join(", "), rows, tab: filter.tab };
}

function showSelection(selection, tab) {
  state.selection = selection;
  showTab(tab);
  byId("tables").scrollIntoView();
  byId(`tab-${tab}`).focus({ preventScroll: true });
}

const MARKS = "[aria-roledescription='bar'], [aria-roledescription='circle'], [aria-roledescription='point']";
const [CLICK, NEAR] = [4, 16]; // pixels that a click may move, and that it may be beside a mark
const box = (mark) => mark.getBoundingClientRect();
const middle = (mark) => box(mark).x + box(mark).width / 2;
const listMarks = (chart) => [...chart.querySelectorAll(MARKS)].map((mark) => [middle(mark), mark]).sort(([a], [b]) => a - b).map(([, mark]) => mark);

/** Let the Tab key reach the first mark of a chart; arrow keys lead to the others. */
function makeMarksReachable(chart) {
  listMarks(chart).forEach((mark, number) => {
    for (const [name, value] of [["tabindex", number ? "-1" : "0"], ["role", "button"]]) mark.setAttribute(name, value);
  });
}

function selectMarks(marks, filter) {
  if (!marks.length) return;
  const selection = findSelection(filter, marks.map((mark) => mark.__data__.datum));
  showSelection(selection, selection.tab);
}

/** Return the marks that a drag is over: of a chart with one axis that selects, at any height. */
function marksInside(chart, { left, right, top, bottom }, filter) {
  const isInside = (x, y) => x >= left && x <= right && (filter.fields.length === 1 || (y >= top && y <= bottom));
  return listMarks(chart).filter((mark) => isInside(middle(mark), box(mark).y + box(mark).height / 2));
}

/** Return the mark under a click, else the nearest one beside it. */
function marksNear(chart, { clientX, clientY, target }) {
  const under = target.closest?.(MARKS);
  if (under) return [under];
  const distance = (mark) => Math.hypot(Math.max(box(mark).left - clientX, clientX - box(mark).right, 0), Math.max(box(mark).top - clientY, clientY - box(mark).bottom, 0));
  const near = listMarks(chart).map((mark) => [distance(mark), mark]).filter(([length]) => length <= NEAR);
  return near.sort(([a], [b]) => a - b).slice(0, 1).map(([, mark]) => mark);
}

function watchPointer(chart, filter) {
  let start = null;
  const frame = make("div", { class: "drag", hidden: "" });
  const corners = ({ clientX, clientY }) => ({ left: Math.min(start.clientX, clientX), right: Math.max(start.clientX, clientX), top: Math.min(start.clientY, clientY), bottom: Math.max(start.clientY, clientY) });
  const isClick = (event) => Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) <= CLICK;
  chart.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = event;
    chart.append(frame); // Vega replaces the content of the chart
  });
  chart.addEventListener("pointermove", (event) => {
    if (!start || isClick(event)) return;
    if (!chart.hasPointerCapture(event.pointerId)) chart.setPointerCapture(event.pointerId);
    const { left, right, top, bottom } = corners(event);
    const [area, isFlat] = [box(chart), filter.fields.length === 1];
    Object.assign(frame.style, { left: `${left - area.left}px`, width: `${right - left}px`, top: isFlat ? "0" : `${top - area.top}px`, height: isFlat ? "100%" : `${bottom - top}px` });
    frame.hidden = false;
  });
  chart.addEventListener("pointerup", (event) => {
    if (!start) return;
    const marks = isClick(event) ? marksNear(chart, event) : marksInside(chart, corners(event), filter);
    [start, frame.hidden] = [null, true];
    selectMarks(marks, filter);
  });
  chart.addEventListener("pointercancel", () => ([start, frame.hidden] = [null, true]));
}

/** Arrow keys go to the next mark, with Shift they take it too; Enter selects. */
function watchKeys(chart, filter) {
  let first = null;
  chart.addEventListener("keydown", (event) => {
    const marks = listMarks(chart);
    const place = marks.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (place < 0 || (!step && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (step) {
      first = event.shiftKey ? (first ?? place) : null;
      const next = marks[Math.min(marks.length - 1, Math.max(0, place + step))];
      event.target.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
      const chosen = first === null ? [] : marks.slice(Math.min(first, place + step), Math.max(first, place + step) + 1);
      for (const mark of marks) mark.classList.toggle("chosen", chosen.includes(mark));
      return;
    }
    const chosen = marks.filter((mark) => mark === event.target || mark.classList.contains("chosen"));
    first = null;
    for (const mark of marks) mark.classList.remove("chosen");
    selectMarks(chosen, filter);
  });
}
