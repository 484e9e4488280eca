// Two charts as SVG, drawn anew with each status.

import { OUTCOMES, byId, count, duration, element } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

function shape(tag, attributes, text) {
  const e = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  if (text !== undefined) e.textContent = text;
  return e;
}

// As many units as pixels, so that text keeps its size.
function canvas(id) {
  const svg = byId(id);
  const { width, height } = svg.getBoundingClientRect();
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren();
  return { svg, width, height };
}

// A few times a power of ten that is not below, and can be halved.
function round(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 10].map((n) => n * unit).find((n) => n >= value * 0.999);
}

const LEFT = 46;
const BOTTOM = 18;
const TOP = 8;

function grid(svg, width, height, top, format) {
  for (const part of [0, 0.5, 1]) {
    const y = TOP + (height - TOP - BOTTOM) * (1 - part);
    svg.append(shape('line', { x1: LEFT, x2: width, y1: y, y2: y, class: part ? 'grid' : 'axis' }));
    if (part) svg.append(shape('text', { x: LEFT - 6, y: y + 3.5, class: 'tick', 'text-anchor': 'end' }, format(top * part)));
  }
}

// --- how requests ended ---

const perSecond = (n) => `${n < 1 ? Number(n.toPrecision(2)) : count(Number(n.toPrecision(2)))}/s`;

export function drawOutcomes(history) {
  const { svg, width, height } = canvas('outcomes');
  if (!width) return;
  const steps = history.success.length;
  const seconds = history.step_ms / 1000;
  const sums = history.success.map((_, i) => OUTCOMES.reduce((sum, name) => sum + history[name][i], 0));
  const top = round(Math.max(1, ...sums) / seconds);
  const slot = (width - LEFT) / steps;
  const scale = (height - TOP - BOTTOM) / top / seconds;

  grid(svg, width, height, top, perSecond);
  for (let i = 0; i < steps; i++) {
    let y = height - BOTTOM;
    for (const name of OUTCOMES) {
      const h = history[name][i] * scale;
      if (!h) continue;
      y -= h;
      svg.append(shape('rect', { x: LEFT + i * slot + 0.5, y, width: Math.max(1, slot - 1), height: h, class: name }));
    }
  }
  const minutes = Math.round((steps * seconds) / 60);
  svg.append(shape('text', { x: LEFT, y: height - 4, class: 'tick' }, `${minutes} min ago`));
  svg.append(shape('text', { x: width, y: height - 4, class: 'tick', 'text-anchor': 'end' }, 'now'));
  tellOutcomes(history);
}

function tellOutcomes(history) {
  const totals = OUTCOMES.map((name) => [name, history[name].reduce((a, b) => a + b, 0)]);
  byId('outcomes-legend').replaceChildren(
    ...totals.map(([name, n]) => element('li', name, element('i'), element('b', '', count(n)), ` ${name}`)),
  );
  byId('outcomes-text').textContent = totals.map(([name, n]) => `${n} ${name}`).join(', ');
}

// --- from request to ack ---

// Between the bounds of its bucket as if those in it were spread evenly.
function percentile(history, total, part) {
  const { bounds_ms: bounds, latency } = history;
  let before = 0;
  for (let i = 0; i < latency.length; i++) {
    if (latency[i] && before + latency[i] >= total * part) {
      if (i === bounds.length) return `> ${duration(bounds[i - 1])}`;
      const low = i ? bounds[i - 1] : 0;
      return duration(Math.max(1, Math.round(low + ((bounds[i] - low) * (total * part - before)) / latency[i])));
    }
    before += latency[i];
  }
  return '–';
}

const short = (ms, i) => (ms < 1000 ? `${ms}${i ? '' : ' ms'}` : `${ms / 1000} s`);

export function drawLatency(history) {
  const { svg, width, height } = canvas('latency');
  if (!width) return;
  const { bounds_ms: bounds, latency } = history;
  const total = latency.reduce((a, b) => a + b, 0);
  const top = round(Math.max(4, ...latency));
  const slot = (width - LEFT) / latency.length;
  const scale = (height - TOP - BOTTOM) / top;

  grid(svg, width, height, top, (n) => count(Math.round(n)));
  latency.forEach((n, i) => {
    const h = n * scale;
    if (n) svg.append(shape('rect', { x: LEFT + i * slot + 1, y: height - BOTTOM - h, width: slot - 2, height: h, class: 'acked' }));
  });
  for (let i = 0; i < bounds.length; i++) {
    const text = shape('text', { x: LEFT + (i + 1) * slot, y: height - 4, class: 'tick', 'text-anchor': 'middle' }, short(bounds[i], i));
    if (slot > 26 || i % 3 === 0) svg.append(text);
  }
  tellLatency(history, total);
}

function tellLatency(history, total) {
  const parts = [['half', 0.5], ['90 %', 0.9], ['99 %', 0.99]].map(([name, part]) => [name, percentile(history, total, part)]);
  byId('percentiles').replaceChildren(
    ...parts.map(([name, value]) => element('div', '', element('dt', '', `${name} within `), element('dd', '', value))),
  );
  byId('latency-text').textContent = total
    ? `${total} acks: ${parts.map(([name, value]) => `${name} within ${value}`).join(', ')}`
    : 'no acks';
}
