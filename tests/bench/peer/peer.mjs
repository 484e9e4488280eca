// What a user would write in place of the service, on mqtt.js: the same checks in the same order, one command in flight
// per tracker, deadlines, duplicates recognised, the same packets, the retained states.
//
// What it does not have: a journal (a kill loses what is pending), MessagePack, other profiles than `json`, JSON that
// is stricter than JSON.parse (duplicate keys), reloads, several brokers, counters, a log.
//
//   node peer.mjs CONFIG.json    { "url": …, "registry": …, and any of `defaults` below }
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { readRegistry } from './registry.mjs';

const defaults = {
  ackTimeoutMs: 10000,
  pendingMax: 100000,
  trackerQueueMax: 16,
  dedupWindowMs: 60000,
  drainMs: 5000,
  requestBytesMax: 16384,
  userRate: 50,
  userBurst: 100,
  replyTopics: [], // filters; none: all
};
const STATE_LATEST_MS = 3000;
const REPLY_TOPIC_MAX = 1024;
const INT_MAX = 2147483647;

const config = { ...defaults, ...JSON.parse(readFileSync(process.argv[2], 'utf8')) };
const registry = readRegistry(config.registry);
const online = new Set(); // tracker ids
const buckets = new Map(); // by user
const lanes = new Map(); // by tracker id: { inFlight, queue }
const states = new Map(); // by tracker id: { outputs, updatedAt }
const dirty = new Map(); // tracker id: since when its state waits to be published, oldest first
const seen = new Map(); // by key: { reply, expiresAt }; reply null while pending; answered ones in that order
let pendingCount = 0;
let lastId = Date.now() * 1000; // command ids do not repeat after a restart
let messages = 0;
let draining = false;

// --- replies ---

const descriptions = {
  3: 'Wrong hash',
  4: 'User or API key not found or session ended',
  5: 'Wrong request format',
  7: 'Invalid parameters',
  8: 'Queue service error, try again later',
  9: 'Too large request',
  13: 'Operation not permitted',
  14: 'Database unavailable',
  15: 'Too many requests (rate limit exceeded)',
  112: 'Wrong method',
  204: 'Entity not found',
  208: 'Device blocked',
  213: 'Cannot perform action: the device is offline',
  214: 'Requested operation or parameters are not supported by the device',
  219: 'Not allowed for clones of the device',
  220: 'Unknown device model',
  266: 'Cannot perform action for the device in current status',
  275: 'User is blocked',
};

function makeReply(code, outcome, requestId, errors) {
  const reply = { success: code === 0 };
  if (code !== 0) {
    reply.status = { code, description: descriptions[code] };
    reply.outcome = outcome;
  }
  if (errors) reply.errors = errors;
  if (requestId !== undefined) reply.request_id = requestId;
  return JSON.stringify(reply);
}

function publishReply(topic, correlation, payload) {
  const properties = { contentType: 'application/json' };
  if (correlation) properties.correlationData = correlation;
  client.publish(topic, payload, { qos: 1, properties });
}

// --- the message itself ---

const isInt = (value, lowest) => Number.isInteger(value) && value >= lowest && value <= INT_MAX;
const isRequestId = (value) =>
  typeof value === 'string' ? Buffer.byteLength(value) <= 128 : isInt(value, -INT_MAX - 1);
const areBooleans = (value) =>
  Array.isArray(value) && value.length >= 1 && value.length <= 64 && value.every((on) => typeof on === 'boolean');

// [name, required for set, required for set_all, is it right, what it should be]
const parameters = [
  ['hash', true, true, (value) => typeof value === 'string', 'must be a string of 32 hex digits'],
  ['tracker_id', true, true, (value) => isInt(value, 1), 'must be an integer from 1 to 2147483647'],
  ['output', true, false, (value) => isInt(value, 1), 'must be an integer from 1'],
  ['enable', true, false, (value) => typeof value === 'boolean', 'must be a boolean'],
  ['outputs', false, true, areBooleans, 'must be an array of 1 to 64 booleans'],
];
const optional = [
  ['request_id', isRequestId, 'must be a string of at most 128 bytes or an integer'],
  ['response_topic', (value) => typeof value === 'string', 'must be a string'],
];

