// Who may switch what: the same as the service's registry, in JSON.
import { readFileSync } from 'node:fs';

// What the service's profiles say of models.
const models = new Map([['generic_json', { modes: new Set(['set', 'set_all']), outputs: 0, reserved: [] }]]);

function session(row) {
  return {
    userId: row.user_id,
    master: row.master === true,
    rights: new Set(row.rights ?? []),
    trackers: row.trackers ? new Set(row.trackers) : null, // null: all of the account
    expiresAt: row.expires_at ? Date.parse(row.expires_at) : Infinity,
  };
}

function tracker(row) {
  const model = models.get(row.model);
  return {
    id: row.id,
    userId: row.user_id,
    blocked: row.blocked === true,
    clone: row.clone === true,
    model,
    outputs: row.outputs ?? model?.outputs,
    reserved: new Set(row.reserved_outputs ?? model?.reserved),
  };
}

export function readRegistry(path) {
  const { users, sessions, trackers } = JSON.parse(readFileSync(path, 'utf8'));
  return {
    users: new Map(users.map((row) => [row.id, { blocked: row.blocked === true }])),
    sessions: new Map(sessions.map((row) => [row.hash_sha256, session(row)])),
    trackers: new Map(trackers.map((row) => [row.id, tracker(row)])),
  };
}
