// How a route came to be as it is: key → check → decision → command → ack → wire, each with its time and how long it came
// after the one before.
import { el } from './dom.js';
import { icon } from './icons.js';
import { age, instant, moment, clock, day, now, plain, span } from './format.js';
import { healthOf } from './states.js';

// How each step of the API's chain looks; `title` where it has another word than its own.
const LOOKS = {
  __proto__: null,
  key: { title: 'Key', shape: 'key', tone: 'plain' },
  check: { title: 'Check', shape: 'pulse', tone: 'plain' },
  decision: { title: 'Decision', shape: 'scales', tone: 'plain' },
  command: { title: 'Command', shape: 'prompt', tone: 'plain' },
  ack: { title: 'Ack', shape: 'ack', tone: 'good', says: 'ExaBGP took it' },
  refused: { title: 'Refused', shape: 'octagon', tone: 'alarm' },
  wire: { title: 'Wire', shape: 'wire', tone: 'good', says: 'was told' },
  unconfirmed: { title: 'Unconfirmed', shape: 'question', tone: 'odd', says: 'did not show it in time' },
  error: { title: 'Given up for now', shape: 'question', tone: 'odd', says: 'does not show it' },
};
const HOW = { __proto__: null, time: ' by time: it reports no updates', repair: ' (repair)' };
// Longer ago it was another matter.
const NEAR_MS = 60000;
// So many neighbors one by one.
const WIRES = 16;

function toneOf(each, look, route) {
  if (each.step === 'check') {
    const health = healthOf(String(each.text).split(':')[0]);
    return health.word ? health.tone : healthOf(route.health).tone;
  }
  if (each.step === 'decision') {
    return /^withdraw\b/.test(each.text) ? 'bad' : /^announce\b/.test(each.text) ? 'good' : 'plain';
  }
  return look.tone;
}

function stepOf(each, route) {
  const look = each.step in LOOKS ? LOOKS[each.step] : { title: plain(each.step), shape: 'dots', tone: 'plain' };
  const text = each.step === 'command' ? '' : each.step === 'key' ? (age(each.time) ? `last changed ${age(each.time)} ago` : 'unchanged since this daemon began') : plain(each.text) || look.says || '';
  // The text of the key stands above, unless the daemon goes by another one.
  const code = each.step === 'command' || (each.step === 'key' && each.text !== route.text) ? plain(each.text) : '';
  return { step: each.step, title: look.title, shape: look.shape, tone: toneOf(each, look, route), at: instant(each.time), code,
    text: [plain(each.name), text].filter(Boolean).join(' ') + (each.how in HOW ? HOW[each.how] : ''),
    neighbor: plain(each.neighbor), note: [each.id ? `decision ${each.id}` : '', typeof each.tookMs === 'number' ? `took ${each.tookMs} ms` : ''].filter(Boolean).join(', ') };
}

// What the API has no step of, as nothing of it is known, is shown as a place that is empty.
function completed(steps, route) {
  const missing = [];
  const has = (...names) => steps.some((each) => names.includes(each.step));
  if (!has('check')) {
    missing.push({ step: 'check', title: 'Check', shape: 'pulse', tone: 'idle', at: NaN, text: route.health === 'none' ? 'none: counts as healthy' : 'no result yet' });
  }
  if (!has('decision')) {
    missing.push({ step: 'decision', title: 'Decision', shape: 'scales', tone: 'idle', at: NaN,
      text: [plain(route.verdict), [plain(route.layer), plain(route.reason)].filter(Boolean).join(': ')].filter(Boolean).join(': ') });
  }
  for (const [name, others] of [['command', []], ['ack', ['refused']], ['wire', ['unconfirmed', 'error']]]) {
    if (!has(name, ...others)) {
      missing.push({ step: name, title: LOOKS[name].title, shape: LOOKS[name].shape, tone: 'idle', at: NaN, text: name !== 'command' && has('command') ? 'nothing yet' : 'none on record' });
    }
  }
  const order = Object.keys(LOOKS);
  const place = (each) => ({ refused: order.indexOf('ack'), unconfirmed: order.indexOf('wire'), error: order.indexOf('wire') })[each.step] ?? order.indexOf(each.step);
  return [...steps, ...missing].sort((a, b) => place(a) - place(b) || (a.at || 0) - (b.at || 0));
}

// A neighbor that was sent it late is `unconfirmed` first, and then `wire`: its last word counts.
function latest(steps) {
  const ends = ['wire', 'unconfirmed', 'error'];
  const last = new Map(steps.filter((each) => ends.includes(each.step)).map((each) => [each.neighbor, each]));
  return steps.filter((each) => !ends.includes(each.step) || last.get(each.neighbor) === each);
}

function stepsOf(route) {
  const given = Array.isArray(route.chain) ? route.chain : [];
  return completed(latest(given).map((each) => stepOf(each, route)), route);
}

function gapText(ms) {
  return ms < 1000 ? `+${Math.round(ms)} ms` : `+${ms < 60000 ? `${(ms / 1000).toFixed(ms < 10000 ? 2 : 0)} s` : span(ms)}`;
}

function timeOf(each) {
  const isToday = day(each.at) === day(now());
  return Number.isFinite(each.at) ? el('time', { class: 'step-time', title: `${moment(each.at)}, ${age(each.at)} ago` }, `${isToday ? '' : `${day(each.at)} `}${clock(each.at)}`) : null;
}

// How long after the one before; a check runs on and on, and the last run may be later than what it led to.
function gapOf(each, before) {
  const gap = each.at - before;
  return gap >= 0 && gap < NEAR_MS && each.step !== 'check' ? el('span', { class: 'step-gap' }, gapText(gap)) : null;
}

function drawStep(each, before) {
  return el('li', { class: `step t-${each.tone}`, 'data-step': each.step }, el('span', { class: 'step-shape' }, icon(each.shape)),
    el('div', { class: 'step-head' }, el('strong', {}, each.title), gapOf(each, before), timeOf(each)),
    each.text ? el('p', { class: 'step-text' }, each.text) : null, each.code ? el('code', { class: 'step-code' }, each.code) : null,
    each.note ? el('p', { class: 'step-note dim' }, each.note) : null);
}

// All neighbors are one step: the wire.
function drawWires(wires, before) {
  const worst = wires.find((each) => each.step !== 'wire') || wires[0];
  const some = wires.slice(0, WIRES);
  return el('li', { class: `step t-${worst.tone}`, 'data-step': 'wire' }, el('span', { class: 'step-shape' }, icon(worst.shape)),
    el('div', { class: 'step-head' }, el('strong', {}, 'Wire')),
    el('ul', { class: 'step-wires' }, some.map((each) => el('li', { class: `t-${each.tone}` }, icon(each.shape), el('span', {}, el('span', { class: 'mono' }, each.neighbor), ` ${each.text}`),
      gapOf(each, before), timeOf(each)))),
    wires.length > some.length ? el('p', { class: 'dim' }, `and ${wires.length - some.length} more`) : null);
}

export function drawChain(route) {
  const steps = stepsOf(route);
  const wires = steps.filter((each) => each.neighbor);
  let before = NaN;
  const drawn = steps.filter((each) => !each.neighbor).map((each) => {
    const node = drawStep(each, before);
    before = Number.isFinite(each.at) ? each.at : before;
    return node;
  });
  return el('ol', { class: 'chain' }, drawn, wires.length > 0 ? drawWires(wires, before) : null);
}
