// In place of all views while the daemon tells nothing: that it asks for a token, what is wrong with the one it was shown,
// what to do.
import { byId, el, replace } from './dom.js';
import { icon } from './icons.js';
import { sendsToken } from './api.js';
import { data } from './model.js';

// What is the matter, in one line.
export function lockedText() {
  const { link } = data;
  if (link.lacks) {
    return `This token is not enough: ${link.text}.`;
  }
  return sendsToken() ? `It does not take the token of this tab: ${link.text}.` : 'None was entered in this tab.';
}

// actions: enterToken, retry, forgetToken.
export function drawLocked(actions) {
  const place = byId('locked');
  const isLocked = data.link.state === 'locked';
  place.hidden = !isLocked;
  if (!isLocked) {
    place.replaceChildren();
    return;
  }
  const has = sendsToken();
  replace(place, el('div', { class: 'locked-card' }, el('p', { class: 'locked-shape' }, icon('lock')),
    el('h2', {}, 'This daemon asks for a token'),
    el('p', { class: has ? 'problem' : '' }, lockedText()),
    el('p', {}, 'Nothing is known here before there is one with the scope ', el('code', {}, 'read'),
      ': not what is announced, nor how much. With ', el('code', {}, 'announce'), ' it may also withdraw its own routes, with ', el('code', {}, 'operate'), ' those of others, and approve.'),
    el('div', { class: 'buttons' },
      el('button', { type: 'button', class: 'primary', id: 'locked-enter', onclick: actions.enterToken }, has ? 'Enter another token' : 'Enter a token'),
      has ? el('button', { type: 'button', id: 'locked-forget', onclick: actions.forgetToken }, 'Forget it') : null,
      el('button', { type: 'button', id: 'locked-retry', onclick: actions.retry }, 'Try again')),
    el('p', { class: 'dim' }, 'To make one: ', el('code', {}, 'bgpcommander token NAME --scope read'), '; its line goes into the node file, then ', el('code', {}, 'bgpcommander upgrade'),
      '. On the host itself ', el('code', {}, 'bgpcommander status'), ' and ', el('code', {}, 'bgpcommander routes'), ' need none.')));
}
