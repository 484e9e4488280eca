// Listens to what happens. It comes back by itself: after a lost connection, after a restart of the service, and when
// nothing has been heard for so long that there can be nobody on the other side.

const KINDS = ['request', 'command', 'settled', 'refused', 'presence', 'missed'];
const RETRY_MAX_MS = 10000;
const BEATS = 3; // that may be missing

export class Stream {
  // onEvent(kind, data); onLife() when it is another life of the service; onState('live' | 'lost' | 'full')
  constructor({ onEvent, onLife, onState }) {
    Object.assign(this, { onEvent, onLife, onState });
    this.retryMs = 1000;
    this.lastId = '';
    this.life = '';
  }

  open() {
    const after = this.lastId ? `?after=${encodeURIComponent(this.lastId)}` : '';
    this.source = new EventSource(`console/events${after}`);
    this.source.addEventListener('error', () => this.lost());
    this.source.addEventListener('hello', (event) => this.hello(JSON.parse(event.data)));
    this.source.addEventListener('beat', () => this.heard());
    for (const kind of KINDS) this.source.addEventListener(kind, (event) => this.take(kind, event));
  }

  hello({ life, beat_ms: beatMs }) {
    this.beatMs = beatMs;
    this.retryMs = 1000;
    this.heard();
    this.onState('live');
    if (this.life && this.life !== life) this.onLife();
    this.life = life;
  }

  take(kind, event) {
    this.heard();
    if (event.lastEventId) this.lastId = event.lastEventId;
    this.onEvent(kind, JSON.parse(event.data));
  }

  heard() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.again(), this.beatMs * BEATS);
  }

  lost() {
    this.onState('lost');
    if (this.source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    clearTimeout(this.silence);
    this.timer = setTimeout(() => this.open(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
  }

  again() {
    this.source.close();
    this.onState('lost');
    this.open();
  }
}
