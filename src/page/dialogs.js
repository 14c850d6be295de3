// Questions and answers over the page: the token, a change that wants a yes, the keys.
import { byId, el, replace, setText } from './dom.js';
import { icon } from './icons.js';
import { allowWithout, get, hasToken, setToken } from './api.js';
import { changed, data, mayDo } from './model.js';
import { plain } from './format.js';

function dialog(title, ...children) {
  const close = el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: () => node.close() }, icon('close'));
  const node = el('dialog', { class: 'dialog', 'aria-label': title }, el('header', { class: 'dialog-head' }, el('h2', {}, title), close), children);
  const before = document.activeElement;
  node.addEventListener('close', () => {
    node.remove();
    if (before && before.isConnected) {
      before.focus();
    }
  });
  document.body.append(node);
  node.showModal();
  return node;
}

// A line that screen readers say and that goes by itself.
function say(text, isBad) {
  const line = el('div', { class: `toast t-${isBad ? 'bad' : 'good'}` }, icon(isBad ? 'octagon' : 'tick'), el('span', {}, text));
  byId('toasts').append(line);
  setTimeout(() => line.remove(), isBad ? 12000 : 6000);
}

/* ---- the token ---- */

export function showToken() {
  const button = byId('token');
  replace(button, icon(hasToken() ? 'unlock' : 'lock'), el('span', { class: 'wide' }, hasToken() ? 'Token' : 'Read only'));
  button.title = hasToken() ? 'A token is used: changes are possible as far as it allows them' : 'Read only: enter a token to change something';
  document.documentElement.dataset.token = hasToken() ? 'yes' : 'no';
  changed('token');
}

export function askToken(onChange) {
  const access = data.status && data.status.access;
  const field = el('input', { type: 'password', id: 'token-field', autocomplete: 'off', spellcheck: 'false', placeholder: 'bgpc_…', required: true });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const use = async (text) => {
    setToken(text);
    try {
      await get('/v1/status');
    } catch (error) {
      if (text !== '' && (error.status === 401 || error.status === 403)) {
        setToken('');
        setText(problem, `Not taken: ${error.message}`);
        showToken();
        return;
      }
    }
    showToken();
    node.close();
    onChange();
  };
  // Who is known without a token, and may do more than read, needs none.
  const isOpen = !hasToken() && access && !plain(access.who).startsWith('token ') && mayDo('announce', 'operate');
  const allow = () => {
    allowWithout();
    showToken();
    node.close();
  };
  const form = el('form', { class: 'dialog-body', onsubmit: (event) => {
    event.preventDefault();
    use(field.value.trim());
  } }, el('p', {}, 'With a token this page may ask for changes, as far as the token allows them. It stays in this tab and is forgotten when the tab is closed.'),
  isOpen ? el('div', { class: 'buttons' }, el('span', { class: 'grow' }, 'This daemon wants no token from here.'),
    el('button', { type: 'button', id: 'allow', onclick: allow }, 'Allow changes')) : null,
  hasToken() && access ? el('p', {}, `Now: ${plain(access.who)} may ${(access.scopes || []).map(plain).join(', ')}.`) : null,
  el('label', { for: 'token-field' }, 'Token'), field, problem,
  el('div', { class: 'buttons' }, hasToken() ? el('button', { type: 'button', onclick: () => use('') }, 'Forget it') : null,
    el('button', { type: 'submit', class: 'primary' }, 'Use it')));
  const node = dialog('Token', form);
  field.focus();
}

/* ---- a change ---- */

// `act` does it; what it returns is said when it is done.
export function confirmChange(title, lines, word, act) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const yes = el('button', { type: 'submit', class: 'danger' }, word);
  const form = el('form', { class: 'dialog-body', onsubmit: async (event) => {
    event.preventDefault();
    yes.disabled = true;
    setText(problem, '');
    try {
      const said = await act();
      node.close();
      say(said);
    } catch (error) {
      setText(problem, `Not done: ${error.message}`);
      yes.disabled = false;
    }
  } }, lines.map((line) => el('p', {}, line)), problem,
  el('div', { class: 'buttons' }, el('button', { type: 'button', onclick: () => node.close() }, 'Leave it'), yes));
  const node = dialog(title, form);
  form.querySelector('button').focus();
}

/* ---- help ---- */

const KEYS = [
  ['/', 'search'],
  ['j  k  or  ↓  ↑', 'next row, the row before'],
  ['PgDn  PgUp  Home  End', 'further'],
  ['Enter', 'open the chosen route'],
  ['Esc', 'close what is open, then clear the search'],
  ['1 … 6', 'routes, nodes, neighbors, checks, workers, events'],
  ['t', 'light or dark'],
  ['?', 'this'],
];
const WORDS = [
  ['word word', 'all of them, in name, prefix, text, reason, owner …'],
  ['state:withdrawn  health:down', 'one member, by how it begins'],
  ['layer:  origin:  family:  neighbor:', 'the same'],
  ['is:fault  is:unchecked  is:missing  is:api', 'what the tiles count'],
  ['-word', 'without it'],
];

function table(rows) {
  return el('table', { class: 'help' }, el('tbody', {}, rows.map(([keys, does]) =>
    el('tr', {}, el('th', { scope: 'row' }, keys.split('  ').map((key) => [/^(or|…)$/.test(key) ? key : el('kbd', {}, key), ' '])), el('td', {}, does)))));
}

export function help() {
  const version = data.status ? `bgpcommander ${data.status.version} on ${data.status.node}` : '';
  dialog('Help', el('div', { class: 'dialog-body' }, el('h3', {}, 'Keys'), table(KEYS), el('h3', {}, 'Search'), table(WORDS), el('p', { class: 'dim' }, version)));
}
