// Builds ../dist from src: the same sources and packages give the same bytes.
import { build } from "esbuild";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, "../dist");

const { metafile, outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx", style: "src/style/style.css" },
  outdir: "../dist/assets",
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: "es2020",
  legalComments: "none",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
  write: false, // a failed build leaves the last one
  logLevel: "warning",
  logLimit: 10,
});

const outputs = Object.entries(metafile.outputs);
const made = (entry) => {
  const [file] = outputs.find(([, o]) => o.entryPoint === entry);
  return path.posix.relative("../dist", file);
};
const page = (await readFile(path.join(here, "src/index.html"), "utf8"))
  .replace("{{script}}", made("src/main.tsx"))
  .replace("{{style}}", made("src/style/style.css"));
const licences = await licenceTexts();

await rm(dist, { recursive: true, force: true });
await mkdir(path.join(dist, "assets"), { recursive: true });
for (const file of outputFiles) await writeFile(file.path, file.contents);
await writeFile(path.join(dist, "index.html"), page);
await cp(path.join(here, "src/icons"), dist, { recursive: true });
await writeFile(path.join(dist, "licenses.txt"), licences);

// licenceTexts are those of every package that is part of a built file.
async function licenceTexts() {
  const packages = new Set();
  for (const [, output] of outputs) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (name && bytesInOutput > 0) packages.add(name);
    }
  }
  const parts = ["The box's page contains the following packages.\n"];
  for (const name of [...packages].sort()) {
    const dir = path.join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(path.join(dir, "package.json"), "utf8"));
    const file = (await readdir(dir)).sort().find((f) => /^licen[cs]e/i.test(f));
    if (!file) throw new Error(`${name} has no licence file`);
    parts.push(heading(`${name} ${version} (${license})`), await readFile(path.join(dir, file), "utf8"));
  }
  // Published bundles contain packages of their own, which are not in node_modules.
  for (const file of (await readdir(path.join(here, "third-party"))).sort()) {
    parts.push(heading(path.basename(file, ".txt")), await readFile(path.join(here, "third-party", file), "utf8"));
  }
  return parts.map((p) => p.trimEnd().replace(/\r\n/g, "\n") + "\n").join("\n");
}

function heading(title) {
  return `${"=".repeat(72)}\n${title}\n${"=".repeat(72)}`;
}
