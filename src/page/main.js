// Puts the page together: views, keys, the address, what goes on by the clock.
import { byId, el, replace, setAttribute, setText } from './dom.js';
import { icon } from './icons.js';
import { hasToken, post, setToken } from './api.js';
import { startBanners, drawBanners } from './banners.js';
import { askToken, confirmChange, help, showToken } from './dialogs.js';
import { drawOld, isDetailOpen, openDetail, openName, refreshDetail, startDetail } from './detail.js';
import { data, isOld, linkState, mayDo, on } from './model.js';
import { clock, now, plain, since, skew, span } from './format.js';
import { beginAnew, freshen, reconnect, startLive, watch } from './live.js';
import { drawLocked } from './locked.js';
import { startTheme, toggleTheme } from './theme.js';
import { routesView, setFilter, setSearch } from './view_routes.js';
import { nodesView } from './view_nodes.js';
import { neighborsView } from './view_neighbors.js';
import { checksView } from './view_checks.js';
import { workersView } from './view_workers.js';
import { eventsView } from './view_events.js';

const VIEWS = [routesView, nodesView, neighborsView, checksView, workersView, eventsView];
const VOICE_MS = 4000;
// The clocks differ by more than anybody would overlook.
const SKEW_MS = 10000;
let view = routesView;

/* ---- the address: #/routes, #/routes/NAME, #/checks … ---- */

function follow() {
  const [, name, rest] = /^#\/([a-z]+)(?:\/(.+))?$/.exec(location.hash) || [null, 'routes', ''];
  const before = view;
  view = VIEWS.find((each) => each.name === name) || routesView;
  for (const each of VIEWS) {
    byId(`view-${each.name}`).hidden = each !== view;
    setAttribute(byId(`to-${each.name}`), 'aria-current', each === view ? 'page' : null);
  }
  document.documentElement.dataset.view = view.name;
  let route = null;
  try {
    route = view === routesView && rest ? decodeURIComponent(rest) : null;
  } catch {
    route = null; // a % that is none
  }
  const wasOpen = isDetailOpen();
  openDetail(route);
  routesView.showOpen(route || routesView.list.chosen);
  if (view.show && before !== view) {
    view.show();
  }
  if (wasOpen && route === null && view === routesView && !document.activeElement.matches('input')) {
    view.list.node.focus({ preventScroll: true });
  }
  watch({ view: view.name });
  freshen();
}

function goTo(name, isWanted) {
  if (isWanted || isDetailOpen()) {
    const hash = `#/routes/${encodeURIComponent(name)}`;
    if (isWanted && !isDetailOpen()) {
      location.hash = hash;
    } else {
      history.replaceState(null, '', hash);
      follow();
    }
  }
}

/* ---- the head ---- */

function drawHead() {
  const { status } = data;
  setText(byId('node'), status ? status.node : '…');
  document.title = `${isOld() ? '(not live) ' : ''}${status ? `${plain(status.node)} · ` : ''}bgpcommander`;
  setText(byId('version'), status ? plain(status.version) : '');
}

const LINKS = {
  __proto__: null,
  connecting: ['busy', 'Connecting', 'dots'],
  reading: ['busy', 'Reading', 'dots'],
  live: ['good', 'Live', 'pulse'],
  polled: ['warn', 'Polling', 'clock'],
  silent: ['alarm', 'No answer', 'octagon'],
  lost: ['alarm', 'Lost', 'octagon'],
  locked: ['warn', 'Token needed', 'lock'],
};

function drawLink() {
  const state = linkState();
  const [tone, word, shape] = LINKS[state];
  const place = byId('link');
  document.documentElement.dataset.old = isOld() ? 'yes' : 'no';
  if (place.dataset.state !== state) {
    place.dataset.state = state;
    setAttribute(place, 'class', `link t-${tone}`);
    replace(place, icon(shape), el('span', {}, word), el('span', { class: 'link-age' }));
    document.documentElement.dataset.link = state;
  }
  const age = since(data.link.read);
  setText(place.querySelector('.link-age'), data.isRead && (isOld() || age > 4000) ? `${span(age)} old` : '');
}

// Changes that people should hear of, in one line, not more often than they can listen.
function startVoice() {
  let said = null;
  let timer = 0;
  const say = () => {
    timer = 0;
    const event = data.events.find((each) => each.type === 'route' && each.detail);
    // Nothing of before the page was opened.
    if (event && event !== said && event.isLive) {
      said = event;
      setText(byId('voice'), `${plain(event.subject)} ${plain(event.detail.state)}`);
      timer = setTimeout(say, VOICE_MS);
    }
  };
  on('events', () => timer === 0 && say());
}

