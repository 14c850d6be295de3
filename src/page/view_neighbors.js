// The neighbors: cards of the view, and the short list beside the routes.
import { byId, el, replace } from './dom.js';
import { data, isKnown, on } from './model.js';
import { sessionOf } from './states.js';
import { age, count, moment, plain } from './format.js';
import { facts, mark, nothing, pill } from './parts.js';

function families(neighbor) {
  const numbers = neighbor.routesByFamily || {};
  return el('ul', { class: 'chips' }, (neighbor.families || []).map((family) =>
    el('li', { class: 'chip' }, numbers[family] ? `${family} ${count(numbers[family])}` : String(family))));
}

function card(neighbor) {
  const session = sessionOf(neighbor.state);
  return el('article', { class: `card t-${session.tone}` },
    el('header', { class: 'card-head' }, el('h3', {}, String(neighbor.ipAddress)), pill(session.shape, session.tone, String(neighbor.state))),
    el('p', { class: 'big' }, count(neighbor.routes), el('span', { class: 'dim' }, ' NLRI sent')),
    facts([['AS', plain(neighbor.peerAs)], ['from', neighbor.localAddress ? `${neighbor.localAddress} AS ${plain(neighbor.localAs)}` : ''],
      ['since', age(neighbor.since), moment(neighbor.since)],
      ['wire', neighbor.reportsUpdates ? 'reports its updates' : 'does not report: confirmed by time']]),
    families(neighbor),
    neighbor.reason ? el('p', { class: 'reason' }, plain(neighbor.reason)) : null);
}

function line(neighbor) {
  const session = sessionOf(neighbor.state);
  return el('li', { class: 'mini two' }, mark(session.shape, session.tone, String(neighbor.state)), el('span', { class: 'mini-name' }, String(neighbor.ipAddress)),
    el('span', { class: 'mini-end', title: moment(neighbor.since) }, age(neighbor.since)),
    el('span', { class: 'mini-more dim' }, `AS ${plain(neighbor.peerAs)} · ${count(neighbor.routes)} NLRI sent`));
}

function foreign() {
  if (data.foreign.length === 0) {
    return null;
  }
  return el('section', { class: 'foreign' }, el('h2', {}, `Not ours, and never touched: ${count(data.foreignTotal)}`),
    el('ul', { class: 'plain-list' }, data.foreign.map((each) =>
      el('li', {}, el('span', { class: 'mono dim' }, plain(each.neighbor)), el('code', {}, plain(each.text))))));
}

function drawView() {
  const cards = data.neighbors.map(card);
  replace(byId('view-neighbors'), el('h2', { class: 'sr' }, 'Neighbors'),
    cards.length > 0 ? el('div', { class: 'cards' }, cards) : isKnown() ? nothing('No neighbors', 'ExaBGP has told of none.') : nothing('The neighbors are not known yet', ''), foreign());
}

function drawRail() {
  const up = data.neighbors.filter((neighbor) => neighbor.state === 'up').length;
  replace(byId('rail-neighbors'), el('h2', {}, 'Neighbors', el('span', { class: 'dim' }, isKnown() || data.neighbors.length > 0 ? ` ${up} of ${data.neighbors.length} up` : ' not known yet')),
    el('ul', { class: 'minis' }, data.neighbors.map(line)));
}

export const neighborsView = {
  name: 'neighbors',
  word: 'Neighbors',
  tick() {
    drawRail();
    if (!byId('view-neighbors').hidden) {
      drawView();
    }
  },
  start() {
    on('neighbors routes', drawView);
    on('neighbors', drawRail);
    drawView();
    drawRail();
  },
};
