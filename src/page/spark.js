// The last results of a check as a row of small bars: one that passed stands on the line, as high as it took long; one that
// failed hangs below it, thick and full; one that said nothing is a dot on it.
import { svg, setAttribute } from './dom.js';
import { took } from './format.js';
import { resultOf } from './states.js';

const SLOTS = 32;
const SLOT = 4;
const HEIGHT = 24;
const LINE = 16;

const MARKS = { p: 'passed', f: 'failed' };

// Each result as {status, kind, took}: of a list in brief {marks: "ppf-", tookMs: […]}, of one in full [{status, took}].
function results(history) {
  let list = [];
  if (Array.isArray(history)) {
    list = history.map((each) => [String(each && each.status), each && each.took]);
  } else if (history && typeof history.marks === 'string') {
    list = [...history.marks].map((mark, index) => [MARKS[mark] || 'nothing', (history.tookMs || [])[index] / 1000]);
  }
  return list.slice(-SLOTS).map(([status, seconds]) => ({ status, kind: resultOf(status), took: Number.isFinite(seconds) ? seconds : 0 }));
}

export function median(list) {
  const times = list.filter((each) => each.kind === 'rose').map((each) => each.took).sort((a, b) => a - b);
  return times.length > 0 ? times[times.length >> 1] : NaN;
}

function describe(list) {
  if (list.length === 0) {
    return 'no results yet';
  }
  const passed = list.filter((each) => each.kind === 'rose').length;
  const middle = took(median(list));
  return `last ${list.length} results: ${passed} passed, ${list.length - passed} did not` + (middle ? `; ${middle} in the middle` : '');
}

function bars(list) {
  const most = Math.max(...list.map((each) => (each.kind === 'rose' ? each.took : 0)), 1e-6);
  const paths = { rose: '', fell: '', none: '' };
  list.forEach((each, index) => {
    const x = (SLOTS - list.length + index) * SLOT + SLOT / 2;
    if (each.kind === 'rose') {
      // The root keeps quick ones visible beside one slow.
      paths.rose += `M${x} ${LINE}V${(LINE - 2 - 13 * Math.sqrt(each.took / most)).toFixed(1)}`;
    } else if (each.kind === 'fell') {
      paths.fell += `M${x} ${LINE + 1}V${HEIGHT}`;
    } else {
      paths.none += `M${x} ${LINE}h.01`;
    }
  });
  return paths;
}

export function makeSpark() {
  const kinds = ['rose', 'fell', 'none'].map((kind) => svg('path', { class: `spark-${kind}` }));
  const node = svg('svg', { class: 'spark', viewBox: `0 0 ${SLOTS * SLOT} ${HEIGHT + 1}`, preserveAspectRatio: 'none', role: 'img' },
    svg('path', { class: 'spark-line', d: `M0 ${LINE + 0.5}H${SLOTS * SLOT}` }), kinds);
  return { node, kinds };
}

export function fillSpark(spark, history) {
  const list = results(history);
  const paths = bars(list);
  setAttribute(spark.kinds[0], 'd', paths.rose || null);
  setAttribute(spark.kinds[1], 'd', paths.fell || null);
  setAttribute(spark.kinds[2], 'd', paths.none || null);
  setAttribute(spark.node, 'aria-label', describe(list));
  spark.node.classList.toggle('is-empty', list.length === 0);
  return list;
}
