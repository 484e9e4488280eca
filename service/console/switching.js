// The dialog in which an output, or all of a tracker's, is switched. Nothing leaves before it was confirmed here, and
// it says in words how it ended.

import { byId, duration, meaning, moment, stateName } from './words.js';
import { newRequestId, request } from './ask.js';
import { forgetKey, isKey, theKey, useKey } from './key.js';

const dialog = byId('switch');
const result = byId('switch-result');
const close = byId('switch-close');
const again = byId('switch-again');
const doers = [byId('switch-on'), byId('switch-off')];
const WRONG_HASH = [3, 4];

let subject = null; // { tracker, output } that the dialog is about; output 0: all
let sent = null; // what was asked for last: { action, body, words }
let onDone = () => {};

// --- opening ---

const stateOf = ({ tracker, output }) => tracker.outputs[output - 1];

function nowText({ tracker, output }) {
  const when = tracker.updated_at_ms ? `, last acked ${moment(tracker.updated_at_ms)}` : '';
  const offline = tracker.online ? '' : ' The tracker is offline: a request will be refused.';
  if (output) return `${tracker.model}. Now ${stateName(stateOf(subject))}${stateOf(subject) === null ? '' : when}.${offline}`;
  const states = tracker.outputs.map((state, i) => `${i + 1} ${stateName(state)}`).join(', ');
  return `${tracker.model}. Now ${states}.${offline}`;
}

function showWaiting(isWaiting) {
  for (const button of doers) button.disabled = isWaiting;
  close.textContent = isWaiting ? 'Close, it goes on' : 'Cancel';
  dialog.setAttribute('aria-busy', String(isWaiting));
}

function say(text, kind) {
  result.textContent = text;
  result.dataset.outcome = kind;
}

export function openSwitch(tracker, output, done) {
  subject = { tracker, output };
  sent = null;
  onDone = done;
  byId('switch-title').textContent = output ? `Tracker ${tracker.id}, output ${output}` : `Tracker ${tracker.id}, all outputs`;
  byId('switch-now').textContent = nowText(subject);
  byId('switch-on').textContent = output ? 'Switch on' : 'Switch all on';
  byId('switch-off').textContent = output ? 'Switch off' : 'Switch all off';
  byId('switch-on').hidden = output > 0 && stateOf(subject) === true;
  byId('switch-off').hidden = output > 0 && stateOf(subject) === false;
  byId('switch-hash').value = '';
  byId('switch-keep').checked = false;
  byId('switch-key').hidden = theKey() !== '';
  again.hidden = true;
  say('', '');
  showWaiting(false);
  dialog.showModal();
  (theKey() ? close : byId('switch-hash')).focus();
}

// --- asking ---

function wishOf(enable) {
  const { tracker, output } = subject;
  const body = { tracker_id: tracker.id, request_id: newRequestId() };
  const word = enable ? 'on' : 'off';
  if (output) return { action: 'set', body: { ...body, output, enable }, words: `Tracker ${tracker.id}, output ${output}: ${word}` };
  const outputs = tracker.outputs.map(() => enable);
  return { action: 'set_all', body: { ...body, outputs }, words: `Tracker ${tracker.id}, all outputs: ${word}` };
}

// False: there is none yet.
function takeKey() {
  const text = byId('switch-hash').value.trim();
  if (theKey()) return true;
  if (!isKey(text)) {
    say('Enter the key first: 32 hex digits.', 'not_sent');
    byId('switch-hash').focus();
    return false;
  }
  useKey(text, byId('switch-keep').checked);
  byId('switch-hash').value = '';
  byId('switch-key').hidden = true;
  return true;
}

function askForKey() {
  forgetKey();
  byId('switch-key').hidden = false;
  byId('switch-hash').focus();
}

function showReply(reply, began) {
  if (reply.success) {
    onDone(`${sent.words}, acked after ${duration(Math.round(performance.now() - began))}.`);
    dialog.close();
    return;
  }
  const { code, description } = reply.status;
  say(`${description} (${code}). ${meaning(reply.outcome)}`, reply.outcome);
  close.textContent = 'Close';
  if (WRONG_HASH.includes(code)) askForKey();
  else close.focus();
}

// The same request_id: who asks again gets the reply, and nothing is commanded twice.
function showNothingHeard(text) {
  say(`${text} Asking again is safe: it is the same request.`, 'unknown');
  again.hidden = false;
  close.textContent = 'Close';
  again.focus();
}

async function send() {
  const began = performance.now();
  const mine = sent;
  again.hidden = true;
  say('Waiting for the tracker…', '');
  showWaiting(true);
  close.focus();
  try {
    const reply = await request(mine.action, theKey(), mine.body);
    if (mine !== sent) return; // the dialog is about something else by now
    showWaiting(false);
    if (reply.later) showNothingHeard(`No reply yet: ${reply.later}.`);
    else showReply(reply, began);
  } catch {
    if (mine !== sent) return;
    showWaiting(false);
    showNothingHeard('The service does not answer: whether it has taken the request is not known.');
  }
}

function start(enable) {
  if (!takeKey()) return;
  sent = wishOf(enable);
  send();
}

byId('switch-on').addEventListener('click', () => start(true));
byId('switch-off').addEventListener('click', () => start(false));
again.addEventListener('click', send);
// The button from which it was opened may have been drawn anew meanwhile.
dialog.addEventListener('close', () => {
  const { tracker, output } = subject;
  document.querySelector(`.tracker[data-tracker="${tracker.id}"] [data-output="${output}"]`)?.focus();
});
dialog.querySelector('form').addEventListener('submit', (event) => {
  if (document.activeElement === byId('switch-hash')) event.preventDefault(); // Enter in the field confirms nothing
});
