// Opens pages of a running server in a real browser and fails on accessibility
// violations (WCAG 2.0 to 2.2, levels A and AA), sideways scrolling at 320 px,
// refused content and script errors.
//
//   node axe.mjs --base https://127.0.0.1:8443 [--sign-in LINK] [--mode NAME]...
//                [--screenshots FOLDER] PATH...
//
// LINK is a one-time sign-in link; it is confirmed once, before the pages.
// The browser is $CHROMIUM, or /usr/bin/chromium.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals: paths } = parseArgs({
  allowPositionals: true,
  options: {
    base: { type: "string" },
    "sign-in": { type: "string" },
    mode: { type: "string", multiple: true },
    screenshots: { type: "string" },
  },
});
if (!values.base || paths.length === 0) {
  console.error("usage: node axe.mjs --base URL [--sign-in LINK] [--mode NAME]... [--screenshots FOLDER] PATH...");
  process.exit(2);
}

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 320, height: 640 };
const MODES = {
  light: { viewport: WIDE, colorScheme: "light" },
  dark: { viewport: WIDE, colorScheme: "dark" },
  "forced-colours": { viewport: WIDE, forcedColors: "active" },
  "320px": { viewport: NARROW, colorScheme: "light" },
  "320px-dark": { viewport: NARROW, colorScheme: "dark" },
  // Our pages hold no inline script, so without its files a page is as with scripts
  // switched off, while axe, which needs timers, can still run.
  "no-script": { viewport: WIDE, colorScheme: "light", scripts: false },
};
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** Session cookies, from the one-time link. */
async function signIn(link) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(link);
  await page.locator("main form button[type=submit]").click();
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
  const state = await context.storageState();
  await context.close();
  return state;
}

/** Problems of one page, each one line. */
async function examine(page, path, mode) {
  const problems = [];
  page.on("pageerror", (error) => problems.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) problems.push(`refused content: ${message.text()}`);
  });
  const response = await page.goto(new URL(path, values.base).href, { waitUntil: "load" });
  if (!response || response.status() >= 500) problems.push(`status ${response?.status()}`);
  if (values.screenshots) {
    const name = path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "") || "home";
    await page.screenshot({ path: `${values.screenshots}/${name}.${mode}.png`, fullPage: true });
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (overflow > 0) problems.push(`scrolls sideways by ${overflow} px`);
  await page.evaluate(axe);
  const result = await page.evaluate(
    (tags) => globalThis.axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] }),
    TAGS,
  );
  for (const violation of result.violations) {
    for (const node of violation.nodes) {
      problems.push(`${violation.id}: ${node.target.join(" ")}: ${node.failureSummary.replace(/\s+/g, " ")}`);
    }
  }
  return problems;
}

let failed = 0;
let examined = 0;
try {
  if (values.screenshots) await mkdir(values.screenshots, { recursive: true });
  const storageState = values["sign-in"] ? await signIn(values["sign-in"]) : undefined;
  for (const mode of values.mode ?? Object.keys(MODES)) {
    if (!MODES[mode]) throw new Error(`no mode ${mode}; there are ${Object.keys(MODES).join(", ")}`);
    const { scripts = true, ...look } = MODES[mode];
    const context = await browser.newContext({ ...look, storageState, ignoreHTTPSErrors: true });
    if (!scripts) {
      await context.route("**/*", (route) => (route.request().resourceType() === "script" ? route.abort() : route.continue()));
    }
    for (const path of paths) {
      const page = await context.newPage();
      const problems = await examine(page, path, mode);
      examined += 1;
      failed += problems.length;
      for (const problem of problems) console.error(`${mode} ${path}: ${problem}`);
      await page.close();
    }
    await context.close();
  }
} finally {
  await browser.close();
}
console.log(`${examined} pages examined, ${failed} problems`);
process.exit(failed === 0 ? 0 : 1);
