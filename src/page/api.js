// Requests to the daemon that served this page, and to nobody else. A token is kept by this tab alone, until it is closed.
import { learnClock } from './format.js';

const KEPT = 'bgpcommander-token';
// In place of a token: the daemon wants none, and somebody has said that this tab may change something.
const OPEN = 'open';
const TIMEOUT_MS = 10000;
const LONG_MS = 90000;
let token = '';
// Counts how often all that was asked for was no longer wanted: what comes for an earlier turn is not looked at.
let turn = 0;
try {
  token = sessionStorage.getItem(KEPT) || '';
} catch {
  token = ''; // storage is forbidden here: the token lasts as long as the page
}

// Whether this tab may ask for changes.
export function hasToken() {
  return token !== '';
}

// Whether it shows the daemon one.
export function sendsToken() {
  return token !== '' && token !== OPEN;
}

// What was asked for, and has not come yet, is not to come.
export function forgetAsked() {
  turn++;
}

export function setToken(text) {
  token = text;
  forgetAsked();
  try {
    if (text === '') {
      sessionStorage.removeItem(KEPT);
    } else {
      sessionStorage.setItem(KEPT, text);
    }
  } catch {
    // as above
  }
}

export const allowWithout = () => setToken(OPEN);

export function headers(more, shown = sendsToken() ? token : '') {
  return { ...(shown ? { Authorization: `Bearer ${shown}` } : {}), ...more };
}

// An answer that came after forgetAsked().
export class Unwanted extends Error {}

// What the daemon said when it refused: its words are shown as they are.
class Refusal extends Error {
  constructor(status, detail, code, retryAfter) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export async function refusalOf(response) {
  let detail = '';
  let code = '';
  try {
    const problem = JSON.parse(await response.text());
    detail = problem.detail || problem.title || problem.error || '';
    code = problem.code || '';
  } catch {
    detail = '';
  }
  const wait = Number(response.headers.get('Retry-After'));
  return new Refusal(response.status, String(detail || `the daemon answered ${response.status} ${response.statusText}`), code,
    Number.isFinite(wait) && wait > 0 ? wait : 0);
}

// Nothing more is told before there is a token that counts and may read.
export function wantsToken(error) {
  return Boolean(error) && (error.status === 401 || (error.status === 403 && error.code === 'scope'));
}

async function send(method, path, { body, timeout = TIMEOUT_MS, shown } = {}) {
  const mine = turn;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout);
  try {
    const response = await fetch(path, {
      method,
      headers: headers({ Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) }, shown),
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', credentials: 'omit', redirect: 'error', signal: stop.signal,
    });
    learnClock(response.headers.get('Date'));
    if (!response.ok) {
      throw await refusalOf(response);
    }
    const text = await response.text();
    clearTimeout(timer);
    if (mine !== turn) {
      throw new Unwanted('not wanted any more');
    }
    return text === '' ? null : JSON.parse(text);
  } catch (error) {
    throw stop.signal.aborted ? new Error(`no answer within ${timeout / 1000} s`) : error;
  } finally {
    clearTimeout(timer);
  }
}

export const get = (path) => send('GET', path);
// All of very many: may take its time.
export const getLong = (path) => send('GET', path, { timeout: LONG_MS });
export const post = (path, body) => send('POST', path, { body });
export const remove = (path) => send('DELETE', path);
// Whether the daemon takes this token, and lets it read: throws what it says when not.
export const probe = (text) => send('GET', '/v1/status', { shown: text });

export function query(path, values) {
  const parts = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return parts.length > 0 ? `${path}?${parts.join('&')}` : path;
}
