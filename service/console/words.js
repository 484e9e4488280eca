// How things are called and written, in one place.

export const OUTCOMES = ['success', 'not_sent', 'rejected', 'unknown'];

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const number = new Intl.NumberFormat('en');

export const count = (n) => number.format(n);
export const time = (ms) => clock.format(ms);

export function moment(ms) {
  const today = day.format(Date.now()) === day.format(ms);
  return today ? time(ms) : `${day.format(ms)}, ${time(ms)}`;
}

export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 120000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60000)} min`;
}

export function uptime(s) {
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
}

export const stateName = (state) => (state === null ? 'never acked' : state ? 'on' : 'off');

// What a request asks for: "output 1 on", "outputs 1,1,0".
export function wish(request) {
  if (request.action === 'set' && request.output) return `output ${request.output} ${request.enable ? 'on' : 'off'}`;
  if (request.action === 'set_all' && request.outputs) {
    return `outputs ${request.outputs.map((on) => (on ? 1 : 0)).join(',')}`;
  }
  return request.action;
}

// What an outcome means for the relay.
export function meaning(outcome) {
  switch (outcome) {
    case 'not_sent':
      return 'Not sent: nothing left for the tracker, and the output is as it was.';
    case 'rejected':
      return 'The tracker refused: by its own word the output is as it was.';
    case 'unknown':
      return 'Unknown: a command left and no ack came. The output may have switched. Look before you try again.';
    default:
      return '';
  }
}

// An element, with its class and what is in it. Text is never taken for markup.
export function element(tag, className, ...content) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...content);
  return e;
}

export const byId = (id) => document.getElementById(id);
