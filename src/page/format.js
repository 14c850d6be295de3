// Times, numbers and durations as people read them. The daemon's clock counts: ages are right on a screen whose own is not.

let skewMs = 0;

export function learnClock(dateHeader) {
  const at = Date.parse(dateHeader || '');
  // The header has whole seconds: within one nothing is learnt from it.
  if (Number.isFinite(at) && Math.abs(at - (Date.now() + skewMs)) > 2000) {
    skewMs = at - Date.now();
  }
}

export function now() {
  return Date.now() + skewMs;
}

// A point in time of which since() tells how long ago it was. The first clock stands still while a laptop sleeps, and the second
// jumps when it is set: what is old must not look new, so the greater counts.
export const mark = () => ({ ticks: performance.now(), wall: Date.now() });

export function since(point) {
  return point ? Math.max(performance.now() - point.ticks, Date.now() - point.wall) : Infinity;
}

// Milliseconds since 1970 of what the API gives: a text of RFC 3339 or the number itself. NaN: none.
export function instant(value) {
  if (typeof value === 'number') {
    return value;
  }
  return typeof value === 'string' ? Date.parse(value) : NaN;
}

const STEPS = [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'm'], [60, 'm', 1, 's']];

// "3d 4h", "12m 5s", "8s": two units at most.
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [unit, word, lesser, lesserWord] of STEPS) {
    if (seconds >= unit) {
      const rest = Math.floor((seconds % unit) / lesser);
      return `${Math.floor(seconds / unit)}${word}` + (rest > 0 && seconds < unit * 100 ? ` ${rest}${lesserWord}` : '');
    }
  }
  return `${seconds}s`;
}

export function age(value) {
  const at = instant(value);
  return Number.isFinite(at) ? span(now() - at) : '';
}

// Of a duration in seconds: "0.4 ms", "12 ms", "1.25 s".
export function took(seconds) {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) {
    return '';
  }
  const ms = seconds * 1000;
  if (ms < 1) {
    return `${ms.toFixed(1)} ms`;
  }
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
}

const pad = (number, digits = 2) => String(number).padStart(digits, '0');

// "22:31:07.622", UTC as in the logs.
export function clock(value, isExact = true) {
  const at = instant(value);
  if (!Number.isFinite(at)) {
    return '';
  }
  const date = new Date(at);
  const time = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}`;
  return isExact ? `${time}.${pad(date.getUTCMilliseconds(), 3)}` : time;
}

export function day(value) {
  const at = instant(value);
  return Number.isFinite(at) ? new Date(at).toISOString().slice(0, 10) : '';
}

// The clock alone of today; of another day its date, too.
export function shortly(value, isExact = true) {
  return day(value) === day(now()) ? clock(value, isExact) : `${day(value).slice(5)} ${clock(value, false)}`;
}

// How much the daemon's clock is ahead of this machine's, in milliseconds.
export const skew = () => skewMs;

export function moment(value) {
  const at = instant(value);
  return Number.isFinite(at) ? `${day(at)} ${clock(at)} UTC` : '';
}

const grouped = new Intl.NumberFormat('en-US');

export function count(number) {
  return Number.isFinite(number || 0) ? grouped.format(number || 0) : '?';
}

export function plural(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many || one + 's'}`;
}

// What came from outside may be of any type: shown as one line.
export function plain(value) {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
