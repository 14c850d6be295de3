// One route, all of it: beside the list on a wide screen, over it on a small one.
import { byId, el, replace, setText } from './dom.js';
import { icon } from './icons.js';
import { get, hasToken, remove, Unwanted } from './api.js';
import { drawChain } from './chain.js';
import { confirmChange } from './dialogs.js';
import { changed, data, guessed, isOld, isUp, mayDo, on } from './model.js';
import { age, clock, day, instant, moment, now, plain, plural, since, span, took } from './format.js';
import { code, facts, mark, nothing, pill, section } from './parts.js';
import { fillSpark, makeSpark, median } from './spark.js';
import { healthOf, stateOf } from './states.js';

const AGAIN_MS = 3000;

// What is open: its name, what came for it last and when, why nothing came, whether the daemon has it no more.
const NOTHING = { full: null, readAt: 0, failure: '', isGone: false, wasListed: false, asked: 0, drawn: '' };
const open = { name: null, ...NOTHING };

async function read(name) {
  let full = null;
  let failure = null;
  try {
    full = await get(`/v1/routes/${encodeURIComponent(name)}`);
  } catch (error) {
    failure = error;
  }
  if (open.name === name && !(failure instanceof Unwanted)) {
    if (full) {
      Object.assign(open, { full, readAt: performance.now(), atMs: now() });
    }
    open.isGone = Boolean(failure) && failure.status === 404;
    open.failure = failure ? failure.message : '';
    draw();
  }
}

export function openDetail(name) {
  if (open.name === name) {
    return;
  }
  Object.assign(open, NOTHING, { name, asked: performance.now() });
  document.documentElement.dataset.detail = name === null ? 'no' : 'yes';
  byId('detail').hidden = name === null;
  if (name !== null) {
    draw();
    byId('detail').scrollTop = 0;
    read(name);
  }
  changed('open');
}

export const isDetailOpen = () => open.name !== null;
export const openName = () => open.name;

// Something may be another than before.
export function refreshDetail(isForced) {
  // What is gone is not asked for again and again.
  const isGone = open.isGone && !data.routes.has(open.name);
  if (open.name !== null && !isGone && isUp() && (isForced || performance.now() - open.asked > AGAIN_MS)) {
    open.asked = performance.now();
    read(open.name);
  }
}

/* ---- its parts ---- */

function heading(route) {
  const meaning = stateOf(route);
  const health = healthOf(route.health);
  return el('header', { class: 'detail-head' },
    el('button', { type: 'button', class: 'icon-button detail-close', 'aria-label': 'Close', title: 'Close (Esc)', onclick: () => {
      location.hash = '#/routes';
    } }, icon('close')),
    el('h2', { id: 'detail-name' }, route.name),
    el('p', { class: 'detail-pills' }, pill(meaning.shape, meaning.tone, plain(route.state), meaning.says),
      mark(health.shape, health.tone, health.word === 'no check' ? health.word : `health ${health.word}`),
      el('span', { class: 'dim', title: moment(route.since) }, route.since ? `for ${age(route.since)}` : '')),
    route.text ? el('code', { class: 'detail-text' }, plain(route.text)) : null,
    route.error ? el('p', { class: 'problem' }, plain(route.error)) : null,
    el('p', { class: 'detail-old', role: 'status' }, oldText()));
}

// On a small screen the route covers the banners that say so.
function oldText() {
  return isOld() ? `Not live: this was so ${span(since(data.link.read))} ago.` : '';
}

export function drawOld() {
  const place = byId('detail').querySelector('.detail-old');
  if (place) {
    setText(place, oldText());
  }
}

// "in 4m 10s" for what is to come.
function left(value) {
  const at = instant(value);
  return Number.isFinite(at) ? (at > now() ? `in ${span(at - now())}` : 'over') : '';
}

function leaseFacts(route) {
  return facts([['origin', route.origin === 'api' ? 'HTTP API' : 'store'], ['owner', plain(route.owner)],
    ['note', plain(route.note)], ['expires', left(route.expires), moment(route.expires)],
    ['family', plain(route.family)], ['NLRI', route.nlri && route.nlri.count > 1 ? `${route.nlri.announced} of ${route.nlri.count} announced` : '']]);
}

