// The processes: core, what it talks to, and its workers.
import { byId, el, replace } from './dom.js';
import { data, on } from './model.js';
import { workerOf } from './states.js';
import { age, count, moment, plain, span } from './format.js';
import { facts, mark, nothing, pill } from './parts.js';

// In the order in which they are shown, with names.
export function workersOf(status) {
  const workers = (status && status.workers) || {};
  const lua = Array.isArray(workers.lua) ? workers.lua : [];
  return [['exec', 'shell checks', workers.exec], ...lua.map((each, index) => [`lua ${index + 1}`, 'Lua checks', each]), ['policy', 'policies', workers.policy]]
    .filter(([, , worker]) => worker).map(([name, does, worker]) => ({ name, does, ...worker }));
}

function card(worker) {
  const state = workerOf(worker.state);
  const guards = String(worker.confinement || '').split(', ').filter(Boolean);
  return el('article', { class: `card t-${state.tone}` },
    el('header', { class: 'card-head' }, el('h3', {}, worker.name), pill(state.shape, state.tone, String(worker.state))),
    el('p', { class: 'dim' }, `runs ${worker.does}`),
    facts([['pid', worker.pid ? plain(worker.pid) : ''], ['CPU', worker.state === 'off' ? '' : `${Number(worker.cpu || 0).toFixed(1)} %`],
      ['knows', count(worker.checks)], ['at work', count(worker.running)], ['restarts', count(worker.restarts)], ['addresses', plain(worker.addresses)]]),
    guards.length > 0 && guards[0] !== 'none' ? el('ul', { class: 'chips', 'aria-label': 'confined by' }, guards.map((guard) => el('li', { class: 'chip' }, guard))) :
      worker.state === 'off' ? null : el('p', { class: 'dim' }, 'not confined'));
}

function coreCard(status) {
  const { store = {}, exabgp = {} } = status;
  const isConnected = store.state === 'connected';
  const isSynced = exabgp.state === 'synced';
  return [
    el('article', { class: 'card t-good' }, el('header', { class: 'card-head' }, el('h3', {}, 'core'),
      pill(status.mode === 'safe' ? 'cross' : 'tick', status.mode === 'safe' ? 'alarm' : 'good', `${plain(status.mode)} mode`)),
    facts([['version', plain(status.version)], ['pid', plain(status.pid)], ['up', age(status.started), moment(status.started)], ['start', plain(status.starts)],
      ['state in', plain(status.stateDirectory)], ['log lines lost', status.logLinesDropped ? count(status.logLinesDropped) : ''],
      ['records lost', status.recordsLost ? count(status.recordsLost) : '']])),
    el('article', { class: `card t-${isConnected ? 'good' : 'warn'}` }, el('header', { class: 'card-head' }, el('h3', {}, 'store'),
      pill(isConnected ? 'tick' : 'question', isConnected ? 'good' : 'warn', plain(store.state))),
    facts([['kind', plain(store.kind)], ['at', plain(store.endpoint)], ['revision', plain(store.revision)],
      ['heard', typeof store.ageMs === 'number' ? `${span(store.ageMs)} ago` : ''], ['says', isConnected ? '' : plain(store.text)],
      ['own keys', store.publishing ? 'written' : plain(store.publishProblem) || 'not written']])),
    el('article', { class: `card t-${isSynced ? 'good' : 'warn'}` }, el('header', { class: 'card-head' }, el('h3', {}, 'ExaBGP'),
      pill(isSynced ? 'tick' : 'dots', isSynced ? 'good' : 'busy', plain(exabgp.state))),
    facts([['version', plain(exabgp.version)], ['acks', exabgp.acks ? 'yes' : 'no'], ['tells the wire', exabgp.wire ? 'yes' : 'no'],
      ['queued', count(exabgp.queued)], ['outstanding', count(exabgp.outstanding)], ['lines written', count(exabgp.linesWritten)],
      ['nudges', count(exabgp.nudges)], ['acks missing', count(exabgp.acksMissing)]])),
  ];
}

function drawView() {
  const { status } = data;
  replace(byId('view-workers'), el('h2', { class: 'sr' }, 'Workers'),
    status ? el('div', { class: 'cards' }, coreCard(status), workersOf(status).map(card)) : nothing('Waiting for the daemon', ''));
}

function drawRail() {
  const workers = workersOf(data.status).filter((worker) => worker.state !== 'off');
  replace(byId('rail-workers'), el('h2', {}, 'Workers'), el('ul', { class: 'minis' }, workers.map((worker) => {
    const state = workerOf(worker.state);
    return el('li', { class: 'mini' }, mark(state.shape, state.tone, String(worker.state)), el('span', { class: 'mini-name' }, worker.name),
      el('span', { class: 'dim' }, `${count(worker.checks)} known`), el('span', { class: 'mini-end' }, `${Number(worker.cpu || 0).toFixed(1)} %`));
  })));
}

export const workersView = {
  name: 'workers',
  word: 'Workers',
  tick() {},
  start() {
    on('status', () => {
      drawRail();
      if (!byId('view-workers').hidden) {
        drawView();
      }
    });
    drawView();
    drawRail();
  },
  show: drawView,
};
