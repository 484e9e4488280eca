// The bytes of an example, and what the contract makes of them.
import { decode as unpack } from '@msgpack/msgpack';

const LEVELS_MAX = 8;
const MSGPACK = ['application/msgpack', 'application/x-msgpack', 'application/vnd.msgpack'];
const PRESENCE = ['online', 'offline', ''];

/** What is published: the raw form where an example gives one, else its payload as JSON. */
export function bytesOf(example) {
  if (example.payload_hex !== undefined) return Buffer.from(example.payload_hex, 'hex');
  if (example.payload_text !== undefined) return Buffer.from(example.payload_text);
  if (example.payload_generated) {
    const { repeat, times } = example.payload_generated;
    return Buffer.from(repeat.repeat(times));
  }
  return Buffer.from(JSON.stringify(example.payload));
}

function isMsgpack(bytes, contentType = '') {
  const name = contentType.split(';')[0].trim().toLowerCase();
  if (MSGPACK.includes(name)) return true;
  return name !== 'application/json' && bytes[0] >= 0x80 && bytes[0] < 0xe0;
}

// Text in quotes is taken whole, so that nothing inside it is seen as a key or a brace.
const quoteBareKeys = (text) =>
  text.replace(/"(?:[^"\\]|\\.)*"|(?<=[{,]\s*)([A-Za-z_$][\w$]*)(?=\s*:)/g, (all, key) => (key ? `"${key}"` : all));

function refuseDuplicateKeys(text) {
  const open = [];
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon) {
      const key = JSON.parse(token.slice(0, -colon.length));
      if (open.at(-1).has(key)) throw new Error(`the key ${key} twice`);
      open.at(-1).add(key);
    }
  }
}

function readJson(bytes) {
  const text = quoteBareKeys(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  const value = JSON.parse(text);
  refuseDuplicateKeys(text);
  return value;
}

const isContainer = (value) => typeof value === 'object' && value !== null;
const levels = (value) => (isContainer(value) ? 1 + Math.max(0, ...Object.values(value).map(levels)) : 0);

/** The value of an example's bytes; throws where they are not well-formed. */
export function decode(example) {
  const bytes = bytesOf(example);
  if (example.direction === 'presence' && PRESENCE.includes(bytes.toString())) return bytes.toString();
  const value = isMsgpack(bytes, example.properties?.content_type) ? unpack(bytes) : readJson(bytes);
  if (!isContainer(value) || Array.isArray(value)) throw new Error('not an object');
  if (levels(value) > LEVELS_MAX) throw new Error(`more than ${LEVELS_MAX} levels`);
  return value;
}
