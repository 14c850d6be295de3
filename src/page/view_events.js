// What happens, as it happens: the view, and the newest beside the routes.
import { byId, el, replace, setAttribute, setText } from './dom.js';
import { icon } from './icons.js';
import { List } from './list.js';
import { data, on } from './model.js';
import { moment, plain, shortly } from './format.js';
import { nothing } from './parts.js';

const RAIL = 40;
const COLUMNS = [
  { key: 'at', word: 'Time (UTC)' },
  { key: 'type', word: 'What' },
  { key: 'name', word: 'About' },
  { key: 'why', word: 'Says' },
];
const SHAPES = {
  __proto__: null,
  route: ['wire', 'plain'], decision: ['scales', 'plain'], command: ['prompt', 'plain'], neighbor: ['plug', 'busy'], check: ['pulse', 'plain'],
  worker: ['clock', 'warn'], store: ['key', 'warn'], policy: ['scales', 'odd'], lease: ['clock', 'busy'], warning: ['cross', 'warn'],
  http: ['prompt', 'busy'], gap: ['dots', 'warn'], node: ['tick', 'busy'],
};

let list = null;
let isPaused = false;
let wanted = '';

function shapeOf(type) {
  return type in SHAPES ? SHAPES[type] : ['dots', 'plain'];
}

// The members of an event's detail in one line: what became of it, then why.
function eventText(event) {
  const { detail } = event;
  if (detail === null || typeof detail !== 'object') {
    return plain(detail);
  }
  const { what, state, was, verdict, health, status, text, reason, error, layer, ...rest } = detail;
  const some = (values) => values.filter((value) => value !== undefined && value !== null && value !== '').map(plain);
  const first = some([what, verdict && !state ? verdict : null, state]).join(' ') + (was && state ? `, was ${plain(was)}` : '');
  const why = some([health && state ? `health ${plain(health)}` : null, status, error || [layer, reason].filter(Boolean).map(plain).join(': '), text]);
  const others = Object.entries(rest).filter(([, value]) => value !== null && value !== '').map(([name, value]) => `${name} ${plain(value)}`);
  return [first, ...why, ...(text ? [] : others)].filter(Boolean).join('; ');
}

function tone(event) {
  const words = event.detail && typeof event.detail === 'object' ? [event.detail.state, event.detail.verdict, event.detail.what] : [];
  if (words.some((word) => ['down', 'withdrawn', 'withdraw', 'refused', 'faulty', 'foreign'].includes(word))) {
    return 'bad';
  }
  if (words.some((word) => ['up', 'announced', 'announce'].includes(word))) {
    return 'good';
  }
  return shapeOf(event.type)[1];
}

function railLine(event) {
  return el('li', { class: 'event' }, el('time', { class: 'dim', title: moment(event.time) }, shortly(event.time, false)),
    el('span', { class: `event-what t-${tone(event)}` }, icon(shapeOf(event.type)[0]), el('span', {}, event.type)),
    el('span', { class: 'event-about' }, plain(event.subject)), el('span', { class: 'event-text dim' }, eventText(event)));
}

function drawRail() {
  const some = data.events.slice(0, RAIL);
  replace(byId('rail-events'), el('h2', {}, 'Live events'),
    some.length > 0 ? el('ul', { class: 'events' }, some.map(railLine)) : el('p', { class: 'dim' }, data.isPastRead ? 'Nothing has happened lately.' : 'Not read yet.'));
}

function makeRow() {
  const parts = {};
  for (const key of ['at', 'type', 'name', 'why']) {
    parts[key] = el('span', { class: `x-${key}` });
  }
  parts.shape = el('span', { class: 'event-what' });
  const cell = (key, ...children) => el('div', { class: `cell c-${key}`, role: 'gridcell' }, children);
  parts.node = el('div', { class: 'list-row', role: 'row' }, cell('at', parts.at), cell('type', parts.shape, parts.type), cell('name', parts.name), cell('why', parts.why));
  return parts;
}

function fillRow(parts, event) {
  setText(parts.at, shortly(event.time));
  setAttribute(parts.at, 'title', moment(event.time));
  setText(parts.type, event.type);
  setAttribute(parts.shape, 'class', `event-what t-${tone(event)}`);
  replace(parts.shape, icon(shapeOf(event.type)[0]));
  setText(parts.name, plain(event.subject));
  const text = eventText(event);
  setText(parts.why, text);
  setAttribute(parts.why, 'title', text);
}

function draw() {
  if (!isPaused && !byId('view-events').hidden) {
    const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
    list.setItems(data.events.filter((event) => {
      const hay = `${event.type}\n${plain(event.subject)}\n${eventText(event)}`.toLowerCase();
      return words.every((word) => hay.includes(word));
    }));
  }
}

export const eventsView = {
  name: 'events',
  word: 'Events',
  get list() {
    return list;
  },
  tick() {},
  show: draw,
  start(open) {
    list = new List({
      name: 'events-list', label: 'Events, the newest first', columns: COLUMNS, make: makeRow, fill: fillRow, keyOf: (event) => event.id,
      onOpen(event) {
        if (data.routes.has(event.subject)) {
          open(event.subject, true);
        }
      },
      onSort() {}, heights: { wide: 32, narrow: 60 }, empty: () => (!data.isPastRead ? nothing('The events are being read', '') : wanted ? nothing('Nothing is like that', '') : nothing('Nothing has happened', 'Events come here as they happen.')),
    });
    replace(byId('events-list'), list.node);
    byId('events-search').addEventListener('input', (event) => {
      wanted = event.target.value;
      draw();
    });
    byId('events-pause').addEventListener('click', (event) => {
      isPaused = !isPaused;
      setAttribute(event.target, 'aria-pressed', String(isPaused));
      setText(event.target, isPaused ? 'Go on' : 'Pause');
      draw();
    });
    on('events', () => {
      drawRail();
      draw();
    });
    drawRail();
  },
};
