// The view of the routes: groups to filter by, the search, the list.
import { byId, el, replace, setAttribute, setText, debounce } from './dom.js';
import { icon } from './icons.js';
import { List } from './list.js';
import { data, guessed, isKnown, on } from './model.js';
import { GROUPS, FLAGS, healthOf } from './states.js';
import { age, count, moment, plain, plural, took } from './format.js';
import { fillPill, makePill, nothing } from './parts.js';
import { fillSpark, makeSpark, median } from './spark.js';
import { matcher, sorted } from './search.js';

const COLUMNS = [
  { key: 'state', word: 'State', sort: true },
  { key: 'name', word: 'Route', sort: true },
  { key: 'prefix', word: 'Prefix', sort: true },
  { key: 'health', word: 'Health', sort: true },
  { key: 'results', word: 'Last results' },
  { key: 'wire', word: 'Wire', sort: true },
  { key: 'since', word: 'Since', sort: true },
  { key: 'why', word: 'Why' },
];
const MOVED_MS = 2500;

const view = { filter: null, sort: 'state', isUp: true, matches: () => true, text: '' };
let list = null;
let openRoute = () => {};

/* ---- a row ---- */

function makeRow() {
  const parts = { state: makePill(), spark: makeSpark() };
  for (const key of ['name', 'prefix', 'more', 'health', 'last', 'wire', 'since', 'why', 'flag']) {
    parts[key] = el('span', { class: `x-${key}` });
  }
  parts.healthPart = el('span', { class: 'mark' }, parts.health);
  parts.healthShape = '';
  const cell = (key, ...children) => el('div', { class: `cell c-${key}`, role: 'gridcell' }, children);
  parts.node = el('div', { class: 'list-row', role: 'row' },
    cell('state', parts.state.node), cell('name', parts.name), cell('prefix', parts.prefix, parts.more), cell('health', parts.healthPart),
    cell('results', parts.spark.node, parts.last), cell('wire', parts.wire), cell('since', parts.since), cell('why', parts.flag, parts.why));
  return parts;
}

function wireText(route) {
  const there = (route.onWire || []).length;
  const all = there + (route.missing || []).length;
  return all === 0 ? '–' : `${guessed(route.onWire).length > 0 ? '~' : ''}${there}/${all}`;
}

function whyText(route) {
  // A reason of the health says so itself.
  return plain(route.error) || [route.layer === 'health' ? '' : plain(route.layer), plain(route.reason)].filter(Boolean).join(': ');
}

function fillHealth(parts, word) {
  const health = healthOf(word);
  setAttribute(parts.healthPart, 'class', `mark t-${health.tone}`);
  setText(parts.health, health.word);
  if (parts.healthShape !== health.shape) {
    parts.healthShape = health.shape;
    replace(parts.healthPart, icon(health.shape), parts.health);
  }
}

function fillRow(parts, route) {
  const { meaning } = route;
  fillPill(parts.state, meaning.shape, meaning.tone, route.state, meaning.says);
  setText(parts.name, route.name);
  setAttribute(parts.name, 'title', route.name);
  setText(parts.prefix, route.prefix || '–');
  setAttribute(parts.prefix, 'title', route.text || route.prefix);
  setText(parts.more, route.nlri && route.nlri.count > 1 ? `+${route.nlri.count - 1}` : '');
  fillHealth(parts, route.health);
  const results = fillSpark(parts.spark, route.history);
  setText(parts.last, results.length > 0 ? took(median(results)) : '');
  setText(parts.wire, wireText(route));
  const guesses = guessed(route.onWire);
  setAttribute(parts.wire, 'title', guesses.length > 0 ? `By time alone, as they report no updates: ${guesses.join(', ')}` : null);
  parts.wire.classList.toggle('t-warn', (route.missing || []).length > 0);
  setText(parts.since, age(route.since));
  setAttribute(parts.since, 'title', moment(route.since));
  const flag = FLAGS.find((each) => each.key !== 'api' && route.flags.includes(each.key)) || FLAGS.find((each) => route.flags.includes(each.key));
  setText(parts.flag, flag ? flag.word : '');
  setAttribute(parts.flag, 'class', `chip t-${flag ? flag.tone : 'idle'}`);
  parts.flag.hidden = !flag;
  const why = whyText(route);
  // The row has the name already.
  setText(parts.why, why.startsWith(`routes/${route.name}/`) ? why.slice(route.name.length + 8) : why);
  setAttribute(parts.why, 'title', why);
  parts.node.classList.toggle('moved', route.movedAt !== undefined && performance.now() - route.movedAt < MOVED_MS);
}

/* ---- the groups ---- */

function counts() {
  const numbers = { all: data.ordered.length };
  for (const route of data.ordered) {
    numbers[route.meaning.group] = (numbers[route.meaning.group] || 0) + 1;
    for (const flag of route.flags) {
      numbers[flag] = (numbers[flag] || 0) + 1;
    }
  }
  return numbers;
}

const tiles = new Map();

