// What is wrong in all of it, above everything: each with a word for how bad it is, what it means and what to do.
import { byId, el, replace } from './dom.js';
import { hasToken } from './api.js';
import { icon } from './icons.js';
import { data, isOld, isUp, linkState, mayDo, on, problems } from './model.js';
import { count, plain, plural, since, span } from './format.js';
import { lockedText } from './locked.js';
import { workersOf } from './view_workers.js';

const MOST = 8;
// What withdraws a route without anything being broken: nobody else would tell.
const HOLDERS = ['adminState', 'guard'];
// Old by less than that is not worth a word.
const NEW_MS = 3000;
const TONES = {
  alarm: { word: 'Alarm', shape: 'octagon', rank: 0 },
  held: { word: 'Held', shape: 'lock', rank: 1 },
  odd: { word: 'Unsure', shape: 'question', rank: 2 },
  warn: { word: 'Degraded', shape: 'cross', rank: 3 },
};

let isLong = false;
let actions = { approve: () => null, filter: () => {}, enterToken: () => {}, retry: () => {} };

/* ---- what there is ---- */

function aboutLink() {
  const { link } = data;
  if (link.state === 'locked') {
    return [{ key: 'locked', tone: 'held', kind: 'Locked', text: 'This daemon asks for a token', more: lockedText(), button: ['Enter a token', actions.enterToken] }];
  }
  const age = data.isRead ? `What is shown is ${span(since(link.read))} old.` : 'Nothing was read yet.';
  const left = Math.ceil(Math.max(0, link.retryAt - performance.now()) / 1000);
  const next = `${link.text ? `It says: ${plain(link.text)}. ` : ''}Trying again ${left > 0 ? `in ${left}s` : 'now'}.`;
  const found = [];
  const state = linkState();
  if (state === 'lost') {
    found.push({ key: 'lost', tone: 'alarm', text: link.refused ? 'The daemon refuses to answer' : 'Connection to the daemon lost', more: `${age} ${next}`, button: ['Try now', actions.retry], isLoud: true });
  } else if (state === 'silent') {
    found.push({ key: 'lost', tone: 'alarm', text: 'The daemon does not answer', more: `${age} ${problems()}`, button: ['Try now', actions.retry], isLoud: true });
  } else if (isOld() && since(link.read) > NEW_MS) {
    found.push({ key: 'lost', tone: 'alarm', text: state === 'reading' ? 'Connected again, reading' : 'Connecting again', more: age });
  } else if (state === 'polled') {
    found.push({ key: 'polled', tone: 'warn', text: 'No live events', more: `The page asks again and again instead, so what is shown may be some seconds old. ${next}`, button: ['Try now', actions.retry] });
  }
  if (link.isOther && data.status) {
    found.push({ key: 'other', tone: 'warn', text: `The daemon is version ${plain(data.status.version)} now`, more: 'This page is of the one before, and may show less than there is, or otherwise.',
      button: ['Load it anew', () => location.reload()] });
  }
  if (problems() && isUp() && state !== 'silent') {
    found.push({ key: 'unread', tone: 'alarm', text: 'Not all can be read', more: `${problems()}. What is shown of it may be old.` });
  }
  return found;
}

function aboutNode(status) {
  const found = [];
  const { store = {}, exabgp = {} } = status;
  if (status.mode === 'safe') {
    found.push({ key: 'safe', tone: 'alarm', text: 'Safe mode', more: 'Core crashed three times in a minute: no store, no checks. The last known good routes stay. After mending: bgpcommander upgrade.' });
  }
  if (store.loss) {
    found.push({ key: 'loss', tone: 'held', text: `Store loss (${plain(store.loss.kind)})`, more: plain(store.loss.text), approve: plain(store.loss.id) });
  } else if (store.state && store.state !== 'connected' && status.mode !== 'safe') {
    found.push({ key: 'store', tone: 'warn', text: `Store ${plain(store.state)}`, more: `${plain(store.text)}. Nothing is withdrawn for that; checks go on.` });
  }
  if (exabgp.state && exabgp.state !== 'synced') {
    found.push({ key: 'exabgp', tone: 'warn', text: `ExaBGP: ${plain(exabgp.state)}`, more: 'What stands there is not known yet.' });
  } else if (exabgp.acks === false) {
    found.push({ key: 'acks', tone: 'warn', text: 'ExaBGP does not acknowledge commands', more: 'Set exabgp.api.ack=true.' });
  } else if (exabgp.wire === false) {
    found.push({ key: 'wire', tone: 'warn', text: 'No neighbor reports its updates', more: 'Routes are confirmed by time, not by the wire: api { send { parsed; update; } }.' });
  }
  if (store.publishing === false && store.publishProblem) {
    found.push({ key: 'publish', tone: 'warn', text: "This node's own keys are not written", more: plain(store.publishProblem) });
  }
  return found;
}

function aboutParts(status) {
  const found = [];
  for (const worker of workersOf(status)) {
    if (worker.state === 'restarting') {
      found.push({ key: `worker ${worker.name}`, tone: 'warn', text: `Worker ${worker.name} is restarting`, more: 'No route moves for that.' });
    }
  }
  const down = data.neighbors.filter((neighbor) => neighbor.state === 'down');
  if (down.length > 0) {
    found.push({ key: 'neighbors', tone: 'warn', text: `${plural(down.length, 'neighbor')} down`,
      more: down.slice(0, 4).map((neighbor) => neighbor.ipAddress + (neighbor.reason ? ` (${plain(neighbor.reason)})` : '')).join(', '), go: '#/neighbors' });
  }
  const { policies = {}, workers = {} } = status;
  if (policies.held > 0) {
    found.push({ key: 'held', tone: 'held', text: `${plural(policies.held, 'policy', 'policies')} held`, more: 'A changed text would fail or withdraw too much; the one before it decides.',
      approvals: heldIds() });
  }
  if (policies.failing > 0) {
    found.push({ key: 'failing', tone: 'warn', text: `Policies fail for ${plural(policies.failing, 'route')}`, more: 'Their last verdict holds.' });
  }
  if (workers.quarantined > 0) {
    found.push({ key: 'quarantine', tone: 'warn', text: `${plural(workers.quarantined, 'script')} quarantined`, more: 'Killed too often: not run any more until changed.' });
  }
  return found;
}

