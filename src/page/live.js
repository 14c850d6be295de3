// Keeps the model as the daemon has it: everything once, then what the events name, and what has no events (results, ages)
// now and then for what is on the screen.
import { forgetAsked, get, getLong, query, Unwanted, wantsToken } from './api.js';
import { mark, since } from './format.js';
import { Stream } from './stream.js';
import { data, changed, forgetAll, setRoutes, putRoutes, setStatus, setNeighbors, setChecks, putChecks, addEvents, setNodes, setLink, setPastRead, setProblem, isUp } from './model.js';

// As many names as one question may have; when more routes moved than this many questions hold, the list is read anew.
const NAMES_AT_ONCE = 64;
const QUESTIONS_AT_ONCE = 4;
const STATUS_MS = 2000;
const RESULTS_MS = 3000;
const NODES_MS = 10000;
const HIDDEN_MS = 20000;
// Soon after the first of several events, and then not more often than twice a second.
const SETTLE_MS = 150;
const SETTLE_GAP_MS = 500;
const EVENTS = 200;
// Between two readings of the whole list, and so much more for each of its routes.
const RELOAD_MS = 5000;
const RELOAD_ROUTE_MS = 0.1;
// A stream that has not begun by then is held back by somebody.
const PATIENCE_MS = 4000;
// The server sends something each 15 s: a machine that slept for longer holds a dead connection.
const SLEPT_MS = 40000;
// As many checks whose events came are asked for by name.
const CHECKS_AT_ONCE = 256;
const NEIGHBORS_MS = 4000;

let moved = new Set();
let timer = 0;
let timerDue = 0;
let isReading = false;
let wantsAll = false;
let wantsSoon = false; // the same, but not before its time has come
let movedChecks = new Set();
let mended = ''; // of which numbers the list was read anew for
let unlike = '';
let lastAll = -Infinity;
let lastSettled = 0;
let shown = { view: 'routes', routes: () => [], checks: () => [] };
let stream = null;
let instance = '';
let version = ''; // of the daemon that gave this page
let quietUntil = 0;
let fresh = []; // events that are not shown yet

// Views tell what is on the screen: {view, routes() → names, checks() → names}.
export function watch(what) {
  shown = { ...shown, ...what };
}

/* ---- what a failed question means ---- */

function failed(what, error) {
  if (error && error.retryAfter) {
    quietUntil = performance.now() + error.retryAfter * 1000;
  }
  if (wantsToken(error)) {
    lock(error);
  } else if (!(error instanceof Unwanted)) {
    setProblem(what, error.message);
  }
}

// What was read before goes: whoever may not read may not go on reading it, and it does not follow what happens any more.
function lock(error) {
  stream.stop();
  forget();
  setLink({ state: 'locked', text: error.message, lacks: error.status === 403 });
}

function forget() {
  forgetAsked();
  moved = new Set();
  movedChecks = new Set();
  fresh = [];
  wantsAll = false;
  instance = '';
  stream.lastId = '';
  forgetAll();
}

const reload = () => RELOAD_MS + data.ordered.length * RELOAD_ROUTE_MS;

/* ---- reading ---- */

// Another process than before, or even another node behind the same address.
function meet(status) {
  const before = instance;
  instance = `${status.node} ${status.pid} ${status.started}`;
  version = version || status.version;
  setLink({ isOther: version !== status.version });
  if (before === '' || before === instance) {
    return;
  }
  if (data.status && data.status.node !== status.node) {
    const met = instance;
    forget();
    instance = met;
  }
  setChecks(null);
}

async function readAll(isPolled = false) {
  const isFirst = !data.isRead;
  const [status, routes, neighbors] = await Promise.all([get('/v1/status'), getLong('/v1/routes?brief=1'), get('/v1/neighbors')]);
  lastAll = performance.now();
  wantsSoon = false;
  meet(status);
  setStatus(status);
  setNeighbors(neighbors.neighbors);
  setRoutes(routes);
  // Only now is what is shown what is; before, it was what had been.
  const { state } = data.link;
  setLink({ read: mark(), state: state === 'reading' ? 'live' : isPolled && !isUp() ? 'polled' : state });
  ['status', 'routes', 'neighbors'].forEach((what) => setProblem(what, ''));
  if (isFirst) {
    readPast();
    freshen();
  }
}

async function readNames(names) {
  for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
    const some = names.slice(at, at + NAMES_AT_ONCE);
    const answer = await get(query('/v1/routes', { brief: 1, name: some.join(',') }));
    putRoutes(some, answer.routes || []);
  }
}