function tile(key, word, tone, shape) {
  const number = el('span', { class: 'tile-number' });
  const node = el('button', { type: 'button', class: `tile t-${tone}`, 'data-filter': key, onclick: () => setFilter(view.filter === key ? null : key) },
    number, el('span', { class: 'tile-word' }, shape ? icon(shape) : null, word));
  return { node, number };
}

function drawGroups() {
  const numbers = counts();
  const groups = [{ key: 'all', word: 'routes', tone: 'plain' }, ...GROUPS.filter((group) => group.always || numbers[group.key])];
  const flags = FLAGS.filter((flag) => numbers[flag.key]);
  const keys = [...groups, ...flags].map((each) => each.key).join(' ');
  const bar = byId('groups');
  if (bar.dataset.keys !== keys) {
    bar.dataset.keys = keys;
    tiles.clear();
    const make = (each) => {
      tiles.set(each.key, tile(each.key, each.word, each.tone, each.shape));
      return tiles.get(each.key).node;
    };
    replace(bar, groups.map(make));
    replace(byId('flags'), flags.map(make));
  }
  for (const [key, made] of tiles) {
    setText(made.number, isKnown() ? count(numbers[key]) : '–');
    made.node.classList.toggle('is-zero', !numbers[key]);
    setAttribute(made.node, 'aria-pressed', String(key === (view.filter || 'all')));
  }
  drawShares(numbers);
}

// How the routes are shared out, as one bar. The tiles below it say the same in words.
function drawShares(numbers) {
  const bar = byId('shares');
  const shares = GROUPS.filter((group) => numbers[group.key] && group.key !== 'unsubscribed');
  const keys = shares.map((group) => group.key).join(' ');
  if (bar.dataset.keys !== keys) {
    bar.dataset.keys = keys;
    replace(bar, shares.map((group) => el('span', { class: `share t-${group.tone} s-${group.key}` })));
  }
  shares.forEach((group, index) => {
    bar.children[index].style.flexGrow = String(numbers[group.key]);
    bar.children[index].title = `${count(numbers[group.key])} ${group.word}`;
  });
}

export function setFilter(key) {
  view.filter = key === 'all' ? null : key;
  drawGroups();
  drawList();
}

/* ---- the list ---- */

function selected() {
  const { filter } = view;
  return data.ordered.filter((route) => (!filter || route.meaning.group === filter || route.flags.includes(filter)) && view.matches(route));
}

function drawList() {
  const routes = sorted(selected(), view.sort, view.isUp);
  list.setItems(routes);
  list.showSort(view.sort, view.isUp);
  const isPart = routes.length !== data.ordered.length;
  setText(byId('found'), isPart ? `${count(routes.length)} of ${plural(data.ordered.length, 'route')}` : '');
}

function sortBy(key) {
  view.isUp = view.sort === key ? !view.isUp : true;
  view.sort = key;
  drawList();
}

function emptyList() {
  if (!data.isRead) {
    return nothing('Waiting for the daemon', 'Nothing was read yet.');
  }
  if (!isKnown()) {
    const { store = {}, exabgp = {}, summary = {} } = data.status || {};
    const why = [store.state === 'connected' ? '' : `The store is ${plain(store.state)}.`, exabgp.state === 'synced' ? '' : 'ExaBGP has not told yet what stands.',
      summary.announced > 0 ? `${plural(summary.announced, 'NLRI', 'NLRI')} of before stand, and stay until their keys are known.` : ''];
    return nothing('The routes are not known yet', why.filter(Boolean).join(' '));
  }
  if (data.ordered.length === 0) {
    return nothing('No routes yet', 'The store has none.');
  }
  return nothing('Nothing is like that', 'Esc clears the search; the first tile shows all routes.');
}

export function setSearch(text) {
  byId('search').value = text;
  view.text = text;
  view.matches = matcher(text);
  drawList();
}

export const routesView = {
  name: 'routes',
  word: 'Routes',
  get list() {
    return list;
  },
  shown: () => list.shown().map((route) => route.name),
  isFiltered: () => view.filter !== null || view.text !== '',
  clear() {
    view.filter = null;
    setSearch('');
    drawGroups();
  },
  showOpen(name) {
    list.chosen = name;
    list.markChosen();
  },
  tick: () => list.refill(),
  start(open) {
    openRoute = open;
    list = new List({
      name: 'routes', label: 'Routes', columns: COLUMNS, make: makeRow, fill: fillRow, keyOf: (route) => route.name,
      onOpen: (route) => openRoute(route.name, true), onChoose: (route) => openRoute(route.name, false),
      onSort: sortBy, heights: { wide: 36, narrow: 76 }, empty: emptyList,
    });
    byId('routes-list').append(list.node);
    byId('search').addEventListener('input', debounce(30, () => setSearch(byId('search').value)));
    byId('sort').addEventListener('change', (event) => {
      view.sort = event.target.value;
      view.isUp = true;
      drawList();
    });
    on('neighbors', () => list.refill());
    on('routes', () => {
      drawGroups();
      drawList();
    });
    on('status', () => {
      if (data.ordered.length === 0) {
        drawGroups();
        drawList();
      }
    });
    drawGroups();
    drawList();
  },
};
