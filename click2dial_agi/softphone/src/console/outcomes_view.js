/** The outcomes of the day: bars for the eye, a table for everybody. */

import uPlot from "uplot";

import { $, make, showText } from "../dom.js";
import { GROUPS } from "./outcomes.js";
import { words } from "./words.js";

const HEIGHT = 220;
const PAUSE = 1000;
const HOUR = 3600;
const LEAST = 6; // hours, and ticks
const COLOURS = { ended: "--accent", timeout: "--warn", busy: "--busy", failed: "--bad" };

let outcomes = null;
let plot = null;
let timer = 0;
let drawn = -PAUSE;

export function startOutcomes() {
  for (const group of GROUPS) {
    const row = make("tr", "");
    const name = make("th", "", words.outcomes.groups[group]);
    name.scope = "row";
    name.dataset.group = group;
    row.append(name, make("td", "count", "0"));
    row.dataset.group = group;
    $("outcome-rows").append(row);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot?.destroy();
    plot = null;
    drawn = -PAUSE;
    if (outcomes) showOutcomes(outcomes);
  });
  new ResizeObserver(() => plot?.setSize({ width: $("chart").clientWidth, height: HEIGHT })).observe($("chart"));
}

/** Show them, soon, and once a second however often it is asked for. */
export function showOutcomes(counted) {
  outcomes = counted;
  timer ||= setTimeout(draw, Math.max(0, drawn + PAUSE - performance.now()));
}

function draw() {
  timer = 0;
  drawn = performance.now();
  const { total } = outcomes;
  const totals = outcomes.totals();
  for (const row of $("outcome-rows").children) row.lastChild.textContent = totals[row.dataset.group];
  $("outcome-all").textContent = total;
  showText($("outcome-note"), total ? outcomes.partial && words.outcomes.newest(total) : words.outcomes.none);
  $("chart").hidden = total === 0;
  if (total === 0) return;
  const data = stacked(outcomes.hours());
  if (plot) plot.setData(data);
  else plot = new uPlot(options(), data, $("chart"));
}

/** uPlot's columns: the hours, then each group on top of those before it, the highest first. */
function stacked(hours) {
  const below = (counts, last) => GROUPS.slice(0, last + 1).reduce((sum, group) => sum + counts[group], 0);
  const columns = GROUPS.map((_, place) => hours.map(([, counts]) => below(counts, place)));
  return [hours.map(([hour]) => hour), ...columns.reverse()];
}

/** At least six, so that the first hour's bar is not as wide as the day. */
function hoursShown(hours) {
  return Math.max(LEAST, (hours.at(-1) - hours[0]) / HOUR + 1);
}

/** The hours that are written below the bars. */
function ticks(hours) {
  const step = Math.ceil(hoursShown(hours) / LEAST);
  return Array.from({ length: Math.ceil(hoursShown(hours) / step) }, (_, tick) => hours[0] + tick * step * HOUR);
}

function options() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 48], align: 1 });
  const series = GROUPS.map((group) => ({
    fill: colour(COLOURS[group]),
    stroke: colour("--card"),
    width: 1,
    paths: bars,
    points: { show: false },
  }));
  const clock = { hour: "2-digit", minute: "2-digit" };
  return {
    width: $("chart").clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      // Not uPlot's time: of a single hour it makes a range of years.
      x: { time: false, range: ({ data: [hours] }) => [hours[0] - HOUR / 4, hours[0] + hoursShown(hours) * HOUR] },
      y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        splits: ({ data: [hours] }) => ticks(hours),
        values: (_, times) => times.map((at) => new Date(at * 1000).toLocaleTimeString([], clock)),
      },
      { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], size: 44 },
    ],
    series: [{}, ...series.reverse()],
  };
}
