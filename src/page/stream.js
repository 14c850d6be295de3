// Server-sent events over fetch, as EventSource cannot send a token: reads, takes up again where it was, backs off.
import { headers, refusalOf } from './api.js';

// The server sends a comment each 15 s.
const SILENCE_MS = 40000;
const BACKOFF_MS = [250, 500, 1000, 2000, 4000, 8000, 15000];

// Lines of text/event-stream become events: feed(text) calls on({id, type, data}).
function eventParser(on) {
  let rest = '';
  let id;
  let type = '';
  let lines = [];
  const line = (text) => {
    if (text === '') {
      if (lines.length > 0) {
        on({ id, type: type || 'message', data: lines.join('\n') });
      }
      type = '';
      lines = [];
      return;
    }
    const colon = text.indexOf(':');
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') {
      lines.push(value);
    } else if (field === 'event') {
      type = value;
    } else if (field === 'id' && !value.includes('\0')) {
      id = value;
    }
  };
  return (text) => {
    const parts = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = parts.pop();
    parts.forEach(line);
  };
}

// calls: onOpen(), onEvent(event), onLost(error, retryInMs).
export class Stream {
  constructor(path, calls) {
    this.path = path;
    this.calls = calls;
    this.lastId = '';
    this.failures = 0;
    this.isStopped = true;
    this.timer = 0;
  }

  start() {
    this.isStopped = false;
    this.failures = 0;
    this.connect();
  }

  // Another token, or somebody does not want to wait.
  restart() {
    this.stop();
    this.start();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    if (this.abort) {
      this.abort.abort();
    }
  }

  async connect() {
    const abort = new AbortController();
    this.abort = abort;
    let silence = 0;
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
    };
    let error = null;
    try {
      heard();
      const response = await fetch(this.path, {
        headers: headers({ Accept: 'text/event-stream', ...(this.lastId ? { 'Last-Event-ID': this.lastId } : {}) }),
        cache: 'no-store', credentials: 'omit', redirect: 'error', signal: abort.signal,
      });
      if (!response.ok) {
        throw await refusalOf(response);
      }
      this.failures = 0;
      this.calls.onOpen();
      await this.read(response, heard);
    } catch (caught) {
      error = caught;
    }
    clearTimeout(silence);
    if (!this.isStopped && this.abort === abort) {
      this.later(error);
    }
  }

  async read(response, heard) {
    const feed = eventParser((event) => {
      if (event.id) {
        this.lastId = event.id;
      }
      this.calls.onEvent(event);
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      heard();
      feed(decoder.decode(piece.value, { stream: true }));
    }
  }

  later(error) {
    const step = BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length - 1)];
    this.failures++;
    // All pages of a wall lose a daemon at once, and need not come back at once.
    const wait = Math.max(step * (0.75 + Math.random() / 2), ((error && error.retryAfter) || 0) * 1000);
    this.calls.onLost(error, wait);
    this.timer = setTimeout(() => this.connect(), wait);
  }
}
