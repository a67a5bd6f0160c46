// page_frames.mjs - the times between frames of two pages in one Chromium, by turns: the exchange's page and an empty one.
//
// Reads {chromium, url, runs, seconds} on stdin; prints JSON: for each page and run the intervals between animation frames in ms, and what
// the page's main thread did meanwhile (seconds of Chromium's own Performance domain). playwright-core is that of tests/e2e/clients.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { chromium } = createRequire(new URL('../tests/e2e/clients/', import.meta.url))('playwright-core');
const facts = JSON.parse(readFileSync(0, 'utf8'));
const browser = await chromium.launch({ executablePath: facts.chromium, args: ['--no-sandbox'] });

async function open(url, ready) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } }), page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send('Performance.enable');
  await page.goto(url);
  if (ready) {
    await page.waitForSelector(ready);
  }
  return { page, client };
}

const spent = async ({ client }) => Object.fromEntries((await client.send('Performance.getMetrics')).metrics
  .filter(({ name }) => ['TaskDuration', 'ScriptDuration', 'LayoutDuration', 'RecalcStyleDuration'].includes(name)).map(({ name, value }) => [name, value]));

// Only one page is open at a time: one that nobody sees has no frames.
async function measure(url, ready) {
  const tab = await open(url, ready);
  await tab.page.waitForTimeout(1500); // what comes first is not what is measured
  const seen = () => tab.page.evaluate(() => document.querySelector('#ladder')?.dataset.updateId ?? null);
  const before = await spent(tab), first = await seen();
  const frames = await tab.page.evaluate((seconds) => new Promise((done) => {
    const times = [], frame = (now) => {
      times.push(now);
      if (now - times[0] < seconds * 1000) {
        requestAnimationFrame(frame);
      } else {
        done(times.slice(1).map((time, at) => time - times[at]));
      }
    };
    requestAnimationFrame(frame);
  }), facts.seconds);
  const after = await spent(tab), last = await seen();
  await tab.page.context().close();
  return { frames, updates: first === null ? 0 : Number(last) - Number(first),
    spent: Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]])) };
}

const result = { version: browser.version(), empty: [], page: [] };
for (let run = 0; run < facts.runs; run++) {
  result.empty.push(await measure('about:blank'));
  result.page.push(await measure(facts.url, '#ladder[data-ready=true]'));
}
await browser.close();
console.log(JSON.stringify(result));
