// Trackers of the registry, a page at a time, with the states of their outputs.

import { byId, count, element, moment, stateName } from './words.js';
import { ask } from './ask.js';

const PAGE = 50;
const TYPING_MS = 200;

const list = byId('trackers');
const rows = new Map(); // by id of the tracker
let after = null; // where the list goes on
let running = null; // the search that is under way
let canSwitch = false;
let onSwitch = () => {};

// --- a row ---

const outputLabel = (t, i) => `Tracker ${t.id}, output ${i + 1}: `;

// Why nobody may switch it, whatever his key; NULL: somebody may.
function whyNot(t) {
  if (!t.served) return 'no profile serves this model';
  if (t.blocked) return 'the tracker is blocked';
  if (t.clone) return 'the tracker is a clone';
  return t.set || t.set_all ? null : 'the model has no mode for it';
}

function lockedOutput(t, i) {
  const e = element('span', 'output locked', String(i + 1));
  e.title = 'Reserved to engine block: no request switches it';
  e.setAttribute('role', 'img');
  e.setAttribute('aria-label', `${outputLabel(t, i)}locked, reserved to engine block`);
  return e;
}

function plainOutput(t, i, why) {
  const e = element('span', `output ${stateClass(t.outputs[i])}`, String(i + 1));
  e.setAttribute('role', 'img');
  e.setAttribute('aria-label', `${outputLabel(t, i)}${stateName(t.outputs[i])}`);
  e.title = why ? `${stateName(t.outputs[i])}; ${why}` : stateName(t.outputs[i]);
  return e;
}

function buttonOutput(t, i) {
  const e = element('button', `output ${stateClass(t.outputs[i])}`, String(i + 1));
  e.type = 'button';
  e.setAttribute('aria-haspopup', 'dialog');
  e.setAttribute('aria-label', `${outputLabel(t, i)}${stateName(t.outputs[i])}. Switch…`);
  e.title = `${stateName(t.outputs[i])}; switch…`;
  e.addEventListener('click', () => onSwitch(t, i + 1));
  return e;
}

const stateClass = (state) => (state === null ? 'unknown' : state ? 'on' : 'off');

function makeOutput(t, i) {
  const why = whyNot(t);
  let e;
  if (t.reserved.includes(i + 1)) e = lockedOutput(t, i);
  else if (!canSwitch || why || !t.set) e = plainOutput(t, i, why ?? (t.set ? '' : 'only all outputs at once'));
  else e = buttonOutput(t, i);
  e.dataset.output = i + 1;
  if (t.busy?.has(i + 1)) e.classList.add('busy');
  return e;
}

// Where all can be switched at once, and none of them is reserved.
function allButton(t) {
  const e = element('button', 'quiet all', 'all…');
  e.type = 'button';
  e.setAttribute('aria-haspopup', 'dialog');
  e.setAttribute('aria-label', `Tracker ${t.id}: switch all outputs…`);
  e.dataset.output = 0;
  e.addEventListener('click', () => onSwitch(t, 0));
  return e;
}

function tagsOf(t) {
  const tags = [];
  if (t.blocked) tags.push('blocked');
  if (t.clone) tags.push('clone');
  if (!t.served) tags.push('no profile');
  return tags.map((tag) => element('span', 'tag', tag));
}

function modelOf(t) {
  const model = element('span', 'model', t.model);
  model.title = t.model;
  return model;
}

// What is at the end of its row.
function endOf(t) {
  const tags = tagsOf(t);
  const hasAll = canSwitch && t.set_all && !whyNot(t) && !t.reserved.length && t.outputs.length > 1;
  if (tags.length) return [element('span', 'tags', ...tags)];
  const acked = t.updated_at_ms ? moment(t.updated_at_ms) : '';
  return [hasAll ? allButton(t) : element('span'), element('span', 'acked', t.queued ? `${t.queued} queued` : acked)];
}

