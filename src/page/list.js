// A table of any length of which only the rows on the screen are elements. One element has the focus; the chosen row is told
// to screen readers by aria-activedescendant, and each row says which of how many it is.
import { el, setAttribute } from './dom.js';

const SPARE = 6;
let lists = 0;

// options: label; columns [{key, word, sort}]; make() → {node, …}; fill(row, item); keyOf(item); onChoose(item), onOpen(item);
// onSort(key); heights {wide, narrow} in pixels, as in the style sheet; empty() → node.
export class List {
  constructor(options) {
    this.options = options;
    this.items = [];
    this.rows = new Map(); // by index, those that are shown
    this.free = [];
    this.chosen = null; // the key of an item
    this.id = `list${++lists}`;
    this.narrow = matchMedia('(max-width: 719px)');
    this.head = el('div', { class: 'list-row list-head', role: 'row', 'aria-rowindex': '1' }, options.columns.map((column) => this.heading(column)));
    this.space = el('div', { class: 'list-space', role: 'presentation' });
    this.port = el('div', { class: 'list-port', role: 'presentation' }, this.space);
    this.blank = el('div', { class: 'list-blank', hidden: true });
    this.node = el('div', { class: `list ${options.name}`, role: 'grid', tabindex: '0', 'aria-label': options.label, 'aria-readonly': 'true',
      'aria-colcount': String(options.columns.length) }, this.head, this.port, this.blank);
    this.port.addEventListener('scroll', () => this.plan(), { passive: true });
    this.node.addEventListener('keydown', (event) => this.onKey(event));
    this.narrow.addEventListener('change', () => this.draw(true));
    new ResizeObserver(() => this.plan()).observe(this.port);
  }

  heading(column) {
    const cell = el('div', { class: `cell c-${column.key}`, role: 'columnheader' });
    if (column.sort) {
      cell.append(el('button', { type: 'button', class: 'sort', 'data-sort': column.key, tabindex: '-1',
        onclick: () => this.options.onSort(column.key) }, column.word));
    } else {
      cell.append(el('span', {}, column.word));
    }
    return cell;
  }

  showSort(key, isUp) {
    this.options.columns.forEach((column, index) => {
      setAttribute(this.head.children[index], 'aria-sort', column.key === key ? (isUp ? 'ascending' : 'descending') : null);
    });
  }

  get rowHeight() {
    const { wide, narrow } = this.options.heights;
    return this.narrow.matches ? narrow : wide;
  }

  setItems(items) {
    this.items = items;
    setAttribute(this.node, 'aria-rowcount', items.length + 1);
    this.blank.hidden = items.length > 0;
    if (items.length === 0) {
      this.blank.replaceChildren(this.options.empty());
    }
    this.draw(true);
  }

  // Draws in the next frame; several reasons, one drawing.
  plan() {
    if (!this.isPlanned) {
      this.isPlanned = true;
      requestAnimationFrame(() => {
        this.isPlanned = false;
        this.draw(false);
      });
    }
  }

  draw(isFresh) {
    const height = this.rowHeight;
    this.space.style.height = `${this.items.length * height}px`;
    const first = Math.max(0, Math.floor(this.port.scrollTop / height) - SPARE);
    const last = Math.min(this.items.length, Math.ceil((this.port.scrollTop + this.port.clientHeight) / height) + SPARE);
    for (const [index, row] of this.rows) {
      if (index < first || index >= last) {
        this.rows.delete(index);
        row.node.remove();
        this.free.push(row);
      }
    }
    for (let index = first; index < last; index++) {
      let row = this.rows.get(index);
      if (row && !isFresh) {
        continue;
      }
      if (!row) {
        row = this.free.pop() || this.make();
        this.rows.set(index, row);
        this.space.append(row.node);
      }
      this.place(row, index, height);
    }
    this.markChosen();
  }

  make() {
    const row = this.options.make();
    row.node.addEventListener('click', () => {
      this.choose(row.item, false);
      this.options.onOpen(row.item);
    });
    return row;
  }

  place(row, index, height) {
    const item = this.items[index];
    row.item = item;
    row.node.style.transform = `translateY(${index * height}px)`;
    setAttribute(row.node, 'aria-rowindex', index + 2);
    setAttribute(row.node, 'id', `${this.id}-${index}`);
    this.options.fill(row, item);
  }

  // Ages go on: fills what is on the screen again.
  refill() {
    for (const row of this.rows.values()) {
      this.options.fill(row, row.item);
    }
  }

  shown() {
    const height = this.rowHeight;
    const first = Math.floor(this.port.scrollTop / height);
    return this.items.slice(first, first + Math.ceil(this.port.clientHeight / height) + 1);
  }

  indexOfChosen() {
    return this.chosen === null ? -1 : this.items.findIndex((item) => this.options.keyOf(item) === this.chosen);
  }

  markChosen() {
    let active = null;
    for (const row of this.rows.values()) {
      const isChosen = this.chosen !== null && this.options.keyOf(row.item) === this.chosen;
      setAttribute(row.node, 'aria-selected', isChosen ? 'true' : 'false');
      active = isChosen ? row.node.id : active;
    }
    setAttribute(this.node, 'aria-activedescendant', active);
  }

  choose(item, isByKey) {
    this.chosen = item ? this.options.keyOf(item) : null;
    this.markChosen();
    if (item && isByKey && this.options.onChoose) {
      this.options.onChoose(item);
    }
  }

  reveal(index) {
    const height = this.rowHeight;
    const top = index * height;
    if (top < this.port.scrollTop) {
      this.port.scrollTop = top;
    } else if (top + height > this.port.scrollTop + this.port.clientHeight) {
      this.port.scrollTop = top + height - this.port.clientHeight;
    }
    this.draw(false);
  }

  move(step) {
    if (this.items.length === 0) {
      return;
    }
    const before = this.indexOfChosen();
    const start = before < 0 ? Math.floor(this.port.scrollTop / this.rowHeight) - Math.sign(step) * (step > 0 ? 1 : 0) : before;
    const index = Math.max(0, Math.min(this.items.length - 1, start + step));
    this.choose(this.items[index], true);
    this.reveal(index);
  }

  open() {
    const index = this.indexOfChosen();
    if (index >= 0) {
      this.options.onOpen(this.items[index]);
    }
  }

  onKey(event) {
    const page = Math.max(1, Math.floor(this.port.clientHeight / this.rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.items.length, End: this.items.length };
    if (event.ctrlKey || event.altKey || event.metaKey || event.target !== this.node) {
      return;
    }
    if (event.key in steps) {
      this.move(steps[event.key]);
      event.preventDefault();
    } else if (event.key === 'Enter') {
      this.open();
      event.preventDefault();
    }
  }
}
