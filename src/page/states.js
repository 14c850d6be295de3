// What a state means on the screen: a word, a shape, a tone and how much it asks for attention. The shape and the word tell it
// all without the colour.

// tone: a class of the style sheet. rank: what comes first in "trouble first".
const STATES = {
  __proto__: null, // words from outside are looked up here: "constructor" is none
  refused: { shape: 'octagon', tone: 'alarm', rank: 0, group: 'refused', says: 'ExaBGP refused it' },
  faulty: { shape: 'cross', tone: 'alarm', rank: 1, group: 'faulty', says: 'a key is wrong, and there was never a good version' },
  foreign: { shape: 'square', tone: 'alarm', rank: 2, group: 'foreign', says: 'it stands in ExaBGP and is not ours' },
  unconfirmed: { shape: 'question', tone: 'odd', rank: 3, group: 'unconfirmed', says: 'ExaBGP did not report the update on the wire' },
  withdrawn: { shape: 'down', tone: 'bad', rank: 5, group: 'withdrawn', says: 'not announced' },
  standby: { shape: 'bars', tone: 'warn', rank: 6, group: 'standby', says: 'acknowledged, but no session that is up would carry it' },
  withdrawing: { shape: 'arrow-down', tone: 'busy', rank: 7, group: 'moving', says: 'the withdraw is on its way' },
  pending: { shape: 'dots', tone: 'busy', rank: 8, group: 'moving', says: 'a command waits to be written' },
  sent: { shape: 'arrow-up', tone: 'busy', rank: 9, group: 'moving', says: 'written to ExaBGP, not acknowledged yet' },
  acked: { shape: 'arrow-up', tone: 'busy', rank: 10, group: 'moving', says: 'acknowledged, not seen on the wire yet' },
  waiting: { shape: 'clock', tone: 'busy', rank: 11, group: 'waiting', says: 'no result of its check yet, or its keys have just changed' },
  announced: { shape: 'tick', tone: 'good', rank: 20, group: 'announced', says: 'every neighbor that should have it was sent it' },
  unsubscribed: { shape: 'dash', tone: 'idle', rank: 30, group: 'unsubscribed', says: 'not for this node' },
};
const UNKNOWN = { shape: 'question', tone: 'idle', rank: 12, group: 'other', says: '' };

// What somebody wanted withdrawn is no trouble.
const CALM_LAYERS = new Set(['adminState', 'subscription', 'config']);

export function stateOf(route) {
  const known = STATES[route.state];
  if (!known) {
    return UNKNOWN;
  }
  if (route.state === 'withdrawn' && CALM_LAYERS.has(route.layer)) {
    return { ...known, tone: 'idle', rank: 19 };
  }
  return known;
}

const HEALTH = {
  __proto__: null,
  up: { shape: 'tick', tone: 'good', word: 'up' },
  down: { shape: 'down', tone: 'bad', word: 'down' },
  unknown: { shape: 'clock', tone: 'busy', word: 'unknown' },
  unchecked: { shape: 'question', tone: 'odd', word: 'unchecked' },
  none: { shape: 'dash', tone: 'idle', word: 'no check' },
};

export function healthOf(word) {
  return HEALTH[word] || { shape: 'question', tone: 'idle', word: word || '' };
}

const SESSIONS = {
  __proto__: null,
  up: { shape: 'tick', tone: 'good' },
  connected: { shape: 'dots', tone: 'busy' },
  down: { shape: 'down', tone: 'bad' },
  unknown: { shape: 'question', tone: 'idle' },
};

export function sessionOf(word) {
  return SESSIONS[word] || SESSIONS.unknown;
}

const WORKERS = {
  __proto__: null,
  running: { shape: 'tick', tone: 'good' },
  restarting: { shape: 'arrow-up', tone: 'warn' },
  off: { shape: 'dash', tone: 'idle' },
};

export function workerOf(word) {
  return WORKERS[word] || { shape: 'question', tone: 'warn' };
}

// The groups that the bar of filters shows, in its order.
export const GROUPS = [
  { key: 'announced', word: 'announced', tone: 'good', shape: 'tick', always: true },
  { key: 'withdrawn', word: 'withdrawn', tone: 'bad', shape: 'down', always: true },
  { key: 'moving', word: 'in motion', tone: 'busy', shape: 'dots', always: true },
  { key: 'unconfirmed', word: 'unconfirmed', tone: 'odd', shape: 'question', always: true },
  { key: 'waiting', word: 'waiting', tone: 'busy', shape: 'clock' },
  { key: 'standby', word: 'standby', tone: 'warn', shape: 'bars' },
  { key: 'refused', word: 'refused', tone: 'alarm', shape: 'octagon' },
  { key: 'faulty', word: 'faulty', tone: 'alarm', shape: 'cross' },
  { key: 'foreign', word: 'foreign', tone: 'alarm', shape: 'square' },
  { key: 'unsubscribed', word: 'unsubscribed', tone: 'idle', shape: 'dash' },
  { key: 'other', word: 'other', tone: 'idle', shape: 'question' },
];

// Things that a route of any state may have.
export const FLAGS = [
  { key: 'unchecked', word: 'unchecked', tone: 'odd', shape: 'question' },
  { key: 'fault', word: 'fault', tone: 'warn', shape: 'cross' },
  { key: 'missing', word: 'missing', tone: 'warn', shape: 'bars' },
  { key: 'api', word: 'API', tone: 'busy', shape: 'plug' },
];

export function flagsOf(route) {
  const flags = [];
  if (route.health === 'unchecked') {
    flags.push('unchecked');
  }
  // Of these two the state says so itself.
  if (route.error && route.state !== 'refused' && route.state !== 'faulty') {
    flags.push('fault');
  }
  if (route.missing && route.missing.length > 0) {
    flags.push('missing');
  }
  if (route.origin === 'api') {
    flags.push('api');
  }
  return flags;
}

// How one run of a check counts in a row of results: it rose, it fell, or it said nothing.
const FELL = new Set(['failed', 'program not found', 'ended by a signal', 'timed out', 'script error after a failed call']);
const ROSE = new Set(['passed']);

export function resultOf(status) {
  if (ROSE.has(status)) {
    return 'rose';
  }
  return FELL.has(status) ? 'fell' : 'none';
}