/* ---- keys ---- */

function onEscape(target) {
  if (isDetailOpen()) {
    location.hash = '#/routes';
  } else if (view === routesView && routesView.isFiltered()) {
    routesView.clear();
  } else if (target.matches('input')) {
    target.value = '';
    target.dispatchEvent(new Event('input'));
  }
  if (target.matches('input') && view.list) {
    view.list.node.focus();
  }
}

const KEYS = {
  __proto__: null,
  '/': () => {
    const field = document.querySelector(`#view-${view.name} input[type=search]`);
    if (field) {
      field.focus();
      field.select();
    }
  },
  '?': help,
  t: toggleTheme,
  j: () => view.list && view.list.move(1),
  k: () => view.list && view.list.move(-1),
  ArrowDown: () => view.list && view.list.move(1),
  ArrowUp: () => view.list && view.list.move(-1),
  Enter: () => view.list && view.list.open(),
};

function onKey(event) {
  const { key } = event;
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || document.querySelector('dialog[open]')) {
    return;
  }
  if (key === 'Escape') {
    onEscape(target);
    event.preventDefault();
    return;
  }
  const isField = target.matches('input, select, textarea');
  // From the search down into the list, without leaving the search.
  if (isField && !(target.type === 'search' && ['ArrowDown', 'ArrowUp', 'Enter'].includes(key))) {
    return;
  }
  if (key === 'Enter' && target.matches('button, a, summary')) {
    return;
  }
  if (['ArrowDown', 'ArrowUp'].includes(key) && target.closest('#detail')) {
    return; // scrolls it
  }
  const number = Number(key);
  if (!isField && number >= 1 && number <= VIEWS.length) {
    location.hash = `#/${VIEWS[number - 1].name}`;
    event.preventDefault();
  } else if (key in KEYS) {
    KEYS[key]();
    event.preventDefault();
  }
}

/* ---- changes ---- */

function approveButton(id, what) {
  if (!hasToken() || !mayDo('operate')) {
    return el('code', { class: 'hint' }, `bgpcommander approve ${id}`);
  }
  return el('button', { type: 'button', class: 'small danger', onclick: () => confirmChange('Approve?', [what, `What waits with the id ${id} counts from then on.`], 'Approve', async () => {
    await post('/v1/approve', { id });
    return `approved ${id}`;
  }) }, 'Approve …');
}

/* ---- */

function tick() {
  const ahead = skew();
  setText(byId('clock'), `${clock(now(), false)} UTC${Math.abs(ahead) > SKEW_MS ? `, ${span(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} this machine` : ''}`);
  byId('clock').title = 'The clock of the daemon: all times here are by it';
  drawLink();
  drawHead();
  drawBanners();
  view.tick();
  if (view !== neighborsView) {
    neighborsView.tick();
  }
  refreshDetail(false);
  drawOld();
}

const enterToken = () => askToken(reconnect, beginAnew);

function forgetToken() {
  setToken('');
  beginAnew();
  showToken();
}

function start() {
  startTheme();
  for (const [index, each] of VIEWS.entries()) {
    byId('views').append(el('a', { href: `#/${each.name}`, id: `to-${each.name}`, title: `${each.word} (${index + 1})` }, each.word));
    each.start(goTo);
  }
  startDetail();
  startBanners({
    approve: approveButton,
    enterToken,
    retry: reconnect,
    filter(key) {
      const isSearch = key.includes(':');
      setFilter(isSearch ? null : key);
      setSearch(isSearch ? key : '');
      location.hash = '#/routes';
    },
  });
  showToken();
  byId('token').addEventListener('click', enterToken);
  byId('help').addEventListener('click', help);
  document.addEventListener('keydown', onKey);
  addEventListener('hashchange', follow);
  on('status', drawHead);
  on('link', () => {
    drawLink();
    drawOld();
    drawLocked({ enterToken, retry: reconnect, forgetToken });
    showToken();
  });
  on('events', () => {
    if (data.events.slice(0, 64).some((event) => event.subject === openName())) {
      refreshDetail(true);
    }
  });
  startVoice();
  follow();
  watch({ routes: routesView.shown, checks: checksView.shown });
  startLive();
  setInterval(tick, 1000);
  tick();
}

start();