async function settle() {
  if (isReading || !isUp()) {
    return;
  }
  isReading = true;
  lastSettled = performance.now();
  const names = [...moved];
  let hadAll = false;
  moved = new Set();
  try {
    const isTooMuch = names.length > NAMES_AT_ONCE * QUESTIONS_AT_ONCE;
    // Thousands of routes that move for minutes: the whole list at most each few seconds.
    const early = lastAll + reload() - performance.now();
    if (wantsAll || ((isTooMuch || wantsSoon) && early <= 0)) {
      hadAll = wantsAll;
      wantsAll = false;
      await readAll();
    } else if (isTooMuch) {
      names.forEach((name) => moved.add(name));
      plan(early);
    } else {
      await readNames(names);
      if (wantsSoon) {
        plan(early);
      }
    }
    setProblem('routes', '');
  } catch (error) {
    failed('routes', error);
    names.forEach((name) => moved.add(name));
    wantsAll = wantsAll || hadAll;
    if (isUp()) {
      plan(Math.max(2000, quietUntil - performance.now()));
    }
  }
  isReading = false;
  if (!timer && (moved.size > 0 || wantsAll)) {
    plan(SETTLE_MS);
  }
}

// The earliest counts of several.
function plan(wait) {
  const due = Math.max(performance.now() + wait, lastSettled + SETTLE_GAP_MS);
  if (timer && timerDue <= due) {
    return;
  }
  clearTimeout(timer);
  timerDue = due;
  timer = setTimeout(() => {
    timer = 0;
    settle();
  }, due - performance.now());
}

/* ---- events ---- */

const EFFECTS = {
  __proto__: null,
  route: (event) => moved.add(event.subject),
  lease: (event) => moved.add(event.subject),
  // Where a route was sent has no event of its own.
  neighbor() {
    readNeighbors();
    wantsSoon = true;
  },
  check: (event) => movedChecks.add(event.subject),
  // It knows now what it has, or takes all of it down: no event for each route tells so.
  node() {
    wantsAll = true;
  },
  gap() {
    wantsAll = true;
    setChecks(null);
  },
};

function onEvent(message) {
  let event;
  try {
    event = JSON.parse(message.data);
  } catch {
    return; // not one of ours
  }
  event.type = event.type || message.type;
  const effect = event.type in EFFECTS ? EFFECTS[event.type] : null;
  if (effect) {
    effect(event);
  }
  if (['store', 'policy', 'worker', 'warning', 'neighbor', 'node', 'gap'].includes(event.type)) {
    readStatus();
  }
  fresh.push(event);
  if (fresh.length === 1) {
    setTimeout(() => {
      addEvents(fresh, true);
      fresh = [];
    }, 50);
  }
  if (moved.size > 0 || wantsAll || wantsSoon) {
    plan(SETTLE_MS);
  }
}

/* ---- what has no events ---- */

// One question of a kind at a time, and none while the daemon is away or wants quiet.
function single(what, call) {
  let isAsking = false;
  return async () => {
    if (isAsking || document.hidden || !isUp() || !data.isRead || performance.now() < quietUntil) {
      return;
    }
    isAsking = true;
    try {
      await call();
      setProblem(what, '');
    } catch (error) {
      failed(what, error);
    }
    isAsking = false;
  };
}

// How the routes are shared out, as the status has it and as the page has it: what differs for two looks, while nothing is
// on its way, is mended by reading all of them.
function compare(summary) {
  const all = (summary.routes || 0) + (summary.api || 0);
  const ours = { announced: 0, standby: 0, unconfirmed: 0, refused: 0, pending: 0 };
  for (const route of data.ordered) {
    const key = route.meaning.group === 'moving' ? 'pending' : route.state;
    if (key in ours) {
      ours[key]++;
    }
  }
  const differs = Object.keys(ours).some((key) => typeof summary[key] === 'number' && summary[key] !== ours[key]) ||
    all !== data.ordered.length || (typeof summary.foreign === 'number' && summary.foreign !== data.foreignTotal);
  const now = differs ? JSON.stringify([summary, ours, data.foreignTotal]) : '';
  if (now !== '' && now === unlike && now !== mended && moved.size === 0) {
    mended = now;
    wantsSoon = true;
    plan(0);
  }
  unlike = now;
}

const readStatus = single('status', async () => {
  const status = await get('/v1/status');
  if (instance !== `${status.node} ${status.pid} ${status.started}`) {
    wantsAll = true;
    plan(0);
    return;
  }
  setStatus(status);
  compare(status.summary || {});
  // After a break the routes are as old as before.
  if (data.link.state !== 'reading') {
    setLink({ read: mark() });
  }
});

const readNeighbors = single('neighbors', async () => setNeighbors((await get('/v1/neighbors')).neighbors));

