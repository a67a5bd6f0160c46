// What the sessions of pages share: a headless Chromium by playwright-core, what its pages should not have said, a way to the server
// that can be cut, and axe.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { eq, facts } from './checks.mjs';

export const SECONDS = 60; // a deadline for what must come, never a measure

// ---- the way to the server, which can be cut ----

export class Way {
  // Listens at `here` and passes everything to `base`; both are "http://HOST:PORT".
  static async to(base) {
    const way = new Way(), { port, hostname } = new URL(base);
    way.sockets = new Set();
    way.closed = false;
    way.proxy = net.createServer((near) => {
      if (way.closed) {
        near.destroy();
        return;
      }
      const far = net.connect(Number(port), hostname);
      way.sockets.add(near).add(far);
      const end = () => [near, far].forEach((one) => way.sockets.delete(one) && one.destroy());
      near.pipe(far).pipe(near);
      [near, far].forEach((one) => one.on('error', end).on('close', end));
    });
    await new Promise((done) => way.proxy.listen(0, '127.0.0.1', done));
    way.here = `http://127.0.0.1:${way.proxy.address().port}`;
    return way;
  }

  // What is open breaks, and nothing is let in until it is opened.
  cut() {
    this.closed = true;
    this.sockets.forEach((one) => one.destroy());
  }

  open() {
    this.closed = false;
  }

  end() {
    this.proxy.close();
    this.cut();
  }
}

// ---- the browser ----

export const browser = await chromium.launch({ executablePath: facts.chromium, args: ['--no-sandbox', '--host-resolver-rules=MAP castle.test 127.0.0.1'] });
export const heard = { wrong: [], rough: false }; // what pages said that they should not have; rough: they may, for now

// A page of `base` that has come as far as `ready`.
export async function openPage({ base, ready, path = '/', before = async () => {}, ...options }) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', ...options });
  const note = (what) => heard.rough || heard.wrong.push(what);
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && note(`console: ${message.text()}`));
  page.on('pageerror', (error) => note(`page: ${error.stack}`));
  page.on('request', (request) => !request.url().startsWith(base) && !request.url().startsWith('data:') && note(`asked: ${request.url()}`));
  page.on('response', (answer) => answer.status() >= 400 && page.refusals !== true && note(`${answer.status()} ${answer.url()}`));
  await before(page);
  await page.goto(base + path);
  await page.waitForSelector(ready, { timeout: SECONDS * 1000 });
  return page;
}

// Asks again until the two are the same; the last difference is what fails.
export async function until(compare, what) {
  const deadline = Date.now() + SECONDS * 1000;
  for (;;) {
    try {
      return await compare();
    } catch (error) {
      if (Date.now() > deadline) {
        error.message = `${what}: ${error.message}`;
        throw error;
      }
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

export const text = (page, selector) => page.locator(selector).textContent();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Axe finds nothing serious.
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  eq(violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(({ id, nodes }) => [id, nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`)]), [], what);
}

export async function picture(page, name, options) {
  if (facts.pictures) {
    await page.screenshot({ path: `${facts.pictures}/${name}.png`, ...options });
  }
}

// Everything that a page keeps, or shows of what was typed: no secret may be in it.
export const keptBy = (page) => page.evaluate(async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie,
  await indexedDB.databases(), await caches.keys(), location.href, document.documentElement.outerHTML, [...document.querySelectorAll('input')].map((one) => one.value)]));

// It does not have to be scrolled sideways.
export const fitsIn = (page, what) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth).then((fits) => assert.ok(fits, `${what}: its width`));