function actionsOf(route) {
  if (route.origin !== 'api') {
    return null;
  }
  if (!hasToken()) {
    return el('p', { class: 'dim' }, 'Read only: with a token this route can be withdrawn here.');
  }
  if (!mayDo('announce', 'operate')) {
    return el('p', { class: 'dim' }, 'Read only: this token may not withdraw.');
  }
  const text = plain(route.text);
  return el('div', { class: 'buttons' }, el('button', { type: 'button', class: 'danger', id: 'withdraw', onclick: () =>
    confirmChange('Withdraw this route?', [`${route.name}: ${text}`, 'It is withdrawn from every neighbor and forgotten.'], 'Withdraw', async () => {
      await remove(`/v1/routes/${encodeURIComponent(route.name)}`);
      location.hash = '#/routes';
      return `${route.name} is withdrawn`;
    }) }, 'Withdraw …'));
}

function wires(route) {
  const there = (route.onWire || []).map((address) => el('li', {},
    guessed([address]).length > 0 ? mark('clock', 'idle', 'sent, by time', 'It reports no updates: nobody has seen it') : mark('tick', 'good', 'sent'), el('span', { class: 'mono' }, plain(address))));
  const missing = (route.missing || []).map((address) => el('li', {}, mark('question', 'odd', 'not seen'), el('span', { class: 'mono' }, plain(address))));
  return there.length + missing.length > 0 ? el('ul', { class: 'wires' }, there, missing) : null;
}

function checkOf(check, brief) {
  const health = healthOf(check.state);
  const spark = makeSpark();
  const results = fillSpark(spark, check.history || brief);
  const times = [typeof check.interval === 'number' ? `every ${took(check.interval)}` : '', Number.isFinite(median(results)) ? `${took(median(results))} in the middle` : '',
    typeof check.took === 'number' ? `last ${took(check.took)}` : '', typeof check.score === 'number' ? `score ${check.score}` : ''].filter(Boolean);
  return el('div', { class: 'check' },
    el('p', { class: 'check-head' }, mark(health.shape, health.tone, health.word), el('strong', {}, plain(check.name)),
      el('span', { class: 'dim' }, [check.status, plain(check.reason)].filter(Boolean).join(': '))),
    results.length > 0 ? el('div', { class: 'spark-big' }, spark.node) : null,
    times.length > 0 ? el('p', { class: 'dim' }, times.join(' · ')) : null,
    check.trouble ? el('p', { class: 'problem' }, plain(check.trouble)) : null);
}

function checksOf(route) {
  const checks = route.checks || [];
  if (checks.length === 0) {
    return null;
  }
  return section(checks.length === 1 ? 'Check' : `${checks.length} checks`, true,
    checks.map((check, index) => checkOf(check, index === 0 ? route.history : null)));
}

function policyOf(route) {
  const { policy } = route;
  if (!policy) {
    return null;
  }
  return section('Policy', true, facts([['key', plain(policy.key)], ['state', plain(policy.state)], ['verdict', plain(policy.verdict)], ['reason', plain(policy.reason)],
    ['attributes', policy.attributes ? plain(policy.attributes) : ''], ['decides', plain(policy.decides)], ['waits for', policy.id ? `approve ${policy.id}` : ''],
    ['CPU', policy.cpuUs ? `${policy.cpuUs} µs` : '']]), policy.error ? el('p', { class: 'problem' }, plain(policy.error)) : null);
}

function decisionsOf(route) {
  const list = Array.isArray(route.decisions) ? route.decisions : [];
  if (list.length === 0) {
    return null;
  }
  return section(`Recent decisions (${list.length})`, true, el('ol', { class: 'decisions' }, list.map((each) => el('li', {},
    el('time', { class: 'dim mono', title: moment(each.at) }, `${day(each.at) === day(now()) ? '' : day(each.at) + ' '}${clock(each.at, false)}`),
    mark(each.verdict === 'announce' ? 'arrow-up' : each.verdict === 'withdraw' ? 'arrow-down' : 'dash', each.verdict === 'announce' ? 'good' : each.verdict === 'withdraw' ? 'bad' : 'idle',
      plain(each.verdict || each.type)),
    el('span', {}, [plain(each.layer), plain(each.reason)].filter(Boolean).join(': ')), el('span', { class: 'dim' }, `#${each.id}`)))));
}

