// A broker, the service and simulated trackers for one run of the browser's tests. What it starts it stops, by pid.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const HASH = 'a6aa75587e5c59c32d347da438505fc3'; // the public API's example; conf/registry.cfg knows its digest
export const PATIENCE_MS = 30000;

// In the registry beside what ships there.
export const SILENT = 300001;
export const REFUSING = 300002;
export const CROWD = { first: 400000, count: 120, model: 'teltonika_fmb120' };

const build = resolve(process.argv[2] ?? 'build');
const directory = mkdtempSync(join(tmpdir(), 'outputd-console-'));
const children = new Set();

export async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (await condition()) return;
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`not in time: ${what}`);
}

// --- processes ---

export function start(name, program, parameters, environment = {}) {
  const log = openSync(join(directory, `${name}.log`), 'a');
  const child = spawn(program, parameters, { stdio: ['ignore', log, log], env: { ...process.env, ...environment } });
  children.add(child);
  child.ended = new Promise((tell) => child.on('exit', tell)).then(() => children.delete(child));
  return child;
}

export async function stop(child, signal = 'SIGTERM') {
  child.kill(signal);
  await child.ended;
}

export const logOf = (name) => readFileSync(join(directory, `${name}.log`), 'utf8');

export async function stopAll() {
  await Promise.all([...children].map((child) => stop(child, 'SIGKILL')));
  rmSync(directory, { recursive: true });
}

// --- ports ---

function freePort() {
  return new Promise((tell) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => tell(port));
    });
  });
}

export function listens(port) {
  return new Promise((tell) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => tell(true)).on('error', () => tell(false));
    socket.on('close', () => {}).setTimeout(1000, () => socket.destroy());
    socket.on('connect', () => socket.end());
  });
}

// --- the stage ---

function registry() {
  const more = [SILENT, REFUSING].map((id) => `{ id = ${id}; user_id = 1; model = "generic_json"; device_id = "${id}"; outputs = 2; }`);
  for (let i = 0; i < CROWD.count; i++) {
    more.push(`{ id = ${CROWD.first + i}; user_id = 1; model = "${CROWD.model}"; device_id = "${CROWD.first + i}"; }`);
  }
  const shipped = readFileSync('conf/registry.cfg', 'utf8');
  return shipped.replace(/\n\);\s*$/, `,\n  ${more.join(',\n  ')}\n);\n`);
}

export async function startBroker() {
  const port = await freePort();
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true'];
  if (process.getuid() === 0) lines.push('user root');
  writeFileSync(join(directory, 'mosquitto.conf'), `${lines.join('\n')}\n`);
  start('mosquitto', 'mosquitto', ['-c', join(directory, 'mosquitto.conf')], { PATH: `${process.env.PATH}:/usr/sbin` });
  await until('mosquitto listens', () => listens(port));
  return `mqtt://127.0.0.1:${port}`;
}

export class Service {
  // settings: OUTPUTD_… beyond those that all have
  static async make(name, broker, settings) {
    const service = new Service();
    const port = await freePort();
    service.name = name;
    service.url = `http://127.0.0.1:${port}/`;
    service.port = port;
    service.environment = {
      OUTPUTD_BROKER_URL: broker,
      OUTPUTD_INSTANCE: name,
      OUTPUTD_JOURNAL_PATH: join(directory, `journal-${name}`),
      OUTPUTD_JOURNAL_SIZE_MB: '16',
      OUTPUTD_REGISTRY_PATH: join(directory, 'registry.cfg'),
      OUTPUTD_HTTP_LISTEN: `127.0.0.1:${port}`,
      OUTPUTD_HTTP_CONSOLE: 'true',
      OUTPUTD_LIMITS_USER_RATE: '0',
      OUTPUTD_ENGINE_ACK_TIMEOUT_MS: '1500',
      ...settings,
    };
    writeFileSync(join(directory, 'registry.cfg'), registry());
    await service.start();
    return service;
  }

  async start() {
    this.process = start(this.name, join(build, 'outputd'), ['-c', 'conf/outputd.cfg'], this.environment);
    await until(`${this.name} is ready`, async () => {
      if (this.process.exitCode !== null) throw new Error(`${this.name} has ended: ${logOf(this.name).slice(-300)}`);
      return (await fetch(`${this.url}readyz`).catch(() => ({}))).status === 200;
    });
  }

  async kill() {
    await stop(this.process, 'SIGKILL');
  }

  // A request over HTTP from elsewhere than the page.
  set(tracker, output, enable) {
    return fetch(`${this.url}tracker/output/set?tracker_id=${tracker}&output=${output}&enable=${enable}`, {
      headers: { Authorization: `NVX ${HASH}` },
    }).then((response) => response.json());
  }
}

export async function startTrackers(broker, name, list, ...options) {
  start(name, join(build, 'trackersim'), ['--broker', broker, '--trackers', list, '--log', ...options]);
  await until(`${name} is ready`, () => logOf(name).includes('ready'));
}

export function outputctl(broker, ...parameters) {
  const child = start('outputctl', join(build, 'outputctl'), [...parameters, '--broker', broker], { OUTPUTCTL_HASH: HASH });
  return child.ended;
}

export function keep(name) {
  const folder = join(build, 'console');
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

export function keepLogs() {
  cpSync(directory, keep('logs'), { recursive: true, filter: (path) => !path.includes('journal') });
}
