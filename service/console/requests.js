// Requests on their way: request, command, ack, reply. The newest is on top, and only so many are kept.

import { byId, duration, element, meaning, time, wish } from './words.js';

const KEPT = 100;

const list = byId('requests');
const hold = byId('hold');
const rows = new Map(); // by id of the request
let fresh = []; // rows that are not in the page yet

// What has been, what is under way, and what will not be.
const STAGES = {
  request: ['done', 'now', '', ''],
  command: ['done', 'done', 'now', ''],
  success: ['done', 'done', 'done', 'done'],
  rejected: ['done', 'done', 'bad', 'done'],
  unknown: ['done', 'done', 'gone', 'done'],
  not_sent: ['done', 'gone', '', 'done'],
};
const HOPS = ['request', 'command', 'ack', 'reply'];

function makeHops() {
  const hops = element('span', 'hops');
  hops.setAttribute('role', 'img');
  HOPS.forEach((_, i) => {
    if (i) hops.append(element('b'));
    hops.append(element('i'));
  });
  return hops;
}

function showHops(row, stage, legs) {
  row.hops.querySelectorAll('i').forEach((dot, i) => (dot.className = STAGES[stage][i]));
  row.hops.querySelectorAll('b').forEach((leg, i) => (leg.textContent = legs[i] ?? ''));
  const passed = HOPS.filter((_, i) => STAGES[stage][i] === 'done');
  row.hops.setAttribute('aria-label', `${passed.join(', ')}${stage in { request: 1, command: 1 } ? ' so far' : ''}`);
}

function makeRow(data) {
  const row = { id: data.id, at: data.at, hops: makeHops(), outcome: element('span', 'outcome') };
  row.node = element(
    'li', 'request',
    element('time', '', time(data.at)),
    element('span', 'id', data.tracker ? String(data.tracker) : '–'),
    element('span', 'wish', wish(data)),
    row.hops, row.outcome,
  );
  rows.set(data.id, row);
  fresh.push(row);
  return row;
}

function forgetOld() {
  for (const [id, row] of rows) {
    if (rows.size <= KEPT) return;
    row.node.remove();
    rows.delete(id);
  }
}

function show() {
  if (hold.getAttribute('aria-pressed') === 'true') return;
  forgetOld();
  for (const row of fresh) if (rows.has(row.id)) list.prepend(row.node);
  fresh = [];
  byId('no-requests').hidden = rows.size > 0;
}

let isScheduled = false;

function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    show();
  });
}

const started = {
  request: (row) => showHops(row, 'request', []),
  command: (row, data) => showHops(row, 'command', [duration(Math.max(0, data.at - row.at))]),
};

function ended(row, data) {
  const { outcome, code, queue_ms: queued, device_ms: device, total_ms: total, description } = data;
  const sent = outcome !== 'not_sent';
  showHops(row, outcome, sent && total !== undefined ? [duration(queued), duration(device)] : []);
  row.node.dataset.outcome = outcome;
  row.outcome.replaceChildren(element('b', '', code ? `${outcome} ${code}` : outcome));
  if (total !== undefined) row.outcome.append(` ${duration(total)}`);
  if (description) {
    const why = element('span', 'why', outcome === 'unknown' ? 'No ack came: the output may have switched' : description);
    why.title = meaning(outcome);
    row.node.append(why);
  }
}

export function takeRequest(kind, data) {
  const row = rows.get(data.id) ?? makeRow(data);
  if (row.node.dataset.outcome) return; // told again after a reconnect
  if (kind in started) started[kind](row, data);
  else ended(row, data);
  if (rows.size > KEPT * 2) forgetOld();
  schedule();
}

hold.addEventListener('click', () => {
  hold.setAttribute('aria-pressed', String(hold.getAttribute('aria-pressed') !== 'true'));
  schedule();
});
