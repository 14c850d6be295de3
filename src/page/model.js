// All that is known, and who wants to hear when it changes. Views draw from here and never ask the daemon for lists themselves.
import { instant, mark, since } from './format.js';
import { stateOf, flagsOf } from './states.js';

const EVENTS_KEPT = 500;

export const data = {
  status: null,
  routes: new Map(), // by name
  ordered: [], // the same, by name
  foreign: [],
  foreignTotal: 0,
  neighbors: [],
  mute: new Set(), // addresses of those that do not report their updates
  checks: new Map(), // by kind and name
  events: [], // newest first
  nodes: null,
  isRead: false, // the routes were read, all of them
  areChecksRead: false,
  isPastRead: false, // events of before the page was opened
  // read: when the last answer about the whole came (a mark); text: why it is lost, locked or polled; problems: by what could not
  // be read lately, why.
  link: { state: 'connecting', read: null, text: '', retryAt: 0, problems: {} },
};

// So long without an answer is too long: one is asked for each 2 s.
const SILENT_MS = 8000;
const UP = ['reading', 'live', 'polled'];

// Whether the daemon answers.
export const isUp = () => UP.includes(data.link.state);

// What the link is like to people, who do not care for the stream but for whether what they see is so.
export function linkState() {
  return isUp() && data.link.read && since(data.link.read) > SILENT_MS ? 'silent' : data.link.state;
}

// A daemon that has just begun knows neither its keys nor what stands: that it has no routes is no answer then.
export function isKnown() {
  const { store = {}, exabgp = {}, summary = {} } = data.status || {};
  return data.isRead && (data.ordered.length > 0 || (store.state === 'connected' && exabgp.state === 'synced' && !summary.announced));
}

// Whether what is shown may not be so any more.
export const isOld = () => data.isRead && !['live', 'polled'].includes(linkState());

/* ---- who wants to hear ---- */

const listeners = new Map();
let dirty = new Set();
let isPlanned = false;

export function on(topics, call) {
  for (const topic of topics.split(' ')) {
    listeners.set(topic, [...(listeners.get(topic) || []), call]);
  }
}

function deliver() {
  isPlanned = false;
  const topics = dirty;
  dirty = new Set();
  const calls = new Set();
  for (const topic of topics) {
    for (const call of listeners.get(topic) || []) {
      calls.add(call);
    }
  }
  for (const call of calls) {
    call(topics);
  }
}

// However much changes at once, each view draws once in a frame. A page that nobody sees has no frames.
export function changed(topic) {
  dirty.add(topic);
  if (!isPlanned) {
    isPlanned = true;
    if (document.hidden) {
      setTimeout(deliver, 250);
    } else {
      requestAnimationFrame(deliver);
    }
  }
}

// Whether the daemon lets who asks do that; true when it does not say.
export function mayDo(...scopes) {
  const said = data.status && data.status.access && data.status.access.scopes;
  return !Array.isArray(said) || scopes.some((scope) => said.includes(scope));
}

/* ---- routes ---- */

const byName = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
export const compareNames = (a, b) => byName.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

// What the lists and the search need of a route, worked out once when it came and not at each key that is pressed.
function prepare(route) {
  route.name = String(route.name);
  route.meaning = stateOf(route);
  route.flags = flagsOf(route);
  route.rank = route.meaning.rank * 2 - (route.flags.includes('unchecked') || route.flags.includes('fault') ? 7 : 0);
  route.readAt = performance.now();
  route.sinceMs = instant(route.since);
  route.haystack = [route.name, route.prefix, route.family, route.text, route.state, route.health, route.reason, route.error,
    route.owner, route.note, route.origin].filter(Boolean).join('\n').toLowerCase();
  return route;
}

// A brief answer lacks members that a longer one had: those stay.
function merge(route) {
  const before = data.routes.get(String(route.name));
  return prepare(before ? { ...before, ...route } : route);
}

export function setRoutes(answer) {
  const kept = data.routes;
  data.routes = new Map();
  for (const route of answer.routes || []) {
    const before = kept.get(String(route.name));
    data.routes.set(String(route.name), prepare(before ? { ...before, ...route } : route));
  }
  data.ordered = [...data.routes.values()].sort((a, b) => compareNames(a.name, b.name));
  data.ordered.forEach((route, index) => {
    route.order = index;
  });
  data.foreign = answer.foreign || [];
  data.foreignTotal = answer.foreignTotal || data.foreign.length;
  data.isRead = true;
  changed('routes');
}

