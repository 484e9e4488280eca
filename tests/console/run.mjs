// Uses the console as people do: node tests/console/run.mjs BUILD [NAME…]. Only tests whose names hold one of the words
// are run where there are any. Its last line is "N passed, N failed, N skipped".

import { chromium } from 'playwright-core';
import { startBroker, startTrackers, Service, stopAll, keepLogs, PATIENCE_MS, REFUSING, SILENT } from './stage.mjs';
import { tests } from './tests.mjs';

const words = process.argv.slice(3);

function findChromium() {
  return process.env.CHROMIUM ?? '/usr/bin/chromium';
}

async function makeStage() {
  const broker = await startBroker();
  await startTrackers(broker, 'trackers', '265489,265494', '--offline', '265490');
  await startTrackers(broker, 'silent', String(SILENT), '--silence-rate', '1');
  await startTrackers(broker, 'refusing', String(REFUSING), '--refuse-rate', '1');
  const service = await Service.make('console-1', broker, { OUTPUTD_HTTP_API: 'true' });
  const readOnly = await Service.make('console-2', broker, {
    OUTPUTD_HTTP_API: 'false',
    OUTPUTD_BROKER_SHARE_GROUP: 'nobody', // it sees presence and takes no request of the other's
  });
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'], // of pages of our own alone; root has no sandbox
  });
  return { broker, service, readOnly, browser };
}

// A page of its own for each test. What it complains of fails the test, but for what it cannot know: that a request
// will fail.
async function makePage(stage, options) {
  const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) page.complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('http://127.0.0.1:')) page.complaints.push(`asks for ${request.url()}`);
  });
  return page;
}

async function runTest(stage, { name, options, run }) {
  const page = await makePage(stage, options);
  try {
    await run({ ...stage, page });
    if (page.complaints.length) throw new Error(`the page complains: ${page.complaints.join('; ')}`);
    console.log(`ok      ${name}`);
    return true;
  } catch (error) {
    console.log(`FAILED  ${name}\n${error.stack}`);
    return false;
  } finally {
    await page.context().close();
  }
}

let passed = 0;
let failed = 0;
let stage;
try {
  stage = await makeStage();
  for (const test of tests) {
    if (words.length && !words.some((word) => test.name.includes(word))) continue;
    if (await runTest(stage, test)) passed++;
    else failed++;
  }
} catch (error) {
  console.log(`FAILED  the stage\n${error.stack}`);
  failed++;
} finally {
  await stage?.browser.close();
  if (failed) keepLogs();
  await stopAll();
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed || !passed ? 1 : 0);
