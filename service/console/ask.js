// What is asked of the service, beside the stream of events.

const PATIENCE_MS = 15000;

// JSON, or an error that says in words what is wrong.
export async function ask(path, signal) {
  const tooLong = AbortSignal.timeout(PATIENCE_MS);
  const response = await fetch(path, { cache: 'no-store', signal: signal ? either(signal, tooLong) : tooLong });
  if (!response.ok) throw new Error((await response.text()).trim() || `status ${response.status}`);
  return response.json();
}

function either(...signals) {
  const both = new AbortController();
  for (const signal of signals) signal.addEventListener('abort', () => both.abort(signal.reason), { once: true });
  return both.signal;
}

// A request of the public API. The same id again is the same request: it is not commanded twice.
export async function request(action, hash, body) {
  const response = await fetch(`tracker/output/${action}`, {
    method: 'POST',
    cache: 'no-store',
    headers: { 'Content-Type': 'application/json', Authorization: `NVX ${hash}` },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.headers.get('Content-Type')?.startsWith('application/json')) return { later: text.trim() };
  return JSON.parse(text);
}

export function newRequestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `console-${Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')}`;
}
