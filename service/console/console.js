// Puts the page together: a status every two seconds, and a stream of what happens in between.

import { byId, count, uptime } from './words.js';
import { ask } from './ask.js';
import { drawLatency, drawOutcomes } from './charts.js';
import { offerKey } from './key.js';
import { Stream } from './stream.js';
import { openSwitch } from './switching.js';
import { takeRequest } from './requests.js';
import { allowSwitching, refreshTrackers, searchTrackers, takeChange } from './trackers.js';

const STATUS_MS = 2000;
const REFRESH_MS = 30000; // what was not heard of: tags, queues, what a reload has brought
const NOTICE_MS = 8000;

// --- notices ---

let noticeTimer;

function notice(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => (byId('notice').hidden = true), NOTICE_MS);
}

// --- status ---

let wasReady = null;
let history = null;

function showHealth(status) {
  const health = byId('health');
  health.textContent = status.ready ? 'serving requests' : `not ready: ${status.not_ready}`;
  health.dataset.ready = status.ready;
  if (wasReady === false && status.ready) refreshTrackers(); // presence has been read back meanwhile
  wasReady = status.ready;
}

function draw() {
  if (!history) return;
  drawOutcomes(history);
  drawLatency(history);
}

function showStatus(status) {
  document.title = `${status.instance} · outputd`;
  byId('instance').textContent = status.instance;
  byId('version').textContent = status.version;
  byId('uptime').textContent = uptime(status.uptime_s);
  for (const name of ['online', 'registered', 'pending']) byId(name).textContent = count(status[name]);
  byId('read-only').hidden = status.api;
  offerKey(status.api);
  allowSwitching(status.api, (tracker, output) => openSwitch(tracker, output, notice));
  showHealth(status);
  history = status.history;
  draw();
}

async function readStatus() {
  if (document.hidden) return;
  try {
    showStatus(await ask('console/status'));
  } catch (error) {
    byId('health').textContent = `the service does not answer: ${error.message}`;
    byId('health').dataset.ready = false;
    wasReady = false;
  }
}

async function keepReading() {
  await readStatus();
  setTimeout(keepReading, STATUS_MS);
}

// --- events ---

const STREAM_WORDS = { live: 'live', lost: 'reconnecting…' };

const stream = new Stream({
  onState: (state) => {
    byId('stream').textContent = STREAM_WORDS[state];
    byId('stream').dataset.state = state;
  },
  onLife: () => {
    notice('The service was restarted.');
    readStatus();
    refreshTrackers();
  },
  onEvent: (kind, data) => {
    if (kind === 'missed') {
      notice(`${count(data.count)} events came faster than this page could show them.`);
      refreshTrackers();
      return;
    }
    takeChange(kind, data);
    if (kind !== 'presence') takeRequest(kind, data);
  },
});

document.addEventListener('visibilitychange', () => {
  readStatus();
  if (!document.hidden) refreshTrackers();
});
new ResizeObserver(draw).observe(byId('outcomes'));
setInterval(() => document.hidden || refreshTrackers(), REFRESH_MS);
keepReading();
searchTrackers().then(() => stream.open());
