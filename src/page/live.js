// Keeps the model as the daemon has it: everything once, then what the events name, and what has no events (results, ages)
// now and then for what is on the screen.
import { forgetAsked, get, getLong, query, wantsToken } from './api.js';
import { Stream } from './stream.js';
import { data, changed, forgetAll, setRoutes, putRoutes, setStatus, setNeighbors, setChecks, putChecks, addEvents, setNodes, setLink } from './model.js';

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

let moved = new Set();
let timer = 0;
let isReading = false;
let wantsAll = false;
let lastAll = 0;
let lastSettled = 0;
let shown = { view: 'routes', routes: () => [], checks: () => [] };
let stream = null;
let instance = '';
let quietUntil = 0;
let fresh = []; // events that are not shown yet

// Views tell what is on the screen: {view, routes() → names, checks() → names}.
export function watch(what) {
  shown = { ...shown, ...what };
}

/* ---- what a failed question means ---- */

function failed(error) {
  if (error && error.retryAfter) {
    quietUntil = performance.now() + error.retryAfter * 1000;
  }
  if (wantsToken(error)) {
    lock(error);
  }
  return null;
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
  fresh = [];
  wantsAll = false;
  instance = '';
  stream.lastId = '';
  forgetAll();
}

const heard = () => setLink({ heard: performance.now() });

async function ask(path, way = get) {
  const answer = await way(path);
  heard();
  return answer;
}

/* ---- reading ---- */

async function readAll() {
  const [status, routes, neighbors] = await Promise.all([ask('/v1/status'), ask('/v1/routes?brief=1', getLong), ask('/v1/neighbors')]);
  lastAll = performance.now();
  instance = `${status.pid} ${status.started}`;
  setStatus(status);
  setNeighbors(neighbors.neighbors);
  setRoutes(routes);
}

async function readNames(names) {
  for (let at = 0; at < names.length; at += NAMES_AT_ONCE) {
    const some = names.slice(at, at + NAMES_AT_ONCE);
    const answer = await ask(query('/v1/routes', { brief: 1, name: some.join(',') }));
    putRoutes(some, answer.routes || []);
  }
}

async function settle() {
  if (isReading || data.link.state === 'locked') {
    return;
  }
  isReading = true;
  lastSettled = performance.now();
  const names = [...moved];
  moved = new Set();
  try {
    const isTooMuch = names.length > NAMES_AT_ONCE * QUESTIONS_AT_ONCE;
    if (wantsAll || isTooMuch) {
      const since = performance.now() - lastAll;
      // Thousands of routes that move for minutes: the whole list at most each few seconds.
      const gap = RELOAD_MS + data.ordered.length * RELOAD_ROUTE_MS;
      if (!wantsAll && since < gap) {
        names.forEach((name) => moved.add(name));
        plan(gap - since);
      } else {
        wantsAll = false;
        await readAll();
      }
    } else {
      await readNames(names);
    }
  } catch (error) {
    failed(error);
    names.forEach((name) => moved.add(name));
    if (data.link.state === 'live') {
      plan(Math.max(2000, quietUntil - performance.now()));
    }
  }
  isReading = false;
  if (moved.size > 0 || wantsAll) {
    plan(SETTLE_MS);
  }
}

function plan(wait) {
  if (!timer) {
    timer = setTimeout(() => {
      timer = 0;
      settle();
    }, Math.max(wait, lastSettled + SETTLE_GAP_MS - performance.now()));
  }
}

/* ---- events ---- */

const EFFECTS = {
  __proto__: null,
  route: (event) => moved.add(event.subject),
  lease: (event) => moved.add(event.subject),
  neighbor: () => readNeighbors(),
  gap: () => {
    wantsAll = true;
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
      addEvents(fresh);
      fresh = [];
    }, 50);
  }
  if (moved.size > 0 || wantsAll) {
    plan(SETTLE_MS);
  }
}

/* ---- what has no events ---- */

// One question of a kind at a time, and none while the daemon is away or wants quiet.
function single(call) {
  let isAsking = false;
  return async () => {
    if (isAsking || document.hidden || data.link.state !== 'live' || performance.now() < quietUntil) {
      return;
    }
    isAsking = true;
    try {
      await call();
    } catch (error) {
      failed(error);
    }
    isAsking = false;
  };
}

const readStatus = single(async () => {
  const status = await ask('/v1/status');
  if (instance && instance !== `${status.pid} ${status.started}`) {
    wantsAll = true;
    plan(0);
  }
  setStatus(status);
});

const readNeighbors = single(async () => setNeighbors((await ask('/v1/neighbors')).neighbors));

const readShownRoutes = single(async () => {
  const names = shown.routes().slice(0, NAMES_AT_ONCE);
  if (names.length > 0) {
    await readNames(names);
  }
});

const readShownChecks = single(async () => {
  const names = shown.checks();
  if (data.checks.size === 0) {
    setChecks((await ask('/v1/checks', getLong)).checks);
  } else if (names.length > 0) {
    putChecks((await ask(query('/v1/checks', { name: names.slice(0, NAMES_AT_ONCE).join(',') }))).checks);
  }
});

// What happened before the page was opened.
const readPast = single(async () => addEvents((await ask(query('/v1/events', { limit: EVENTS }))).events || []));

const readNodes = single(async () => setNodes(await ask('/v1/nodes')));

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

export function startLive() {
  stream = new Stream('/v1/events/stream', {
    onOpen() {
      setLink({ state: 'live', text: '', heard: performance.now() });
      // Also after a stream that was taken up again: ages, results and numbers have no events.
      wantsAll = true;
      plan(0);
      if (data.events.length === 0) {
        readPast();
      }
    },
    onEvent,
    onHeard: heard,
    onLost(error, wait) {
      if (wantsToken(error)) {
        lock(error);
        return;
      }
      setLink({ state: 'lost', text: error && error.status ? error.message : '', retryAt: performance.now() + wait });
      changed('link');
    },
  });
  stream.start();
  setInterval(readStatus, STATUS_MS);
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
  stream.restart();
}
