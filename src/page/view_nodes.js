// Nodes × routes, from the keys that each node writes of itself: who announces what.
import { byId, el, replace, setAttribute, setText } from './dom.js';
import { icon } from './icons.js';
import { List } from './list.js';
import { compareNames, data, on } from './model.js';
import { stateOf } from './states.js';
import { age, count, moment, plain, plural, span } from './format.js';
import { nothing, pill } from './parts.js';

const SUMS = [['announced', 'good', 'tick'], ['withdrawn', 'bad', 'down'], ['pending', 'busy', 'dots'], ['unconfirmed', 'odd', 'question'], ['refused', 'alarm', 'octagon'],
  ['faulty', 'alarm', 'cross']];

let list = null;
let nodes = [];
let onlyParted = true;
let wanted = '';

/* ---- what the answer holds ---- */

function nodesOf(answer) {
  const given = (answer && answer.nodes) || [];
  return given.map((node) => ({ name: String(node.name), isSelf: node.self === true, status: node.status })).sort((a, b) => b.isSelf - a.isSelf || compareNames(a.name, b.name));
}

// A cell: {state, says}. A status key names each subscribed route that is not simply announced, as far as there is room: what
// it does not name is announced or not for that node.
function cellOf(node, name) {
  if (node.isSelf && data.routes.has(name)) {
    const route = data.routes.get(name);
    return { ...route, says: plain(route.error || route.reason) };
  }
  if (!node.status) {
    return null;
  }
  const told = node.status.routes && Object.hasOwn(node.status.routes, name) ? node.status.routes[name] : null;
  if (told && typeof told === 'object') {
    return { ...told, says: plain(told.error || told.reason) };
  }
  // What came by a node's API is of that node.
  if (name.startsWith('api:')) {
    return null;
  }
  const { summary = {} } = node.status;
  if (node.status.omitted > 0 || !summary.announced) {
    return null;
  }
  return summary.subscribed === summary.routes ? { state: 'announced', says: '' } : { state: 'announced', isGuess: true, says: 'or not for this node' };
}

const isCalm = (cell) => cell && (cell.state === 'announced' || cell.state === 'unsubscribed') && !cell.error;

function rowsOf() {
  const names = new Set(data.routes.keys());
  for (const node of nodes) {
    Object.keys((node.status && node.status.routes) || {}).forEach((name) => names.add(name));
  }
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return [...names].filter((name) => words.every((word) => name.toLowerCase().includes(word))).sort(compareNames)
    .map((name) => ({ name, cells: nodes.map((node) => cellOf(node, name)) }))
    .filter((row) => !onlyParted || row.cells.some((cell) => cell && !isCalm(cell)));
}

/* ---- elements ---- */

function head(node) {
  const status = node.status || {};
  const { summary = {}, store = {}, version, warnings } = status;
  const [shape, tone, word] = !node.status ? ['dash', 'idle', 'says nothing'] : store.state && store.state !== 'connected' ? ['question', 'warn', plain(store.state)] : ['tick', 'good', 'reports'];
  return el('article', { class: `card node-card t-${tone}` },
    el('header', { class: 'card-head' }, el('h3', {}, node.name), pill(shape, tone, word)),
    el('ul', { class: 'sums' }, SUMS.filter(([key]) => summary[key] || key === 'announced').map(([key, sumTone, sumShape]) =>
      el('li', { class: `t-${sumTone}` }, icon(sumShape), el('strong', {}, node.status ? count(summary[key]) : '–'), ` ${key}`))),
    el('p', { class: 'dim' }, [node.isSelf ? 'this node' : '', version ? `version ${plain(version)}` : '',
      Array.isArray(warnings) && warnings.length > 0 ? plural(warnings.length, 'warning') : ''].filter(Boolean).join(' · ')));
}

