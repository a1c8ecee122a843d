// A box that has every state at once, for working on the page:
//
//   npm run build && node dev/fake.mjs PORT [http://BOX:8080]
//
// serves the page at /well/, /reconnecting/, /input/, /none/, /many/, /starting/, and, with
// a bit rate that follows a link, /rate/, /crowd/, /poor/, /fixed/, /alone/. /hls/ is passed on to a running box.
import { createServer, request } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { answers } from "./answers.mjs";
import { scenarios } from "./scenarios.mjs";

const dist = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../dist");
const [port = "8081", box = "http://127.0.0.1:8080"] = process.argv.slice(2);
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'"; // as ../web.go has it
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain" };

createServer((req, res) => {
  const url = new URL(req.url, "http://page");
  const [, scenario, ...rest] = url.pathname.split("/");
  const file = rest.join("/");
  if (scenario === "hls") return pass(req, res);
  if (!scenarios[scenario]) return res.writeHead(404).end(Object.keys(scenarios).join(" "));
  if (file === "api/v1/status") return res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(scenarios[scenario]().snapshot));
  if (file === "api/v1/events") return events(scenario, res);
  if (req.method === "POST" && file.endsWith("/preflight")) return preflight(res);
  const answer = answers[file.replace(/\/$/, "")]?.(scenarios[scenario](), url.searchParams);
  if (answer) return res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answer));
  readFile(path.join(dist, path.normalize(file || "index.html"))).then(
    (body) => res.writeHead(200, { "Content-Security-Policy": policy, "Content-Type": `${types[path.extname(file || ".html")]}; charset=utf-8` }).end(body),
    () => res.writeHead(404).end(),
  );
}).listen(Number(port), "127.0.0.1", () => console.log(Object.keys(scenarios).map((s) => `http://127.0.0.1:${port}/${s}/`).join("\n")));

function pass(req, res) {
  const onward = request(box + req.url, (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  onward.on("error", () => res.writeHead(502).end());
  onward.end();
}

// preflight answers step by step, as the box does.
async function preflight(res) {
  res.writeHead(200, { "Content-Type": "application/x-ndjson" });
  const steps = [
    { name: "configuration", verdict: "good", text: "srt caller, latency 2 s" },
    { name: "clock", verdict: "warning", text: "the clock is not set by a time server" },
    { name: "resolve", verdict: "good", text: "203.0.113.7" },
    { name: "connect", verdict: "bad", text: "nothing listens at 203.0.113.7:9000" },
  ];
  for (const step of steps) {
    await new Promise((done) => setTimeout(done, 400));
    res.write(`${JSON.stringify({ step })}\n`);
  }
  res.end(`${JSON.stringify({ report: { go: false, reason: "nothing listens at 203.0.113.7:9000", steps } })}\n`);
}

function events(scenario, res) {
  res.writeHead(200, { "Content-Type": "text/event-stream" });
  const { log } = scenarios[scenario]();
  log.forEach((e, i) => res.write(`id: ${i + 1}\nevent: log\ndata: ${JSON.stringify({ ...e, sequence: i + 1 })}\n\n`));
  const send = () => res.write(`event: status\ndata: ${JSON.stringify(scenarios[scenario]().snapshot)}\n\n`);
  send();
  const timer = setInterval(send, 1000);
  res.on("close", () => clearInterval(timer));
}