// [] or every bad parameter.
function findErrors(action, body, retain) {
  const errors = [];
  for (const [parameter, forSet, forSetAll, isRight, error] of parameters) {
    if ((action === 'set' ? forSet : forSetAll) && !isRight(body[parameter])) errors.push({ parameter, error });
  }
  for (const [parameter, isRight, error] of optional) {
    if (body[parameter] !== undefined && !isRight(body[parameter])) errors.push({ parameter, error });
  }
  if (retain) errors.push({ parameter: 'retain', error: 'must not be set: a retained request is never executed' });
  return errors;
}

// One object, or null.
function parse(payload) {
  try {
    const body = JSON.parse(payload.toString('utf8'));
    return body !== null && typeof body === 'object' && !Array.isArray(body) ? body : null;
  } catch {
    return null;
  }
}

// --- where the reply may go ---

const ownTopic = /^(api\/tracker\/output\/[^/]*|tracker\/[^/]+\/(output\/(command|ack|state)|status))$/;

function matches(filter, topic) {
  const levels = topic.split('/');
  const parts = filter.split('/');
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === '#') return true;
    if (i >= levels.length || (parts[i] !== '+' && parts[i] !== levels[i])) return false;
  }
  return parts.length === levels.length;
}

function isAllowed(topic, action) {
  if (topic === '' || topic.startsWith('$') || /[+#\0]/.test(topic)) return false;
  if (Buffer.byteLength(topic) > REPLY_TOPIC_MAX || ownTopic.test(topic)) return false;
  return (
    config.replyTopics.length === 0 ||
    topic === `api/tracker/output/${action}/response` ||
    config.replyTopics.some((filter) => matches(filter, topic))
  );
}

// --- who may do what ---

function takeToken(userId) {
  if (config.userRate === 0) return true;
  const now = Date.now();
  const bucket = buckets.get(userId) ?? { tokens: config.userBurst, filledAt: now };
  bucket.tokens = Math.min(config.userBurst, bucket.tokens + ((now - bucket.filledAt) * config.userRate) / 1000);
  bucket.filledAt = now;
  buckets.set(userId, bucket);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

function isSupported(request, tracker) {
  if (!tracker.model.modes.has(request.action)) return false;
  if (request.action === 'set') return request.output <= tracker.outputs && !tracker.reserved.has(request.output);
  return request.outputs.length === tracker.outputs && tracker.reserved.size === 0;
}

// Checks 6 to 16: 0, or the code of the reply. The rate limit counts a request once.
function judge(request, again) {
  if (!registry) return 14;
  const session = registry.sessions.get(request.session);
  if (!session || session.expiresAt <= Date.now()) return 4;
  const user = registry.users.get(session.userId);
  if (!user) return 4;
  if (user.blocked) return 275;
  if (!again && !takeToken(session.userId)) return 15;
  if (!session.master && !session.rights.has('tracker_set_output')) return 13;
  const tracker = registry.trackers.get(request.trackerId);
  if (!tracker || tracker.userId !== session.userId) return 204;
  if (session.trackers && !session.trackers.has(tracker.id)) return 204;
  if (tracker.blocked) return 208;
  if (tracker.clone) return 219;
  if (!tracker.model) return 220;
  if (!isSupported(request, tracker)) return 214;
  return online.has(tracker.id) ? 0 : 213;
}

// Check 17.
function hasRoom(request) {
  const lane = lanes.get(request.trackerId);
  return !draining && pendingCount < config.pendingMax && !(lane && lane.queue.length >= config.trackerQueueMax);
}

// --- requests ---

function takeRequest(action, payload, packet) {
  const properties = packet.properties ?? {};
  const tooLarge = payload.length > config.requestBytesMax;
  const body = tooLarge ? null : parse(payload);
  const replyTopic = properties.responseTopic ?? body?.response_topic ?? `api/tracker/output/${action}/response`;
  if (typeof replyTopic !== 'string' || !isAllowed(replyTopic, action)) return; // nobody to answer to
  const requestId = body && isRequestId(body.request_id) ? body.request_id : undefined;
  const correlation = properties.correlationData;
  const refuse = (code, errors) =>
    publishReply(replyTopic, correlation, makeReply(code, 'not_sent', requestId, errors));

  if (tooLarge) return refuse(9);
  if (action !== 'set' && action !== 'set_all') return refuse(112);
  if (!body) return refuse(5);
  const errors = findErrors(action, body, packet.retain);
  if (errors.length > 0) return refuse(7, errors);
  if (!/^[0-9a-f]{32}$/i.test(body.hash)) return refuse(3);

  const correlated = (correlation && correlation.length > 0) || requestId !== undefined;
  const key = [action, replyTopic, correlation?.toString('latin1'), payload.toString('latin1')].join('\n');
  const before = correlated || packet.dup ? seen.get(key) : undefined;
  if (before) {
    if (before.reply) publishReply(replyTopic, correlation, before.reply);
    return;
  }
  const request = {
    action,
    replyTopic,
    correlation,
    requestId,
    key,
    session: createHash('sha256').update(body.hash.toLowerCase()).digest('hex'),
    trackerId: body.tracker_id,
    output: body.output,
    enable: body.enable,
    outputs: body.outputs,
    id: ++lastId,
    sent: false,
    timer: null,
    deadline: 0,
  };
  const code = judge(request, false) || (hasRoom(request) ? 0 : 8);
  if (code !== 0) return refuse(code);
  accept(request, properties.messageExpiryInterval);
}

function accept(request, expiryS) {
  const leftMs = Math.min(config.ackTimeoutMs, expiryS === undefined ? Infinity : expiryS * 1000);
  request.deadline = Date.now() + leftMs;
  request.timer = setTimeout(expire, leftMs, request);
  seen.set(request.key, { reply: null, expiresAt: Infinity });
  pendingCount++;
  let lane = lanes.get(request.trackerId);
  if (!lane) lanes.set(request.trackerId, (lane = { inFlight: null, queue: [] }));
  lane.queue.push(request);
  pump(request.trackerId, lane);
}

// Gives the tracker its next command when none is in flight.
function pump(trackerId, lane) {
  while (!lane.inFlight && lane.queue.length > 0) {
    const request = lane.queue.shift();
    const code = judge(request, true);
    if (code === 0) {
      lane.inFlight = request;
      sendCommand(request);
    } else {
      finish(request, code, 'not_sent');
    }
  }
  if (!lane.inFlight) lanes.delete(trackerId);
}

function sendCommand(request) {
  const { id, action, output, enable, outputs, trackerId } = request;
  const body = action === 'set' ? { id, action, output, enable } : { id, action, outputs };
  const correlationData = Buffer.alloc(8);
  correlationData.writeBigUInt64BE(BigInt(id));
  request.sent = true;
  client.publish(`tracker/${trackerId}/output/command`, JSON.stringify(body), {
    qos: 1,
    properties: {
      contentType: 'application/json',
      responseTopic: `tracker/${trackerId}/output/ack`,
      correlationData,
      messageExpiryInterval: Math.max(1, Math.ceil((request.deadline - Date.now()) / 1000)),
    },
  });
}

// The one place where accepted requests end.
function finish(request, code, outcome) {
  clearTimeout(request.timer);
  pendingCount--;
  const reply = makeReply(code, outcome, request.requestId);
  seen.delete(request.key); // and to the end of the line
  seen.set(request.key, { reply, expiresAt: Date.now() + config.dedupWindowMs });
  publishReply(request.replyTopic, request.correlation, reply);
}

function expire(request) {
  const lane = lanes.get(request.trackerId);
  if (lane.inFlight === request) lane.inFlight = null;
  else lane.queue.splice(lane.queue.indexOf(request), 1);
  finish(request, 213, request.sent ? 'unknown' : 'not_sent');
  pump(request.trackerId, lane);
}

function forgetSeen() {
  const now = Date.now();
  for (const [key, { expiresAt }] of seen) {
    if (expiresAt === Infinity) continue;
    if (expiresAt > now) break;
    seen.delete(key);
  }
}

// --- trackers ---

function takeAck(trackerId, payload, packet) {
  const lane = lanes.get(trackerId);
  const request = lane?.inFlight;
  const ack = packet.retain ? null : parse(payload);
  if (!request || !ack || typeof ack.success !== 'boolean') return;
  const correlation = packet.properties?.correlationData;
  const id = ack.id ?? (correlation?.length === 8 ? Number(correlation.readBigUInt64BE()) : undefined);
  if (id !== request.id) return; // late, repeated or unknown
  lane.inFlight = null;
  if (ack.success) noteState(request);
  finish(request, ack.success ? 0 : ack.unsupported === true ? 214 : 266, 'rejected');
  pump(trackerId, lane);
}

function takePresence(trackerId, payload) {
  const text = payload.toString('utf8');
  const isOnline = text === 'online' ? true : text === 'offline' || text === '' ? false : parse(payload)?.online;
  if (isOnline === true) online.add(trackerId);
  if (isOnline !== false) return;
  online.delete(trackerId);
  const lane = lanes.get(trackerId);
  for (const request of lane?.queue.splice(0) ?? []) finish(request, 213, 'not_sent');
}

function noteState(request) {
  const tracker = registry.trackers.get(request.trackerId);
  let state = states.get(request.trackerId);
  if (!state) states.set(request.trackerId, (state = { outputs: new Array(tracker.outputs).fill(null), updatedAt: 0 }));
  if (request.action === 'set') state.outputs[request.output - 1] = request.enable;
  else state.outputs = request.outputs;
  state.updatedAt = Date.now();
  if (dirty.has(request.trackerId)) return;
  if (dirty.size === 0) setTimeout(publishStates, 1, messages);
  dirty.set(request.trackerId, state.updatedAt);
}

// All of them while there is nothing else to do; else those that have waited long enough.
function publishStates(messagesBefore) {
  const since = messages === messagesBefore ? Infinity : Date.now() - STATE_LATEST_MS;
  for (const [trackerId, dirtySince] of dirty) {
    if (dirtySince > since) break;
    const { outputs, updatedAt } = states.get(trackerId);
    dirty.delete(trackerId);
    client.publish(
      `tracker/${trackerId}/output/state`,
      JSON.stringify({ outputs, updated_at: new Date(updatedAt).toISOString() }),
      { qos: 1, retain: true, properties: { contentType: 'application/json' } },
    );
  }
  if (dirty.size > 0) setTimeout(publishStates, 1, messages);
}

// --- the connection ---

const requestPrefix = 'api/tracker/output/';
const trackerTopic = /^tracker\/([1-9][0-9]{0,9})\/(output\/ack|status)$/;

function takeMessage(topic, payload, packet) {
  messages++;
  if (topic.startsWith(requestPrefix)) return takeRequest(topic.slice(requestPrefix.length), payload, packet);
  const [, trackerId, what] = trackerTopic.exec(topic) ?? [];
  if (what === 'status') takePresence(Number(trackerId), payload);
  else if (what) takeAck(Number(trackerId), payload, packet);
}

const client = mqtt.connect(config.url, { protocolVersion: 5, clean: true, clientId: `peer-${process.pid}` });
client.on('connect', () => {
  client.stream.setNoDelay(true); // else a round trip waits for delayed acknowledgements
  client.subscribe({
    'tracker/+/output/ack': { qos: 1, rh: 2 },
    'tracker/+/status': { qos: 1 },
    [`${requestPrefix}+`]: { qos: 1, rap: true, rh: 2 },
  });
});
client.on('message', takeMessage);
client.on('error', (error) => {
  console.error(`peer: ${error.message}`);
  process.exit(1);
});
setInterval(forgetSeen, 1000);

function drain() {
  draining = true;
  client.unsubscribe(`${requestPrefix}+`);
  for (const lane of lanes.values()) for (const request of lane.queue.splice(0)) finish(request, 8, 'not_sent');
  const stopAt = Date.now() + config.drainMs;
  setInterval(() => {
    if (pendingCount === 0 || Date.now() >= stopAt) client.end(false, () => process.exit(0));
  }, 50);
}
process.on('SIGTERM', drain);
process.on('SIGINT', drain);
