// The hash in whose name outputs are switched. It is in this module's memory, and where its owner says so in the tab's
// own storage, which ends with the tab.

import { byId } from './words.js';

const NAME = 'outputd-key';
const dialog = byId('key-dialog');
const button = byId('key');
let hash = sessionStorage.getItem(NAME) ?? '';

export const theKey = () => hash;
export const isKey = (text) => /^[0-9a-f]{32}$/i.test(text);

export function useKey(text, keep) {
  hash = text;
  if (keep) sessionStorage.setItem(NAME, hash);
  else sessionStorage.removeItem(NAME);
  showKey();
}

export const forgetKey = () => useKey('', false);

function showKey() {
  button.textContent = hash ? 'Key in use' : 'Enter a key';
  button.classList.toggle('held', hash !== '');
}

export function offerKey(offered) {
  button.hidden = !offered;
  showKey();
}

button.addEventListener('click', () => {
  byId('key-hash').value = '';
  byId('key-keep').checked = false;
  byId('key-result').textContent = '';
  byId('key-forget').hidden = !hash;
  dialog.showModal();
  byId('key-hash').focus();
});

byId('key-forget').addEventListener('click', () => {
  forgetKey();
  dialog.close();
});

function take() {
  const text = byId('key-hash').value.trim();
  if (!isKey(text)) {
    byId('key-result').textContent = 'A key is 32 hex digits.';
    byId('key-hash').focus();
    return;
  }
  useKey(text, byId('key-keep').checked);
  byId('key-hash').value = '';
  dialog.close();
}

byId('key-use').addEventListener('click', take);
byId('key-form').addEventListener('submit', (event) => {
  if (event.submitter?.value === 'close' && document.activeElement !== byId('key-hash')) return;
  event.preventDefault(); // Enter in the field
  take();
});