function insert(route) {
  let low = 0;
  let high = data.ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNames(data.ordered[middle].name, route.name) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const isThere = low < data.ordered.length && data.ordered[low].name === route.name;
  data.ordered.splice(low, isThere ? 1 : 0, route);
  if (!isThere) {
    data.ordered.forEach((each, index) => {
      each.order = index;
    });
  } else {
    route.order = low;
  }
}

// Some routes anew: `asked` are the names that were asked for; one that did not come is gone.
export function putRoutes(asked, found) {
  const came = new Map(found.map((route) => [String(route.name), route]));
  for (const name of asked) {
    const before = data.routes.get(name);
    if (came.has(name)) {
      const route = merge(came.get(name));
      data.routes.set(name, route);
      insert(route);
      if (before && (before.state !== route.state || before.health !== route.health)) {
        route.movedAt = performance.now();
      }
    } else if (before) {
      data.routes.delete(name);
      data.ordered = data.ordered.filter((route) => route.name !== name);
      data.ordered.forEach((route, index) => {
        route.order = index;
      });
    }
  }
  changed('routes');
}

/* ---- the rest ---- */

// Nothing is known any more: what was is not shown to who may not see it, nor as what is.
export function forgetAll() {
  Object.assign(data, { status: null, routes: new Map(), ordered: [], foreign: [], foreignTotal: 0, neighbors: [], checks: new Map(), events: [], nodes: null,
    isRead: false, areChecksRead: false, isPastRead: false });
  data.link = { ...data.link, read: null, problems: {} };
  ['status', 'routes', 'neighbors', 'checks', 'events', 'nodes', 'forgotten'].forEach(changed);
}

export function setStatus(status) {
  data.status = status;
  changed('status');
}

// Those of the addresses whose neighbor does not report its updates: that it was sent something is a guess, by time.
export const guessed = (addresses) => (addresses || []).filter((address) => data.mute.has(address));

export function setNeighbors(list) {
  data.neighbors = list || [];
  data.mute = new Set(data.neighbors.filter((neighbor) => neighbor.reportsUpdates === false).map((neighbor) => neighbor.ipAddress));
  changed('neighbors');
}

export const checkKey = (check) => `${check.kind} ${check.name}`;

// null: they are to be read anew.
export function setChecks(list) {
  data.checks = new Map((list || []).map((check) => [checkKey(check), check]));
  data.areChecksRead = list !== null;
  changed('checks');
}

// Some checks anew: one of `asked` that did not come is gone.
export function putChecks(asked, list) {
  const names = new Set(asked);
  for (const [key, check] of data.checks) {
    if (names.has(String(check.name))) {
      data.checks.delete(key);
    }
  }
  for (const check of list || []) {
    data.checks.set(checkKey(check), check);
  }
  changed('checks');
}

let era = 0;
let told = 0; // the last id
const eventKey = (event) => `${event.id} ${event.time} ${event.type}`;

// Ids grow. A daemon whose clock went back while it was away begins lower: what it tells stands above what was told before.
// isLive: they were told as they happened.
export function addEvents(list, isLive = false) {
  // Those of before the page was opened may come after the first that it was told.
  const known = new Set(data.events.map(eventKey));
  const fresh = list.filter((event) => !known.has(eventKey(event)));
  for (const event of fresh) {
    if (isLive && event.id < told) {
      era++;
    }
    told = isLive ? event.id : told;
    Object.assign(event, { era, isLive });
  }
  data.events = [...fresh, ...data.events].sort((a, b) => b.era - a.era || b.id - a.id).slice(0, EVENTS_KEPT);
  changed('events');
}

export function setPastRead() {
  data.isPastRead = true;
  changed('events');
}

export function setNodes(nodes) {
  data.nodes = nodes;
  changed('nodes');
}

export function setLink(link) {
  const before = data.link.state;
  data.link = { ...data.link, ...link };
  if (before !== data.link.state) {
    changed('link');
  }
}

// Why it could not be read; '': it was.
export function setProblem(what, text) {
  if ((data.link.problems[what] || '') !== text) {
    data.link.problems = { ...data.link.problems, [what]: text };
    changed('link');
  }
}

// Each that there is now, in one line.
export const problems = () => Object.entries(data.link.problems).filter(([, text]) => text).map(([what, text]) => `${what}: ${text}`).join('; ');