function fill(row) {
  const t = row.tracker;
  const focused = row.node.contains(document.activeElement) ? document.activeElement.dataset.output : null;
  const dot = element('i', t.online ? 'presence online' : 'presence');
  dot.setAttribute('role', 'img');
  dot.setAttribute('aria-label', t.online ? 'online' : 'offline');
  dot.title = t.online ? 'online' : 'offline';
  row.node.replaceChildren(
    dot,
    element('b', 'id', String(t.id)),
    modelOf(t),
    element('span', 'outputs', ...t.outputs.map((_, i) => makeOutput(t, i))),
    ...endOf(t),
  );
  row.node.dataset.online = t.online;
  if (focused) row.node.querySelector(`[data-output="${focused}"]`)?.focus();
}

function put(t) {
  let row = rows.get(t.id);
  if (!row) {
    row = { node: element('li', 'tracker') };
    row.node.dataset.tracker = t.id;
    rows.set(t.id, row);
    list.append(row.node);
  }
  row.tracker = { ...t, busy: t.in_flight || t.queued ? row.tracker?.busy : undefined };
  fill(row);
  return row;
}

// --- the list ---

function query(from) {
  const parameters = new URLSearchParams({ limit: PAGE });
  const search = byId('search').value.trim();
  const presence = document.querySelector('input[name=presence]:checked').value;
  if (search) parameters.set('search', search);
  if (presence) parameters.set('presence', presence);
  if (from) parameters.set('after', from);
  return `console/trackers?${parameters}`;
}

function tellFound(text) {
  byId('found').textContent = text;
}

// Each answer has looked at a part of a large registry only: asked on until a page is full.
async function load(wanted, from, take) {
  const search = (running = new AbortController());
  let found = 0;
  let scanned = 0;
  let next = from;
  do {
    const answer = await ask(query(next), search.signal);
    if (running !== search) return;
    take(answer.trackers);
    found += answer.trackers.length;
    scanned += answer.scanned;
    next = after = answer.after;
    if (next && found < wanted) tellFound(`Looked at ${count(scanned)} of ${count(answer.registered)}…`);
  } while (next && found < wanted);
  if (running === search) running = null;
}

function showEnd() {
  byId('more').hidden = after === null;
  if (rows.size === 0) tellFound('No tracker is like that.');
  else tellFound(after === null ? `${count(rows.size)} shown, that is all` : `${count(rows.size)} shown`);
}

async function attempt(work) {
  try {
    await work();
    showEnd();
  } catch (error) {
    if (error.name !== 'AbortError') tellFound(`The trackers could not be read: ${error.message}`);
  }
}

function append(trackers) {
  trackers.forEach(put);
}

export function searchTrackers() {
  running?.abort();
  return attempt(async () => {
    let isFirst = true;
    await load(PAGE, null, (trackers) => {
      if (isFirst) {
        rows.clear();
        list.replaceChildren();
      }
      isFirst = false;
      append(trackers);
    });
  });
}

// The same rows as they are now; what is not there any more goes.
export function refreshTrackers() {
  if (running) return Promise.resolve();
  return attempt(async () => {
    const seen = new Set();
    await load(Math.max(rows.size, PAGE), null, (trackers) => {
      trackers.forEach((t) => seen.add(t.id));
      append(trackers);
    });
    for (const [id, row] of rows) {
      if (seen.has(id)) continue;
      row.node.remove();
      rows.delete(id);
    }
  });
}

// --- what happens ---

const switched = (data) => (data.action === 'set' ? [data.output] : (data.outputs ?? []).map((_, i) => i + 1));

const changes = {
  presence: (t, data) => (t.online = data.online),
  request: (t, data) => (t.busy = new Set([...(t.busy ?? []), ...switched(data)])),
  settled: (t, data) => {
    t.busy = undefined;
    if (!data.states) return;
    t.outputs = data.states;
    t.updated_at_ms = data.at;
  },
};

export function takeChange(kind, data) {
  const row = rows.get(data.tracker);
  if (!row || !changes[kind]) return;
  changes[kind](row.tracker, data);
  fill(row);
}

export function allowSwitching(allowed, handler) {
  onSwitch = handler;
  if (allowed === canSwitch) return;
  canSwitch = allowed;
  rows.forEach(fill);
}

let typing;
byId('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(searchTrackers, TYPING_MS);
});
for (const choice of document.querySelectorAll('input[name=presence]')) choice.addEventListener('change', searchTrackers);
byId('more').addEventListener('click', () => attempt(() => load(PAGE, after, append)));