// The ids that wait for approval, as the warnings name them: "… bgpcommander approve ID".
function heldIds() {
  const ids = new Set();
  for (const warning of (data.status && data.status.warnings) || []) {
    const named = /bgpcommander approve ([0-9a-f]{8})\b/.exec(warning);
    if (named && !(data.status.store && data.status.store.loss && data.status.store.loss.id === named[1])) {
      ids.add(named[1]);
    }
  }
  return [...ids];
}

function aboutRoutes() {
  const numbers = {};
  for (const route of data.ordered) {
    const held = route.state === 'withdrawn' && HOLDERS.includes(route.layer) ? [`layer:${route.layer.toLowerCase()}`] : [];
    for (const key of [route.state, ...route.flags, ...held]) {
      numbers[key] = (numbers[key] || 0) + 1;
    }
  }
  const told = [['refused', 'alarm', 'refused by ExaBGP', 'It is tried again after 30 s, later every 10 min.'],
    ['unconfirmed', 'odd', 'unconfirmed', 'ExaBGP has not reported the update; it is repaired by itself.'],
    ['unchecked', 'odd', 'unchecked', 'No run of the check has counted for long: the route stays as it is.'],
    ['layer:adminstate', 'held', 'withdrawn by adminState', 'The adminState of this node is down or drain: they stay so until the key says up.'],
    ['layer:guard', 'held', 'kept back by the guard', 'The limits of the node file do not allow them.']];
  return told.filter(([key]) => numbers[key]).map(([key, tone, word, more]) => ({ key, tone, text: `${plural(numbers[key], 'route')} ${word}`, more, filter: key, isBrief: true }));
}

function all() {
  const found = aboutLink();
  if (data.status) {
    found.push(...aboutNode(data.status), ...aboutParts(data.status), ...aboutRoutes());
  }
  return found.sort((a, b) => TONES[a.tone].rank - TONES[b.tone].rank);
}

/* ---- as elements ---- */

function banner(what) {
  const kind = TONES[what.tone];
  const buttons = [];
  if (what.button) {
    buttons.push(el('button', { type: 'button', class: 'small', onclick: what.button[1] }, what.button[0]));
  }
  if (what.filter) {
    buttons.push(el('button', { type: 'button', class: 'small', onclick: () => actions.filter(what.filter) }, 'Show'));
  }
  if (what.go) {
    buttons.push(el('a', { class: 'small', href: what.go }, 'Show'));
  }
  for (const id of what.approve ? [what.approve] : what.approvals || []) {
    buttons.push(actions.approve(id, what.text));
  }
  return el('li', { class: `banner t-${what.tone === 'held' ? 'warn' : what.tone}${what.isBrief ? ' is-brief' : ''}`, 'data-banner': what.key, 'data-text': what.text, title: what.isBrief ? what.more : null, role: what.isLoud ? 'alert' : null },
    icon(kind.shape), el('strong', {}, el('span', { class: 'banner-kind' }, `${what.kind || kind.word}: `), what.text), el('span', { class: 'banner-more' }, what.more || ''),
    el('span', { class: 'banner-buttons' }, buttons));
}

let shown = '';

export function drawBanners() {
  const found = all();
  const warnings = (data.status && data.status.warnings) || [];
  const some = isLong ? found : found.slice(0, MOST);
  // What is there already stays: a reader is not told of it again each second, and a button keeps its focus.
  const now = JSON.stringify([some.map((what) => [what.key, what.text, what.more, what.approvals]), found.length, warnings, hasToken(), mayDo('operate')]);
  if (now === shown) {
    return;
  }
  shown = now;
  const place = byId('banners');
  const focused = place.contains(document.activeElement) ? document.activeElement.closest('[data-banner]')?.dataset.banner : null;
  const lost = place.querySelector('[data-banner="lost"]');
  replace(place, some.map((what) => {
    if (what.key === 'lost' && lost && lost.dataset.text === what.text) {
      lost.querySelector('.banner-more').textContent = what.more; // the alert was said once
      return lost;
    }
    return banner(what);
  }));
  if (found.length > some.length) {
    place.append(el('li', {}, el('button', { type: 'button', class: 'small', onclick: () => {
      isLong = true;
      drawBanners();
    } }, `${count(found.length - some.length)} more`)));
  }
  if (warnings.length > 0) {
    const isOpen = place.dataset.isOpen === 'yes';
    place.append(el('li', { class: 'warnings' }, el('details', { open: isOpen, ontoggle: (event) => {
      place.dataset.isOpen = event.target.open ? 'yes' : 'no';
    } }, el('summary', {}, plural(warnings.length, 'warning')), el('ul', { class: 'plain-list' }, warnings.map((text) => el('li', {}, plain(text)))))));
  }
  if (focused) {
    place.querySelector(`[data-banner="${CSS.escape(focused)}"] button, [data-banner="${CSS.escape(focused)}"] a`)?.focus();
  }
}

export function startBanners(wanted) {
  actions = wanted;
  on('status routes neighbors link token', drawBanners);
  drawBanners();
}
