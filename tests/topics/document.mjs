// The AsyncAPI document, read by the AsyncAPI project's own parser with every $ref followed.
import { readFileSync } from 'node:fs';
import asyncapi from '@asyncapi/parser';
import { require } from './report.mjs';

const SEVERITIES = ['error', 'warning', 'information', 'hint'];
const isError = ({ severity }) => severity === 0;

function describe({ severity, code, path, range, message }) {
  const place = path.join('.') || 'the document';
  return `${range.start.line + 1}: ${SEVERITIES[severity]} ${code}: ${message} (at ${place})`;
}

/** The parsed document, or undefined after errors. */
export async function readDocument(report, file) {
  const { document, diagnostics } = await asyncapi.fromFile(new asyncapi.Parser(), file).parse();
  for (const found of diagnostics.filter((d) => !isError(d))) console.log(`asyncapi.yaml:${describe(found)}`);
  report.check('asyncapi.yaml is a valid AsyncAPI document', () => {
    const errors = diagnostics.filter(isError);
    require(document && errors.length === 0, `\n  ${errors.map(describe).join('\n  ')}`);
  });
  report.check('asyncapi.yaml is AsyncAPI 3.0.0', () => require(document?.version() === '3.0.0', document?.version()));
  return document;
}

/** From the direction of an example to the addresses of its channels. */
export function channelsOf(document) {
  const { channels } = document.json();
  const address = (name) => channels[name]?.address;
  return {
    request: [address('request')],
    reply: [address('replyDefault'), address('replyOwn')],
    ...Object.fromEntries(['command', 'ack', 'presence', 'state', 'stats', 'audit'].map((name) => [name, [address(name)]])),
  };
}

/** Every schema is used, and every message's examples are good ones. */
export function checkDocument(report, schemas, document, names, file) {
  const text = readFileSync(file, 'utf8');
  for (const name of names.filter((name) => name !== 'parameters.json'))
    report.check(`asyncapi.yaml uses ${name}`, () => require(text.includes(`./schemas/${name}'`), 'it does not'));
  for (const message of document?.allMessages().all() ?? []) {
    const payload = message.payload()?.json();
    report.check(`message ${message.id()} has a payload`, () => require(payload, 'it has none'));
    for (const example of message.examples().all())
      report.check(`message ${message.id()}, example ${example.name()}`, () => {
        const validate = schemas.getSchema(payload.$id);
        require(validate(example.payload()), schemas.errorsText(validate.errors));
      });
  }
}
