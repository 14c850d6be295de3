// Light or dark: as the system has it, unless the switch says otherwise; kept for this browser.
import { byId, replace } from './dom.js';
import { icon } from './icons.js';

const KEPT = 'bgpcommander-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function chosen() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function show() {
  const isDark = (document.documentElement.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark';
  const button = byId('theme');
  replace(button, icon(isDark ? 'sun' : 'moon'));
  button.setAttribute('aria-label', isDark ? 'Light colors' : 'Dark colors');
  button.title = `${isDark ? 'Light' : 'Dark'} colors (t)`;
}

export function toggleTheme() {
  const isDark = (document.documentElement.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark';
  document.documentElement.dataset.theme = isDark ? 'light' : 'dark';
  try {
    localStorage.setItem(KEPT, document.documentElement.dataset.theme);
  } catch {
    // not kept
  }
  show();
}

export function startTheme() {
  const theme = chosen();
  if (theme === 'light' || theme === 'dark') {
    document.documentElement.dataset.theme = theme;
  }
  system.addEventListener('change', show);
  byId('theme').addEventListener('click', toggleTheme);
  show();
}
