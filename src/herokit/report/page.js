// The charts, and the start of the page.
const specs = JSON.parse(document.getElementById("specs").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
function config() {
  const style = getComputedStyle(document.documentElement);
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
  return {
    background: "transparent",
    view: { stroke: null },
    axis: { labelColor: soft, titleColor: soft, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal" },
    legend: { labelColor: ink, titleColor: soft },
    font: "system-ui, sans-serif",
  };
}
function draw() {
  document.documentElement.classList.toggle("dark", dark.matches);
  specs.forEach(async (spec, number) => {
    await window.vegaEmbed(`#chart-${number}`, spec, { actions: false, renderer: "svg", ast: true, config: config() });
    if (spec.usermeta?.bars) makeBarsReachable(byId(`chart-${number}`));
  });
}
/** Let the Tab key reach the bars of a chart, which are buttons then. */
function makeBarsReachable(chart) {
  for (const bar of chart.querySelectorAll("[aria-roledescription='bar']")) {
    for (const [name, value] of [["tabindex", "0"], ["role", "button"]]) bar.setAttribute(name, value);
    bar.style.cursor = "pointer";
  }
}
/** Filter the tables by the bar that was clicked, or on which Enter or Space was pressed. */
function pickBar(event, bars) {
  const datum = event.target.closest("[aria-roledescription='bar']")?.__data__?.datum;
  if (datum === undefined || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  const bar = findBar(bars, datum);
  showBar(bar, bar.tab);
}
specs.forEach((spec, number) => {
  const bars = spec.usermeta?.bars;
  for (const type of bars ? ["click", "keydown"] : []) byId(`chart-${number}`).addEventListener(type, (event) => pickBar(event, bars));
});
let isDrawn = false;
/** Draw the charts when they are first seen: their width is that of the page. */
function drawOnce() {
  if (!isDrawn) requestAnimationFrame(draw);
  isDrawn = true;
}
document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", () => isDrawn && draw());
startTables();
addEventListener("hashchange", followLink);
addEventListener("keydown", handleKey);
followLink();
