// Which routes are shown, in which order. Words must all be there; `state:`, `health:`, `layer:`, `origin:`, `family:`,
// `neighbor:` and `is:` ask one member; a minus before a word turns it round.

const ASKS = {
  __proto__: null,
  state: (route, text) => String(route.state).startsWith(text),
  health: (route, text) => String(route.health).startsWith(text),
  layer: (route, text) => String(route.layer).toLowerCase().startsWith(text),
  origin: (route, text) => String(route.origin || 'store').startsWith(text),
  family: (route, text) => String(route.family).includes(text.replace('-', ' ')),
  neighbor: (route, text) => [...(route.onWire || []), ...(route.missing || [])].some((address) => String(address).includes(text)),
  is: (route, text) => route.flags.includes(text) || route.meaning.group === text,
};

function term(word) {
  const isTurned = word.length > 1 && word.startsWith('-');
  const text = isTurned ? word.slice(1) : word;
  const colon = text.indexOf(':');
  const ask = colon > 0 ? ASKS[text.slice(0, colon)] : undefined;
  const holds = ask && colon + 1 < text.length ? (route) => ask(route, text.slice(colon + 1)) : (route) => route.haystack.includes(text);
  return isTurned ? (route) => !holds(route) : holds;
}

export function matcher(text) {
  const terms = text.toLowerCase().split(/\s+/).filter(Boolean).map(term);
  return (route) => terms.every((holds) => holds(route));
}

const WIRE = (route) => (route.onWire || []).length - 1000 * (route.missing || []).length;

// Prefixes as numbers, so that 10.0.0.0/8 comes before 172.16.0.0/12: the numbers in the text, one by one.
const byText = new Intl.Collator('en', { numeric: true });

const ORDERS = {
  __proto__: null,
  state: (a, b) => a.rank - b.rank,
  name: () => 0,
  prefix: (a, b) => byText.compare(a.prefix || '', b.prefix || ''),
  health: (a, b) => String(a.health).localeCompare(String(b.health)),
  wire: (a, b) => WIRE(a) - WIRE(b),
  since: (a, b) => (b.sinceMs || 0) - (a.sinceMs || 0),
};

// `routes` are in the order of names, which parts what is equal.
export function sorted(routes, key, isUp) {
  const compare = ORDERS[key] || ORDERS.state;
  const way = isUp ? 1 : -1;
  if (key === 'name') {
    return isUp ? routes.slice() : routes.slice().reverse();
  }
  return routes.slice().sort((a, b) => way * compare(a, b) || a.order - b.order);
}
