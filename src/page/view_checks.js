// The view of the checks.
import { byId, el, replace, setAttribute, setText } from './dom.js';
import { List } from './list.js';
import { checkKey, compareNames, data, on } from './model.js';
import { healthOf } from './states.js';
import { plain, plural, took } from './format.js';
import { fillPill, makePill, nothing } from './parts.js';
import { fillSpark, makeSpark } from './spark.js';

const COLUMNS = [
  { key: 'state', word: 'State' },
  { key: 'name', word: 'Check' },
  { key: 'kind', word: 'Kind' },
  { key: 'results', word: 'Last results' },
  { key: 'took', word: 'Took' },
  { key: 'interval', word: 'Every' },
  { key: 'score', word: 'Score' },
  { key: 'why', word: 'Says' },
];
const RANKS = { __proto__: null, unchecked: 0, down: 1, unknown: 2, up: 3 };

let list = null;

function makeRow() {
  const parts = { state: makePill(), spark: makeSpark() };
  for (const key of ['name', 'kind', 'took', 'interval', 'score', 'why', 'flag']) {
    parts[key] = el('span', { class: key === 'flag' ? 'chip t-warn' : `x-${key}` });
  }
  const cell = (key, ...children) => el('div', { class: `cell c-${key}`, role: 'gridcell' }, children);
  parts.node = el('div', { class: 'list-row', role: 'row' }, cell('state', parts.state.node), cell('name', parts.name), cell('kind', parts.kind),
    cell('results', parts.spark.node), cell('took', parts.took), cell('interval', parts.interval), cell('score', parts.score), cell('why', parts.flag, parts.why));
  return parts;
}

function fillRow(parts, check) {
  const health = healthOf(check.state);
  fillPill(parts.state, health.shape, health.tone, health.word);
  setText(parts.name, check.name);
  setText(parts.kind, check.kind === 'named' ? plural(check.users || 0, 'route') : 'own');
  fillSpark(parts.spark, check.history);
  setText(parts.took, took(check.took));
  setText(parts.interval, took(check.interval));
  setText(parts.score, check.score === null || check.score === undefined ? '' : plain(check.score));
  setText(parts.flag, check.probation ? 'on probation' : '');
  parts.flag.hidden = !check.probation;
  const why = plain(check.trouble) || [check.status, plain(check.reason)].filter(Boolean).join(': ');
  setText(parts.why, why);
  setAttribute(parts.why, 'title', why);
}

function draw() {
  const words = byId('checks-search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const checks = [...data.checks.values()].filter((check) => {
    const hay = [check.name, check.state, check.status, plain(check.reason), check.kind].join('\n').toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const rank = (check) => (check.state in RANKS ? RANKS[check.state] : 2);
  list.setItems(checks.sort((a, b) => rank(a) - rank(b) || compareNames(a.name, b.name)));
}

export const checksView = {
  name: 'checks',
  word: 'Checks',
  get list() {
    return list;
  },
  shown: () => list.shown().map((check) => check.name),
  tick() {},
  start(open) {
    list = new List({
      name: 'checks', label: 'Checks', columns: COLUMNS, make: makeRow, fill: fillRow, keyOf: checkKey,
      onOpen(check) {
        if (check.kind === 'route') {
          open(check.name, true);
        }
      },
      onSort() {}, heights: { wide: 36, narrow: 76 },
      empty: () => nothing(!data.areChecksRead ? 'The checks are being read' : data.checks.size > 0 ? 'Nothing is like that' : 'No checks run here', ''),
    });
    replace(byId('checks-list'), list.node);
    byId('checks-search').addEventListener('input', draw);
    on('checks', draw);
    draw();
  },
};
