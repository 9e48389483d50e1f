// Builds the console's static files into dist/: one style sheet, our modules,
// the mark and the licence of what the style sheet contains. `npm ci` first.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as sass from "sass";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const files = new Map();

const css = sass.compile(here("src/muster.scss"), {
  style: "compressed",
  loadPaths: [here("node_modules")],
  quietDeps: true,
});
files.set("muster.css", css.css);
for (const name of await readdir(here("src"))) {
  if (/\.(js|svg|txt)$/.test(name)) {
    files.set(name, await readFile(here(`src/${name}`), "utf8"));
  }
}

// What the content security policy would refuse must not be in the style sheet.
for (const refused of ["data:", "url(", "GDS Transport", "@import"]) {
  if (css.css.includes(refused)) throw new Error(`the style sheet contains ${refused}`);
}
if (!files.has("LICENCE-govuk-frontend.txt")) throw new Error("the licence is missing");

await rm(here("dist"), { recursive: true, force: true });
await mkdir(here("dist"));
for (const [name, text] of files) {
  const packed = gzipSync(text, { level: 9 });
  await writeFile(here(`dist/${name}`), text);
  await writeFile(here(`dist/${name}.gz`), packed);
  process.stdout.write(`${name}: ${Buffer.byteLength(text)} bytes, ${packed.length} compressed\n`);
}
