// Shapes of 16 × 16, drawn here: nothing is fetched. Each is one path, or `fill` and one path.
import { svg } from './dom.js';

const SHAPES = {
  __proto__: null,
  tick: { fill: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1z', cut: 'M4.6 8.3l2.3 2.3 4.5-5' },
  down: { line: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5.2 7.2L8 10l2.8-2.8' },
  cross: { fill: 'M8 .8L15.6 14.4H.4z', cut: 'M8 5.6v4M8 11.7v.3' },
  octagon: { fill: 'M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z', cut: 'M5.5 5.5l5 5M10.5 5.5l-5 5' },
  square: { fill: 'M2 2h12v12H2z', cut: 'M5.5 8h5' },
  question: { fill: 'M8 .6l6.6 3.7v7.4L8 15.4l-6.6-3.7V4.3z', cut: 'M6 6.2a2 2 0 1 1 2.8 1.9c-.5.2-.8.5-.8 1.2M8 11.7v.1' },
  bars: { fill: 'M3 2h4v12H3zM9 2h4v12H9z' },
  dots: { line: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5 8h.01M8 8h.01M11 8h.01' },
  clock: { line: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.8V8l2.2 1.6' },
  'arrow-up': { line: 'M8 13.5V3M3.8 7L8 2.8 12.2 7' },
  'arrow-down': { line: 'M8 2.5V13M3.8 9L8 13.2 12.2 9' },
  dash: { line: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM5.5 8h5' },
  plug: { line: 'M6 1.5v3.5M10 1.5v3.5M4 5h8v2.5a4 4 0 0 1-8 0zM8 11.5v3' },
  key: { line: 'M5 7.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM7.2 8.4l6.3-6.3M11 4.6l2.2 2.2M9 6.6l1.6 1.6' },
  pulse: { line: 'M1 8.5h3l2-5.5 3.5 10 2-4.5H15' },
  scales: { line: 'M8 2v11M4.5 13.5h7M2.5 4.5h11M2.5 4.5L.8 9h3.4zM13.5 4.5L11.8 9h3.4z' },
  prompt: { line: 'M2 4l4 4-4 4M8 12.5h6' },
  ack: { line: 'M1.5 8.5l3.2 3.2 6-7M8 11l.7.7 6-7' },
  wire: { line: 'M1 8h3M12 8h3M4 5.5h8v5H4zM6.5 8h.01M9.5 8h.01' },
  close: { line: 'M3.5 3.5l9 9M12.5 3.5l-9 9' },
  back: { line: 'M10 3L5 8l5 5' },
  sun: { line: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1M11.9 11.9L13 13M13 3l-1.1 1.1M4.1 11.9L3 13' },
  moon: { line: 'M13.5 9.5A6 6 0 1 1 6.5 2.5a5 5 0 0 0 7 7z' },
  lock: { line: 'M3.5 7h9v7h-9zM5.5 7V4.8a2.5 2.5 0 0 1 5 0V7' },
  unlock: { line: 'M3.5 7h9v7h-9zM5.5 7V4.8a2.5 2.5 0 0 1 4.9-.7' },
  search: { line: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3L14 14' },
};

export function icon(name, label) {
  const shape = SHAPES[name] || SHAPES.question;
  const node = svg('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': label ? null : 'true', role: label ? 'img' : null,
    'aria-label': label || null, focusable: 'false' });
  for (const part of ['fill', 'line', 'cut']) {
    if (shape[part]) {
      node.append(svg('path', { d: shape[part], class: `icon-${part}` }));
    }
  }
  return node;
}
