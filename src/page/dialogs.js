// Questions and answers over the page: the token, a change that wants a yes, the keys.
import { byId, el, replace, setAttribute, setText } from './dom.js';
import { icon } from './icons.js';
import { allowWithout, hasToken, probe, sendsToken, setToken } from './api.js';
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
  const isLocked = data.link.state === 'locked';
  const [word, title] = isLocked ? ['Enter a token', 'Nothing is shown without a token that may read'] :
    sendsToken() ? ['Token', 'A token is used: changes are possible as far as it allows them'] :
      hasToken() ? ['Changes', 'This daemon wants no token: changes are possible'] : ['Read only', 'Read only: enter a token to change something'];
  replace(button, icon(hasToken() && !isLocked ? 'unlock' : 'lock'), el('span', { class: 'wide' }, word));
  button.title = title;
  setAttribute(button, 'aria-label', title);
  document.documentElement.dataset.token = hasToken() ? 'yes' : 'no';
  changed('token');
}

// What the daemon says of a token that was tried.
function whyNot(error) {
  if (error.status === 401) {
    return `Not taken: ${error.message}.`;
  }
  return error.status === 403 && error.code === 'scope' ? `Not enough: ${error.message}. Without it this page can show nothing.` : `It could not be tried: ${error.message}.`;
}

// onChange(): there is another token. onForget(): there is none any more.
export function askToken(onChange, onForget) {
  const access = data.status && data.status.access;
  const field = el('input', { type: 'password', id: 'token-field', autocomplete: 'off', spellcheck: 'false', placeholder: 'bgpc_…', required: true });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const take = el('button', { type: 'submit', class: 'primary' }, 'Use it');
  // The one that is used stays until another was taken.
  const use = async (text) => {
    setText(problem, '');
    if (!/^[!-~]+$/.test(text)) {
      setText(problem, 'That is no token: one has neither spaces nor letters like ä.');
      return;
    }
    take.disabled = true;
    try {
      await probe(text);
    } catch (error) {
      setText(problem, whyNot(error));
      return;
    } finally {
      take.disabled = false;
    }
    setToken(text);
    node.close();
    onChange();
    showToken();
  };
  const forget = () => {
    setToken('');
    node.close();
    onForget();
    showToken();
  };
  // Who is known without a token, and may do more than read, needs none.
  const isOpen = !hasToken() && data.link.state !== 'locked' && access && !plain(access.who).startsWith('token ') && mayDo('announce', 'operate');
  const allow = () => {
    allowWithout();
    showToken();
    node.close();
  };
  const form = el('form', { class: 'dialog-body', onsubmit: (event) => {
    event.preventDefault();
    use(field.value.trim());
  } }, el('p', {}, data.link.state === 'locked' ? 'This daemon tells nothing without a token that has the scope read.' : 'With a token this page may ask for changes, as far as the token allows them.',
    ' It stays in this tab and is forgotten when the tab is closed.'),
  el('ul', { class: 'scopes' }, [['read', 'to see what is here'], ['announce', 'to withdraw routes that the token has announced'], ['operate', 'to withdraw those of others, and to approve']]
    .map(([scope, does]) => el('li', {}, el('code', {}, scope), ` ${does}`))),
  isOpen ? el('div', { class: 'buttons' }, el('span', { class: 'grow' }, 'This daemon wants no token from here.'),
    el('button', { type: 'button', id: 'allow', onclick: allow }, 'Allow changes')) : null,
  hasToken() && access ? el('p', {}, `Now: ${plain(access.who)} may ${(access.scopes || []).map(plain).join(', ')}.`) : null,
  el('label', { for: 'token-field' }, 'Token'), field, problem,
  el('div', { class: 'buttons' }, hasToken() ? el('button', { type: 'button', id: 'token-forget', onclick: forget }, 'Forget it') : null,
    take));
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
