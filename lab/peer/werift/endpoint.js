// A WHIP endpoint (RFC 9725) on werift that records what it gets.
//
//   node endpoint.js FOLDER
//
// It listens on 127.0.0.1, prints one line of JSON with its port, and after
// every DELETE writes FOLDER/video.h264 (Annex B, whole pictures), FOLDER/audio.rtp
// (of each packet its timestamp in 4 bytes, the payload's length in 2, the payload)
// and FOLDER/report.json: per kind the packets, the first one, and the last sender
// report.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { RTCPeerConnection, RTCRtpCodecParameters, RtcpSrPacket } = require("werift");

const folder = process.argv[2];
const sessions = new Map();
let made = 0;

const codecs = {
  video: ["42e01f", "42c01f", "4d401f", "64001f", "640028", "64001e"].map((profile) => new RTCRtpCodecParameters({
    mimeType: "video/H264", clockRate: 90000,
    rtcpFeedback: [{ type: "nack" }, { type: "nack", parameter: "pli" }],
    parameters: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile,
  })),
  audio: [new RTCRtpCodecParameters({ mimeType: "audio/opus", clockRate: 48000, channels: 2 })],
};

const startCode = Buffer.from([0, 0, 0, 1]);

// annexB undoes RFC 6184, packetization-mode 1.
function annexB(packets) {
  const out = [];
  let picture = [];
  for (const { payload, marker } of packets) {
    const type = payload[0] & 0x1f;
    if (type === 28) {
      if (payload[1] & 0x80) picture.push(startCode, Buffer.from([(payload[0] & 0xe0) | (payload[1] & 0x1f)]));
      picture.push(payload.subarray(2));
    } else if (type === 24) {
      for (let at = 1; at + 2 <= payload.length;) {
        const size = payload.readUInt16BE(at);
        picture.push(startCode, payload.subarray(at + 2, at + 2 + size));
        at += 2 + size;
      }
    } else {
      picture.push(startCode, payload);
    }
    if (marker) {
      out.push(...picture);
      picture = [];
    }
  }
  return Buffer.concat(out);
}

function framed(packets) {
  return Buffer.concat(packets.flatMap(({ timestamp, payload }) => {
    const head = Buffer.alloc(6);
    head.writeUInt32BE(timestamp, 0);
    head.writeUInt16BE(payload.length, 4);
    return [head, payload];
  }));
}

function inOrder(packets) {
  return [...packets].sort((a, b) => ((a.seq - b.seq) << 16) >> 16).filter((p, i, all) => i === 0 || p.seq !== all[i - 1].seq);
}

async function create(offer) {
  const session = { video: [], audio: [], reports: {} };
  const pc = new RTCPeerConnection({
    codecs, iceServers: [], iceUseIpv6: false, iceAdditionalHostAddresses: ["127.0.0.1"], bundlePolicy: "max-bundle",
  });
  session.pc = pc;
  pc.onTransceiverAdded.subscribe((transceiver) => {
    transceiver.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe((rtp) => {
        session[track.kind].push({
          seq: rtp.header.sequenceNumber, timestamp: rtp.header.timestamp, marker: rtp.header.marker, payload: Buffer.from(rtp.payload),
        });
      });
      track.onReceiveRtcp.subscribe((rtcp) => {
        if (rtcp instanceof RtcpSrPacket) {
          session.reports[track.kind] = { ntp: rtcp.senderInfo.ntpTimestamp.toString(), rtp: rtcp.senderInfo.rtpTimestamp };
        }
      });
    });
  });
  await pc.setRemoteDescription({ type: "offer", sdp: offer });
  await pc.setLocalDescription(await pc.createAnswer());
  return session;
}

function write(session) {
  const report = {};
  for (const kind of ["video", "audio"]) {
    const packets = inOrder(session[kind]);
    report[kind] = {
      packets: packets.length, first: packets[0]?.timestamp, head: packets[0]?.payload.toString("base64"), report: session.reports[kind],
      bytes: packets.reduce((n, p) => n + p.payload.length, 0),
    };
    if (kind === "video") fs.writeFileSync(path.join(folder, "video.h264"), annexB(packets));
    else fs.writeFileSync(path.join(folder, "audio.rtp"), framed(packets));
  }
  fs.writeFileSync(path.join(folder, "report.json"), JSON.stringify(report));
}

const server = http.createServer(async (req, res) => {
  let body = "";
  for await (const part of req) body += part;
  try {
    if (req.method === "POST" && req.url === "/whip") {
      const session = await create(body);
      const place = "/session/" + ++made;
      sessions.set(place, session);
      res.writeHead(201, { "Content-Type": "application/sdp", Location: place, ETag: '"1"' });
      res.end(session.pc.localDescription.sdp);
    } else if (req.method === "DELETE" && sessions.has(req.url)) {
      const session = sessions.get(req.url);
      sessions.delete(req.url);
      write(session);
      await session.pc.close();
      res.writeHead(200).end();
    } else {
      res.writeHead(req.method === "POST" || sessions.has(req.url) ? 405 : 404).end();
    }
  } catch (err) {
    console.error(err);
    res.writeHead(500, { "Content-Type": "text/plain" }).end(String(err));
  }
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
