// Checks topics/: node validate.mjs [FOLDER]. Exit status 0 when every fact holds.
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Ajv2020 from 'ajv/dist/2020.js';
import { channelsOf, checkDocument, readDocument } from './document.mjs';
import { checkCoverage, checkExamples } from './examples.mjs';
import { Report, require } from './report.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** From file name to content; a file that is no JSON is a failure. */
function readFolder(report, folder) {
  const files = new Map();
  for (const name of readdirSync(folder).sort())
    report.check(`${name} is JSON`, () => files.set(name, JSON.parse(readFileSync(join(folder, name), 'utf8'))));
  return files;
}

/** An ajv that knows them all. Strict: a keyword that does not exist is an error. */
function compile(report, files) {
  const ajv = new Ajv2020.default({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
  for (const [name, schema] of files)
    report.check(`${name} is a JSON Schema 2020-12`, () => {
      require(schema.$id === name, `its $id is ${schema.$id}`);
      require(schema.$schema === 'https://json-schema.org/draft/2020-12/schema', `its $schema is ${schema.$schema}`);
      ajv.addSchema(schema);
    });
  for (const name of files.keys()) report.check(`${name} compiles`, () => require(ajv.getSchema(name), 'unknown'));
  return ajv;
}

const topics = process.argv[2] ?? here('../../topics');
const report = new Report();
const files = readFolder(report, join(topics, 'schemas'));
const form = JSON.parse(readFileSync(here('example.schema.json'), 'utf8'));
const schemas = compile(report, new Map([...files, ['example.schema.json', form]]));
const examples = readFolder(report, join(topics, 'examples'));
const file = join(topics, 'asyncapi.yaml');
const document = await readDocument(report, file);

// Each under a check, so that what cannot go on after an earlier failure is one more failure.
report.check('the document', () => checkDocument(report, schemas, document, [...files.keys()], file));
report.check('the examples', () => checkExamples(report, schemas, examples, document && channelsOf(document)));
report.check('the coverage', () => checkCoverage(report, schemas, examples));
process.exitCode = report.end();
