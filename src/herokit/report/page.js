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
    makeMarksReachable(byId(`chart-${number}`));
  });
}
specs.forEach((spec, number) => {
  watchPointer(byId(`chart-${number}`), spec.usermeta.filter);
  watchKeys(byId(`chart-${number}`), spec.usermeta.filter);
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
