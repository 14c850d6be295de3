// One route, all of it: beside the list on a wide screen, over it on a small one.
import { byId, el, replace } from './dom.js';
import { icon } from './icons.js';
import { get, hasToken, remove } from './api.js';
import { drawChain } from './chain.js';
import { confirmChange } from './dialogs.js';
import { changed, data, isUp, mayDo, on } from './model.js';
import { age, clock, day, instant, moment, now, plain, plural, span, took } from './format.js';
import { code, facts, mark, nothing, pill, section } from './parts.js';
import { fillSpark, makeSpark, median } from './spark.js';
import { healthOf, stateOf } from './states.js';

const AGAIN_MS = 3000;

// What is open: its name, what came for it last, why nothing came.
const open = { name: null, full: null, failure: '', asked: 0, drawn: '' };

async function read(name) {
  let full = null;
  let failure = '';
  try {
    full = await get(`/v1/routes/${encodeURIComponent(name)}`);
  } catch (error) {
    failure = error.message;
  }
  if (open.name === name) {
    open.full = full || open.full;
    open.failure = failure;
    draw();
  }
}

export function openDetail(name) {
  if (open.name === name) {
    return;
  }
  Object.assign(open, { name, full: null, failure: '', asked: performance.now(), drawn: '' });
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
  const isGone = open.failure !== '' && !data.routes.has(open.name);
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
    route.error ? el('p', { class: 'problem' }, plain(route.error)) : null);
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
  const there = (route.onWire || []).map((address) => el('li', {}, mark('tick', 'good', 'sent'), el('span', { class: 'mono' }, plain(address))));
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
    decisionsOf(route), wires(route) ? section(`On the wire (${plural((route.onWire || []).length, 'neighbor')})`, (route.missing || []).length > 0, wires(route)) : null,
    scriptsOf(route)];
}

function draw() {
  const brief = data.routes.get(open.name);
  const route = brief || open.full ? { ...(brief || {}), ...(open.full || {}), ...(brief ? { state: brief.state, health: brief.health, history: (open.full && open.full.history) || brief.history } : {}) } : null;
  const place = byId('detail');
  if (!route) {
    replace(place, el('button', { type: 'button', class: 'icon-button detail-close', 'aria-label': 'Close', onclick: () => {
      location.hash = '#/routes';
    } }, icon('close')), nothing(open.name || '', open.failure || (data.status ? 'There is no such route.' : '')));
    return;
  }
  // Nothing new: what somebody selects or has opened is left alone.
  const now_ = JSON.stringify([route, hasToken(), mayDo('announce', 'operate'), open.failure], (key, value) => (key === 'haystack' || key === 'movedAt' || key === 'meaning' ? undefined : value));
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
    Object.assign(open, { full: null, failure: '', asked: 0, drawn: '' });
  });
  on('routes token status', () => {
    if (open.name !== null) {
      draw();
    }
  });
}
