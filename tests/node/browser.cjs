// Looks at pages in a real Chromium, and tells what is wrong with them.
//
//   node browser.cjs < JOB
//
// A job is an object: `program` (the browser), `base` (the address of the service), `checks` (names of files in browser/),
// `pages` (objects with a `path`, and what a check wants to know of it), and what single checks need. Prints an object with
// `findings`, one text each, and `seen`, what checks found out by page. Exits with 1 only if it could not look.
const { readFileSync } = require("node:fs");
const { chromium } = require("playwright-core");

/** How long anything may take that a page waits for, in milliseconds. Far more than it takes: machines are busy. */
const PATIENCE = 120_000;
/** How many pages are looked at at once. */
const AT_ONCE = 3;

async function main() {
  const job = JSON.parse(readFileSync(0, "utf8"));
  const browser = await chromium.launch({
    executablePath: job.program,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"],
  });
  const result = { findings: [], seen: {} };
  const queue = [];
  for (const name of job.checks) {
    const { check } = require(`./browser/${name}.cjs`);
    for (const page of job.pages) {
      const about = {
        job,
        page,
        found: (what) => result.findings.push(`${name} ${page.path}: ${what}`),
        saw: (what) => ((result.seen[page.path] ??= {})[name] = what),
        open: (options) => open(browser, job, page, options),
      };
      queue.push(() => check(about).catch((error) => about.found(error.stack)));
    }
  }
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await next();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await browser.close();
  console.log(JSON.stringify(result));
}

/** Opens a page in a context of its own; answers it, and a list of what the browser had to complain about. */
async function open(browser, job, { path, status = 200 }, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    serviceWorkers: "block",
    extraHTTPHeaders: job.headers ?? {},
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const complaints = [];
  const page = await context.newPage();
  // The browser itself notes a page that is not there.
  const isExpected = (text) => status !== 200 && text.startsWith("Failed to load resource: the server responded with");
  page.on("console", (message) => {
    if (!isExpected(message.text())) complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error}`));
  page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()} ${request.failure().errorText}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(job.base)) complaints.push(`asks elsewhere: ${request.url()}`);
  });
  if (options.javaScriptEnabled !== false) {
    await page.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
      });
    });
  }
  const response = await page.goto(job.base + path, { waitUntil: "load" });
  if (response.status() !== status) complaints.push(`status ${response.status()}, not ${status}`);
  return { page, complaints, close: () => context.close() };
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
