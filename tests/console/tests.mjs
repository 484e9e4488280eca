import assert from 'node:assert/strict';
import { CROWD, HASH, REFUSING, SILENT, keep, logOf, outputctl, until } from './stage.mjs';

export const tests = [];

function test(name, run, options = {}) {
  tests.push({ name, run, options });
}

// --- what is on the page ---

const tracker = (page, id) => page.locator(`.tracker[data-tracker="${id}"]`);
const output = (page, id, number) => tracker(page, id).locator(`[data-output="${number}"]`);

async function open(page, service) {
  await page.goto(service.url);
  await tracker(page, 265489).waitFor();
  await page.locator('#stream[data-state=live]').waitFor();
}

async function waitForState(page, id, number, state) {
  await tracker(page, id).locator(`.output.${state}[data-output="${number}"]`).waitFor();
}

async function waitForText(page, selector, pattern) {
  await until(`${selector} says ${pattern}`, async () => pattern.test(await page.locator(selector).innerText()));
}

async function switchBy(page, id, number, word) {
  await output(page, id, number).click();
  await page.locator('#switch-hash').fill(HASH);
  await page.locator(`#switch-${word}`).click();
}

// A known state to begin with, seen on the page.
async function begin(page, service, id, number, enable) {
  await service.set(id, number, enable);
  await open(page, service);
  await waitForState(page, id, number, enable ? 'on' : 'off');
}

const commands = (name) => logOf(name).split('\n').filter((line) => line.includes('command')).length;

// --- switching ---

test('a click switches an output, and the page shows it', async ({ page, service }) => {
  await begin(page, service, 265489, 2, false);
  const before = commands('trackers');
  await switchBy(page, 265489, 2, 'on');
  await waitForState(page, 265489, 2, 'on');
  await waitForText(page, '#notice', /Tracker 265489, output 2: on, acked after/);
  assert.equal(await page.locator('#switch').isVisible(), false);
  assert.equal(commands('trackers'), before + 1);
  const row = page.locator('.request').first();
  await page.locator('.request[data-outcome=success]').first().waitFor();
  assert.match(await row.innerText(), /265489\s+output 2 on/);
  assert.equal(await row.locator('.hops i.done').count(), 4);
});

test('nothing is sent before it is confirmed', async ({ page, service }) => {
  await begin(page, service, 265489, 2, false);
  const before = commands('trackers');
  await output(page, 265489, 2).click();
  await page.locator('#switch-hash').fill(HASH);
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#switch').isVisible(), true);
  await page.locator('#switch-close').click();
  await output(page, 265489, 2).click();
  await page.keyboard.press('Escape');
  await service.set(265489, 3, true); // what was sent before it would have come before it
  assert.equal(commands('trackers'), before + 1);
  assert.match(await output(page, 265489, 2).getAttribute('class'), /off/);
});