function scriptsOf(route) {
  return (Array.isArray(route.scripts) ? route.scripts : []).map((each) =>
    section(`Script ${plain(each.key)}${each.decides === false ? ' (does not decide yet)' : ''}`, false,
      el('p', { class: 'dim' }, [plain(each.language), plain(each.hash)].filter(Boolean).join(', ')), code(plain(each.text), true)));
}

function body(route) {
  const output = plain(route.output);
  return [leaseFacts(route), actionsOf(route), section('Why it is so', true, drawChain(route)), checksOf(route), policyOf(route),
    output ? section('Last output', true, code(output)) : null,
    route.data ? section('Data', false, code(JSON.stringify(route.data, null, 2))) : null,
    decisionsOf(route), wires(route) ? section(`On the wire (${plural((route.onWire || []).length, 'neighbor')})`, (route.missing || []).length + guessed(route.onWire).length > 0, wires(route)) : null,
    scriptsOf(route)];
}

// What the list has and what was asked for: the newer of the two says how it stands.
function newest(brief, full, readAt) {
  return brief && brief.readAt > readAt ? { ...full, ...brief } : { ...brief, ...full };
}

// There is no such route, or none any more: what it was like is not shown as what is.
function drawNothing(place, isGone) {
  const { full } = open;
  const was = isGone && full ? `When it was last read, at ${clock(open.atMs, false)} UTC, it was ${plain(full.state)}: ${plain(full.text)}` : '';
  const title = isGone && (full || open.wasListed) ? `${open.name} is gone` : open.name || '';
  const text = isGone && (full || open.wasListed) ? 'The daemon has no such route any more.' : open.failure || (data.isRead ? 'There is no such route.' : '');
  const drawn = JSON.stringify([title, text, was]);
  if (drawn !== open.drawn) {
    open.drawn = drawn;
    replace(place, el('button', { type: 'button', class: 'icon-button detail-close', 'aria-label': 'Close', onclick: () => {
      location.hash = '#/routes';
    } }, icon('close')), nothing(title, text), was ? el('p', { class: 'detail-was' }, was) : null);
  }
}

function draw() {
  const brief = data.routes.get(open.name);
  const place = byId('detail');
  const isGone = open.isGone || (open.wasListed && data.isRead && !brief);
  open.wasListed = open.wasListed || Boolean(brief);
  if (isGone || !(brief || open.full)) {
    drawNothing(place, isGone);
    return;
  }
  const route = { ...newest(brief, open.full, open.readAt), history: (open.full && open.full.history) || (brief && brief.history) };
  // Nothing new: what somebody selects or has opened is left alone.
  const now_ = JSON.stringify([route, hasToken(), mayDo('announce', 'operate'), open.failure], (key, value) => (['haystack', 'movedAt', 'meaning', 'readAt', 'order'].includes(key) ? undefined : value));
  if (now_ === open.drawn) {
    return;
  }
  open.drawn = now_;
  const opened = new Map([...place.querySelectorAll('details.section')].map((each) => [each.firstChild.textContent.replace(/[\d()]+/g, ''), each.open]));
  const scroll = place.scrollTop;
  const focus = place.contains(document.activeElement) ? document.activeElement : null;
  const wasClose = focus && focus.classList.contains('detail-close');
  replace(place, heading(route), el('div', { class: 'detail-body' }, body(route), open.failure ? el('p', { class: 'problem' }, open.failure) : null));
  for (const each of place.querySelectorAll('details.section')) {
    const key = each.firstChild.textContent.replace(/[\d()]+/g, '');
    each.open = opened.has(key) ? opened.get(key) : each.open;
  }
  place.scrollTop = scroll;
  if (wasClose) {
    place.querySelector('.detail-close').focus();
  }
}

export function startDetail() {
  on('forgotten', () => {
    Object.assign(open, NOTHING);
  });
  on('routes token status', () => {
    if (open.name !== null) {
      draw();
    }
  });
}
