// Small things that several views show: pills, counts, places for nothing.
import { el, replace, setAttribute, setText } from './dom.js';
import { icon } from './icons.js';

// A state: its shape and its word.
export function pill(shape, tone, word, title) {
  return el('span', { class: `pill t-${tone}`, title: title || null }, icon(shape), el('span', {}, word));
}

// The same, to be filled again and again.
export function makePill() {
  const word = el('span', {});
  return { node: el('span', { class: 'pill' }), word, shape: '' };
}

export function fillPill(made, shape, tone, word, title) {
  setAttribute(made.node, 'class', `pill t-${tone}`);
  setAttribute(made.node, 'title', title || null);
  if (made.shape !== shape) {
    made.shape = shape;
    replace(made.node, icon(shape), made.word);
  }
  setText(made.word, word);
}

export function mark(shape, tone, word, title) {
  return el('span', { class: `mark t-${tone}`, title: title || null }, icon(shape), el('span', {}, word));
}

export function facts(pairs) {
  return el('dl', { class: 'facts' }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([word, value, title]) => el('div', { title: title || null }, el('dt', {}, word), el('dd', {}, value))));
}

export function nothing(title, text) {
  return el('div', { class: 'nothing' }, el('p', { class: 'nothing-title' }, title), text ? el('p', {}, text) : null);
}

// A part of the detail: closed or open.
export function section(title, isOpen, ...children) {
  return el('details', { class: 'section', open: isOpen }, el('summary', {}, title), el('div', { class: 'section-body' }, children));
}

export function code(text, isNumbered) {
  const body = String(text);
  if (!isNumbered) {
    return el('pre', { class: 'code', tabindex: '0' }, body);
  }
  const lines = body.replace(/\n$/, '').split('\n');
  return el('pre', { class: 'code numbered', tabindex: '0' }, lines.map((line) => el('span', { class: 'line' }, `${line}\n`)));
}