function makeRow() {
  const name = el('span', { class: 'x-name' });
  const cells = el('div', { class: 'matrix-cells', role: 'presentation' });
  return { name, cells, node: el('div', { class: 'list-row', role: 'row' }, el('div', { class: 'cell c-name', role: 'rowheader' }, name), cells) };
}

function fillRow(parts, row) {
  setText(parts.name, row.name);
  const now = JSON.stringify(row.cells.map((cell) => cell && [cell.state, cell.says, cell.isGuess]));
  if (parts.drawn === now) {
    return;
  }
  parts.drawn = now;
  replace(parts.cells, row.cells.map((cell, index) => {
    const meaning = cell ? stateOf(cell) : null;
    const word = cell ? plain(cell.state) : 'not told';
    return el('div', { class: `cell matrix-cell ${cell ? `t-${meaning.tone}${cell.isGuess ? ' is-guess' : ''}` : 't-idle is-none'}`, role: 'gridcell',
      title: `${row.name} on ${nodes[index].name}: ${word}${cell && cell.says ? `: ${cell.says}` : ''}${cell && cell.since ? `, ${age(cell.since)} ago (${moment(cell.since)})` : ''}` },
    cell ? icon(meaning.shape) : null, el('span', {}, cell ? (cell.isGuess ? 'fine' : word) : '·'));
  }));
}

// Nothing to tell, and why.
function emptyMatrix() {
  if (data.nodes === null) {
    return nothing('The nodes are being read', '');
  }
  if (wanted || !onlyParted) {
    return nothing(wanted ? 'Nothing is like that' : 'No routes', '');
  }
  if (data.nodes.problem) {
    return nothing('The nodes are not known', plain(data.nodes.problem));
  }
  const silent = nodes.filter((node) => !node.status).map((node) => node.name);
  return silent.length > 0 ? nothing('Nothing is wrong on the nodes that report', `Nothing is known of ${silent.join(', ')}: no daemon of it has written its status.`) :
    nothing('Nothing is wrong on any node', 'Every route that is for a node is announced there, as far as they tell.');
}

function makeList(open) {
  list = new List({
    name: 'matrix', label: 'Routes and what each node says of them',
    columns: [{ key: 'name', word: 'Route' }, ...nodes.map((node) => ({ key: 'node', word: node.name }))],
    make: makeRow, fill: fillRow, keyOf: (row) => row.name, onOpen: (row) => data.routes.has(row.name) && open(row.name, true), onSort() {},
    heights: { wide: 32, narrow: 32 }, empty: emptyMatrix,
  });
  list.node.style.setProperty('--nodes', String(Math.max(1, nodes.length)));
  replace(byId('nodes-list'), list.node);
}

let openRoute = () => {};
let shape = null;

function draw() {
  if (byId('view-nodes').hidden) {
    return;
  }
  nodes = nodesOf(data.nodes);
  const now = nodes.map((node) => node.name).join('\n');
  if (shape !== now) {
    shape = now;
    makeList(openRoute);
  }
  replace(byId('nodes-cards'), nodes.map(head));
  const trouble = data.nodes && data.nodes.problem;
  setText(byId('nodes-note'), data.nodes === null ? 'Reading the nodes …' : trouble ? `${plain(trouble)}${typeof data.nodes.age === 'number' ? `; what is shown is ${span(data.nodes.age * 1000)} old` : ''}` : `${plural(nodes.length, 'node')}${data.nodes.more ? ' and more' : ''}, as each has told the store`);
  list.setItems(rowsOf());
}

export const nodesView = {
  name: 'nodes',
  word: 'Nodes',
  get list() {
    return list;
  },
  tick() {},
  show: draw,
  start(open) {
    openRoute = open;
    byId('nodes-parted').addEventListener('click', (event) => {
      onlyParted = !onlyParted;
      setAttribute(event.currentTarget, 'aria-pressed', String(onlyParted));
      draw();
    });
    byId('nodes-search').addEventListener('input', (event) => {
      wanted = event.target.value;
      draw();
    });
    on('nodes routes', draw);
  },
};
