// Every example, against its schema and against what it says itself.
import { isDeepStrictEqual } from 'node:util';
import { bytesOf, decode } from './decode.mjs';
import { require } from './report.mjs';

const REQUEST_BYTES_MAX = 16384;

function tryDecode(example) {
  try {
    return { value: decode(example) };
  } catch (error) {
    return { error };
  }
}

/** What the schema has against a value. */
function objections(schemas, name, value) {
  const validate = schemas.getSchema(`${name}.json`);
  require(validate, `there is no schema ${name}`);
  validate(value);
  return validate.errors ?? [];
}

const list = (errors) => errors.map((e) => `${e.instancePath || 'it'} ${e.message}`).join('; ');

function accept(schemas, name, value, what) {
  const errors = objections(schemas, name, value);
  require(errors.length === 0, `${what} against ${name}: ${list(errors)}`);
}

function mustBeValid(schemas, example) {
  const { value, error } = tryDecode(example);
  require(!error, `cannot be read: ${error?.message}`);
  accept(schemas, example.schema, value, 'the payload');
  const agrees = example.payload === undefined || isDeepStrictEqual(value, example.payload);
  require(agrees, 'the raw form is not its payload');
}

const parameterOf = (error) => error.params.missingProperty ?? error.instancePath.split('/')[1];
const isWrongHash = (error) => error.instancePath === '/hash' && error.keyword === 'pattern';

function refusedParameters(errors) {
  return [...new Set(errors.filter((error) => !isWrongHash(error)).map(parameterOf))].sort();
}

// What a refused request must look like, by the code of its reply.
const refusals = {
  3: ({ value, errors }) => require(value && errors.every(isWrongHash), 'more than the hash is wrong'),
  5: ({ value }) => require(!value, 'code 5, and the payload can be read'),
  7: ({ value, errors, reply }) => {
    require(value, 'code 7, and the payload cannot be read');
    const named = reply.errors.map((error) => error.parameter).sort();
    const refused = refusedParameters(errors);
    require(isDeepStrictEqual(refused, named), `the schema objects to ${refused}, not ${named}`);
  },
  9: ({ bytes }) => require(bytes.length > REQUEST_BYTES_MAX, `${bytes.length} bytes are not too many`),
  112: () => {},
};

function mustBeRefused(schemas, example) {
  const { value } = tryDecode(example);
  const errors = value === undefined ? [] : objections(schemas, example.schema, value);
  require(value === undefined || errors.length > 0, 'marked invalid, and its schema accepts it');
  if (example.direction !== 'request' || example.expect.reply === null) return;
  const { reply } = example.expect;
  const check = refusals[reply.status?.code];
  require(check, 'marked invalid, and expects a reply that only valid requests get');
  check({ value, errors, reply, bytes: bytesOf(example) });
}

function replyTopic(example) {
  return example.properties?.response_topic ?? stringOr(example.payload?.response_topic, `${example.topic}/response`);
}

const stringOr = (value, otherwise) => (typeof value === 'string' ? value : otherwise);

function expectsWhatIsPossible(schemas, example) {
  const { reply, reply_topic, command } = example.expect ?? {};
  if (reply) accept(schemas, 'reply', reply, 'expect.reply');
  if (command) accept(schemas, 'json-command', command.payload, 'expect.command');
  if (example.direction !== 'request') return;
  require(Boolean(command) === (reply?.success === true), 'a command goes with success, and only with it');
  const expected = reply ? replyTopic(example) : undefined;
  require(reply_topic === expected, `expect.reply_topic is not ${expected}`);
}

const idBytes = (id) => id.toString(16).padStart(16, '0');

function propertiesOfCommand(example) {
  if (example.direction !== 'command' || example.invalid) return;
  const { response_topic, correlation_data_hex } = example.properties;
  require(response_topic === example.topic.replace(/command$/, 'ack'), 'the Response Topic is not the ack topic');
  require(correlation_data_hex === idBytes(example.payload.id), 'the Correlation Data is not the id');
}

/** channels: from direction to the addresses that its topics may have; null allows any, as nobody but the requester
 * knows them. */
function topicIsOfItsChannel(channels, example) {
  const addresses = channels[example.direction];
  const fits = (address) =>
    address === null || new RegExp(`^${address.replace(/\{\w+\}/g, '[^/+#]+')}$`).test(example.topic);
  require(addresses.some(fits), `${example.topic} is no topic of ${addresses}`);
}

/** channels: undefined where the document could not be read, which is a failure of its own. */
export function checkExamples(report, schemas, examples, channels) {
  const form = schemas.getSchema('example.schema.json');
  for (const [file, example] of examples) {
    report.check(`${file} has the form of an example`, () => require(form(example), list(form.errors ?? [])));
    report.check(`${file}: its payload`, () => (example.invalid ? mustBeRefused : mustBeValid)(schemas, example));
    report.check(`${file}: what it expects`, () => expectsWhatIsPossible(schemas, example));
    report.check(`${file}: its properties`, () => propertiesOfCommand(example));
    if (channels) report.check(`${file}: its topic`, () => topicIsOfItsChannel(channels, example));
  }
}

// Codes that one request can bring about in the shipped registry.
const PROVOKED = [9, 112, 5, 7, 3, 4, 275, 13, 204, 208, 219, 220, 214, 213];

function repliesOfTable(replySchema) {
  return replySchema.$defs.error.oneOf.flatMap(({ properties: { status, outcome } }) =>
    outcome.enum.map((name) => `${status.properties.code.const} ${name}`));
}

export function checkCoverage(report, schemas, examples) {
  const all = [...examples.values()];
  const requests = all.filter((example) => example.direction === 'request');
  const replies = all.filter((example) => example.direction === 'reply' && !example.invalid);
  const shown = new Set(replies.map(({ payload }) => `${payload?.status?.code} ${payload?.outcome}`));
  for (const reply of repliesOfTable(schemas.getSchema('reply.json').schema))
    report.check(`a reply example of ${reply}`, () => require(shown.has(reply), 'there is none'));
  for (const code of PROVOKED)
    report.check(`a request example that is answered ${code}`, () =>
      require(requests.some(({ expect }) => expect.reply?.status?.code === code), 'there is none'));
  for (const action of ['set', 'set_all'])
    report.check(`a request example of ${action} that succeeds`, () => {
      const succeeds = ({ expect, topic }) => expect.reply?.success && topic.endsWith(`/${action}`);
      require(requests.some(succeeds), 'there is none');
    });
}
