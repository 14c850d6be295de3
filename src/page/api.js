// Requests to the daemon that served this page, and to nobody else. A token is kept by this tab alone, until it is closed.
import { learnClock } from './format.js';

const KEPT = 'bgpcommander-token';
// In place of a token: the daemon wants none, and somebody has said that this tab may change something.
const OPEN = 'open';
const TIMEOUT_MS = 10000;
const LONG_MS = 90000;
let token = '';
try {
  token = sessionStorage.getItem(KEPT) || '';
} catch {
  token = ''; // storage is forbidden here: the token lasts as long as the page
}

// Whether this tab may ask for changes.
export function hasToken() {
  return token !== '';
}

export function setToken(text) {
  token = text;
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

export function headers(more) {
  return { ...(token && token !== OPEN ? { Authorization: `Bearer ${token}` } : {}), ...more };
}

// What the daemon said when it refused: its words are shown as they are.
class Refusal extends Error {
  constructor(status, detail, retryAfter) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export async function refusalOf(response) {
  let detail = '';
  try {
    const problem = JSON.parse(await response.text());
    detail = problem.detail || problem.title || problem.error || '';
  } catch {
    detail = '';
  }
  const wait = Number(response.headers.get('Retry-After'));
  return new Refusal(response.status, String(detail || `the daemon answered ${response.status} ${response.statusText}`),
    Number.isFinite(wait) && wait > 0 ? wait : 0);
}

async function send(method, path, body, timeout = TIMEOUT_MS) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout);
  try {
    const response = await fetch(path, {
      method,
      headers: headers({ Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) }),
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store', credentials: 'omit', redirect: 'error', signal: stop.signal,
    });
    learnClock(response.headers.get('Date'));
    if (!response.ok) {
      throw await refusalOf(response);
    }
    const text = await response.text();
    return text === '' ? null : JSON.parse(text);
  } finally {
    clearTimeout(timer);
  }
}

export const get = (path) => send('GET', path);
// All of very many: may take its time.
export const getLong = (path) => send('GET', path, undefined, LONG_MS);
export const post = (path, body) => send('POST', path, body);
export const remove = (path) => send('DELETE', path);

export function query(path, values) {
  const parts = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return parts.length > 0 ? `${path}?${parts.join('&')}` : path;
}