const readShownRoutes = single('results', async () => {
  const names = shown.routes().slice(0, NAMES_AT_ONCE);
  if (names.length > 0) {
    await readNames(names);
  }
});

const readShownChecks = single('checks', async () => {
  const before = movedChecks;
  movedChecks = new Set();
  try {
    if (!data.areChecksRead || before.size > CHECKS_AT_ONCE) {
      setChecks((await getLong('/v1/checks')).checks);
      return;
    }
    const names = [...new Set([...before, ...shown.checks().slice(0, NAMES_AT_ONCE)])];
    for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
      const some = names.slice(at, at + NAMES_AT_ONCE);
      putChecks(some, (await get(query('/v1/checks', { name: some.join(',') }))).checks);
    }
  } catch (error) {
    before.forEach((name) => movedChecks.add(name));
    throw error;
  }
});

// What happened before the page was opened.
const readPast = single('events', async () => {
  addEvents((await get(query('/v1/events', { limit: EVENTS }))).events || []);
  setPastRead();
});

const readNodes = single('nodes', async () => setNodes(await get('/v1/nodes')));

// A view comes to the screen: at once what it needs.
export function freshen() {
  if (shown.view === 'checks') {
    readShownChecks();
  } else if (shown.view === 'nodes') {
    readNodes();
  } else if (shown.view === 'neighbors') {
    readNeighbors();
  }
}

/* ---- the link ---- */

let isPolling = false;
let begun = mark(); // when a stream was asked for

// The stream does not come, but answers may: something on the way holds it back, or too many follow the events already. Then
// everything is asked for again and again.
async function poll() {
  if (isPolling || document.hidden || performance.now() < lastAll + reload() || !['connecting', 'lost', 'polled'].includes(data.link.state)) {
    return;
  }
  isPolling = true;
  try {
    await get('/v1/status');
    await readAll(true);
  } catch (error) {
    if (wantsToken(error)) {
      lock(error);
    } else if (data.link.state === 'polled' && !(error instanceof Unwanted)) {
      setLink({ state: 'lost', text: error.status ? error.message : '', refused: Boolean(error.status) });
    }
  }
  isPolling = false;
}

function look() {
  const { state, read } = data.link;
  if (state === 'polled' || (state === 'connecting' && since(begun) > PATIENCE_MS)) {
    poll();
  } else if (state === 'live' && since(read) > SLEPT_MS && !document.hidden) {
    reconnect();
  }
}

export function startLive() {
  stream = new Stream('/v1/events/stream', {
    onOpen() {
      setLink({ state: 'reading', text: '', problems: {} });
      // Also after a stream that was taken up again: ages, results and numbers have no events.
      wantsAll = true;
      plan(0);
    },
    onEvent,
    onLost(error, wait) {
      if (wantsToken(error)) {
        lock(error);
        return;
      }
      setLink({ state: data.link.state === 'polled' ? 'polled' : 'lost', text: error && error.status ? error.message : '', retryAt: performance.now() + wait,
        refused: Boolean(error && error.status) });
      changed('link');
      // The daemon says no to the stream, or it has failed twice.
      if ((error && error.status) || stream.failures > 1) {
        poll();
      }
    },
  });
  stream.start();
  setInterval(readStatus, STATUS_MS);
  setInterval(look, 1000);
  setInterval(() => (data.isPastRead ? null : readPast()), NEIGHBORS_MS);
  setInterval(() => ['routes', 'neighbors'].includes(shown.view) && readNeighbors(), NEIGHBORS_MS);
  setInterval(() => (shown.view === 'checks' ? readShownChecks() : shown.view === 'routes' && readShownRoutes()), RESULTS_MS);
  setInterval(() => shown.view === 'nodes' && readNodes(), NODES_MS);
  // A tab that nobody looks at gives its connection back: browsers have six for a daemon, the daemon 64 for all.
  let hiding = 0;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiding = setTimeout(() => stream.stop(), HIDDEN_MS);
    } else {
      if (stream.isStopped && data.link.state !== 'locked') {
        reconnect();
      }
      readStatus();
      freshen();
    }
  });
  addEventListener('online', reconnect);
  // A browser may keep a page that was left, to come back to it.
  addEventListener('pagehide', () => stream.stop());
  addEventListener('pageshow', (event) => event.persisted && reconnect());
}

// As if the page had just been opened: who looks at it is another, or nobody.
export function beginAnew() {
  forget();
  reconnect();
}

// At once: the token is another, or somebody does not want to wait.
export function reconnect() {
  setLink({ state: 'connecting', text: '' });
  begun = mark();
  stream.restart();
}