async function tabTo(page, selector) {
  for (let i = 0; i < 60; i++) {
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the Tab key does not lead to ${selector}`);
}

test('the keyboard alone switches an output', async ({ page, service }) => {
  await begin(page, service, 265489, 1, true);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('Enter');
  await tabTo(page, '#search');
  await page.keyboard.type('265489');
  await until('one is left', async () => (await page.locator('.tracker').count()) === 1);
  await tabTo(page, '.tracker [data-output="1"]');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid');
  await page.keyboard.press('Enter');
  await page.keyboard.type(HASH);
  await tabTo(page, '#switch-off');
  await page.keyboard.press('Space');
  await waitForState(page, 265489, 1, 'off');
  await until('the focus is back', () => page.evaluate(() => document.activeElement.matches('.tracker [data-output="1"]')));
});

test('all outputs are switched at once', async ({ page, service }) => {
  await begin(page, service, 265489, 1, false);
  await output(page, 265489, 0).click();
  await page.locator('#switch-hash').fill(HASH);
  await page.locator('#switch-on').click();
  for (const number of [1, 2, 3]) await waitForState(page, 265489, number, 'on');
});

test('an output that is reserved to engine block is locked', async ({ page, service }) => {
  await open(page, service);
  const locked = output(page, 265494, 1);
  assert.equal(await locked.evaluate((e) => e.tagName), 'SPAN');
  assert.match(await locked.getAttribute('aria-label'), /locked, reserved to engine block/);
  await locked.click();
  assert.equal(await page.locator('dialog[open]').count(), 0);
  assert.equal(await output(page, 265494, 2).evaluate((e) => e.tagName), 'BUTTON');
  assert.equal(await output(page, 265494, 0).count(), 0); // all of them would be with it
  assert.equal((await service.set(265494, 1, true)).status.code, 214);
});

// --- how it ends otherwise ---

test('what was not sent says why', async ({ page, service }) => {
  await open(page, service);
  await switchBy(page, 265490, 1, 'on');
  await waitForText(page, '#switch-result', /offline \(213\)\. Not sent: nothing left for the tracker/);
});

test('what the tracker refused says so', async ({ page, service }) => {
  await open(page, service);
  await switchBy(page, REFUSING, 1, 'on');
  await waitForText(page, '#switch-result', /\(266\)\. The tracker refused/);
  await page.locator('.request[data-outcome=rejected]').first().waitFor();
});

test('what is unknown says that the output may have switched', async ({ page, service }) => {
  await open(page, service);
  await switchBy(page, SILENT, 1, 'on');
  await waitForText(page, '#switch-result', /Waiting for the tracker/);
  await waitForText(page, '#switch-result', /\(213\)\. Unknown: .* The output may have switched/);
  await waitForText(page, '.request[data-outcome=unknown]', /unknown 213/);
});

test('a wrong key is asked for again', async ({ page, service }) => {
  await begin(page, service, 265489, 3, false);
  await output(page, 265489, 3).click();
  await page.locator('#switch-hash').fill('abc');
  await page.locator('#switch-on').click();
  await waitForText(page, '#switch-result', /32 hex digits/);
  await page.locator('#switch-hash').fill('f'.repeat(32));
  await page.locator('#switch-on').click();
  await waitForText(page, '#switch-result', /session ended \(4\)\. Not sent/);
  await page.locator('#switch-hash').fill(HASH);
  await page.locator('#switch-on').click();
  await waitForState(page, 265489, 3, 'on');
});

// The reply is lost on its way: nobody knows what has become of the request, and asking again finds out.
test('asking again is the same request', async ({ page, service }) => {
  await begin(page, service, 265489, 2, false);
  const before = commands('trackers');
  await page.route('**/tracker/output/set', async (route) => {
    await route.fetch(); // it arrives, and its reply is lost
    await route.abort();
  }, { times: 1 });
  await switchBy(page, 265489, 2, 'on');
  await waitForText(page, '#switch-result', /does not answer: .* Asking again is safe/);
  await page.locator('#switch-again').click();
  await waitForText(page, '#notice', /Tracker 265489, output 2: on/);
  assert.equal(commands('trackers'), before + 1);
});

// --- the key ---

const storage = (page) => page.evaluate(() => ({ ...localStorage, ...sessionStorage }));

test('the key is kept nowhere unless its owner says so', async ({ page, service }) => {
  await open(page, service);
  await page.locator('#key').click();
  await page.locator('#key-hash').fill(HASH);
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('#key').innerText(), 'Key in use');
  assert.deepEqual(await storage(page), {});
  assert.equal((await page.content()).includes(HASH), false);
  assert.equal(await page.locator('input[type=password]').evaluateAll((all) => all.map((e) => e.value).join('')), '');
  assert.equal(page.url(), service.url);
  await page.reload();
  await page.locator('#key:has-text("Enter a key")').click();
  await page.locator('#key-hash').fill(HASH);
  await page.locator('#key-keep').check();
  await page.locator('#key-use').click();
  await page.reload();
  await page.locator('#key:has-text("Key in use")').click();
  await page.locator('#key-forget').click();
  assert.deepEqual(await storage(page), {});
});

// --- looking ---

test('with the API off it is read-only', async ({ page, readOnly }) => {
  await open(page, readOnly);
  await page.locator('#read-only').waitFor();
  assert.equal(await page.locator('.tracker button').count(), 0);
  assert.equal(await page.locator('#key').isVisible(), false);
  assert.equal(await output(page, 265489, 1).evaluate((e) => e.tagName), 'SPAN');
});

test('trackers are found by id, model and presence, a page at a time', async ({ page, service }) => {
  await open(page, service);
  await page.locator('#search').fill(CROWD.model.slice(0, 7));
  await until('only these', async () => !(await page.locator('#trackers').innerText()).includes('generic'));
  await waitForText(page, '#found', /^50 shown$/);
  await page.locator('#more').click();
  await waitForText(page, '#found', /^100 shown$/);
  await page.locator('#more').click();
  await waitForText(page, '#found', new RegExp(`^${CROWD.count} shown, that is all$`));
  await page.locator('#search').fill(String(CROWD.first + 7));
  await waitForText(page, '#found', /^1 shown, that is all$/);
  await page.locator('#search').fill('nothing like it');
  await waitForText(page, '#found', /No tracker is like that/);
  await page.locator('#search').fill('');
  await page.getByText('Online', { exact: true }).click();
  await waitForText(page, '#found', /^4 shown, that is all$/);
});

test('a request over MQTT goes its four hops', async ({ page, service, broker }) => {
  await open(page, service);
  const { length } = await page.locator('.request').all();
  await outputctl(broker, 'set', '--tracker', '265489', '--output', '3', '--on');
  await until('one more request', async () => (await page.locator('.request').count()) > length);
  await waitForText(page, '.request >> nth=0', /265489\s+output 3 on[^]*ms[^]*success/);
  await waitForState(page, 265489, 3, 'on');
});

test('the charts show how requests ended', async ({ page, service }) => {
  await service.set(265489, 1, true);
  await service.set(265490, 1, true);
  await open(page, service);
  await page.locator('#outcomes rect.success').first().waitFor();
  await page.locator('#outcomes rect.not_sent').first().waitFor();
  await page.locator('#latency rect.acked').first().waitFor();
  assert.match(await page.locator('#outcomes-text').textContent(), /[1-9]\d* success, [1-9]\d* not_sent/);
  assert.match(await page.locator('#percentiles').innerText(), /half within\s+\d+ ms/);
});

test('after a restart of the service the page comes back by itself', async ({ page, service }) => {
  await open(page, service);
  await service.kill();
  await page.locator('#stream[data-state=lost]').waitFor();
  await page.locator('#health[data-ready=false]').waitFor();
  await service.start();
  await page.locator('#stream[data-state=live]').waitFor();
  await page.locator('#health[data-ready=true]').waitFor();
  await service.set(265489, 2, true);
  await waitForState(page, 265489, 2, 'on');
  await service.set(265489, 2, false);
  await waitForState(page, 265489, 2, 'off');
});

// A browser does not try again by itself where it got an answer.
test('a page for which there was no place tries again', async ({ page, service }) => {
  await page.route('**/console/events*', (route) => route.fulfill({ status: 503, body: 'too many pages' }), { times: 1 });
  await open(page, service);
  await service.set(265489, 2, true);
  await waitForState(page, 265489, 2, 'on');
});

test('it may be called localhost, and its policy lets nobody in', async ({ page, service }) => {
  const response = await page.goto(service.url.replace('127.0.0.1', 'localhost'));
  assert.equal(response.status(), 200);
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/);
  page.complaints.length = 0; // that this is another address than the others use
});

// --- how it looks ---

async function shoot(page, service, name) {
  await service.set(265494, 2, true);
  await service.set(265494, 3, false);
  await open(page, service);
  await page.locator('.request').first().waitFor();
  await page.locator('#outcomes rect').first().waitFor();
  await page.screenshot({ path: keep(`${name}.png`) });
  const { wide, view } = await page.evaluate(() => ({ wide: document.scrollingElement.scrollWidth, view: innerWidth }));
  assert.ok(wide <= view, `${wide} pixels wide in ${view}`);
}

for (const colorScheme of ['light', 'dark']) {
  test(`desktop, ${colorScheme}`, ({ page, service }) => shoot(page, service, `desktop-${colorScheme}`), { colorScheme });
  test(`phone, ${colorScheme}`, ({ page, service }) => shoot(page, service, `phone-${colorScheme}`), {
    colorScheme,
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
  });
}

test('a narrow phone', ({ page, service }) => shoot(page, service, 'phone-narrow'), { viewport: { width: 360, height: 640 } });
