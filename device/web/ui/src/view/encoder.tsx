import { bitrate, channels, codec, count, frameRate, sampleRate } from "../format.ts";
import { path, scaleTop, type Point } from "../history.ts";
import type { Audio, Stream, Video } from "../types.ts";
import { Fact, Lost, Panel } from "./parts.tsx";

interface Props {
  stream: Stream;
  points: readonly Point[];
  boxNow: number;
}

export function Encoder({ stream, points, boxNow }: Props) {
  const { video, audio } = stream;
  return (
    <Panel id="encoder" title="Encoder" aside={<span class="by">{(video ?? audio)?.encoder}</span>}>
      {video && <VideoFacts video={video} points={points} boxNow={boxNow} />}
      {audio && video && (
        <header class="panel-head sound">
          <h3>Sound</h3>
          <span class="by">{audio.encoder}</span>
        </header>
      )}
      {audio && <AudioFacts audio={audio} />}
      {!video && !audio && <p class="none">Nothing is being encoded.</p>}
    </Panel>
  );
}

function VideoFacts({ video, points, boxNow }: { video: Video; points: readonly Point[]; boxNow: number }) {
  return (
    <>
      <div class="rate">
        <p class="big">
          {bitrate(video.bitrate)}
          <small>{video.target > 0 ? `target ${bitrate(video.target)}` : "as the input gives it"}</small>
        </p>
        <Sparkline points={points} target={video.target} boxNow={boxNow} />
      </div>
      <dl class="facts">
        <Fact name="Size">
          {video.width} × {video.height}
        </Fact>
        <Fact name="Frame rate">{frameRate(video.frame_rate)}</Fact>
        <Fact name="Frames">{count(video.frames)}</Fact>
        <Fact name="Key frames">{count(video.key_frames)}</Fact>
        <Fact name="Codec" title={video.codec} wide>
          {codec(video.codec)}
        </Fact>
        {video.hardware && (
          <>
            <Fact name="Device" title={video.hardware.driver}>
              {video.hardware.device}
            </Fact>
            <Fact name="Recoveries" title="times the encoder hung or failed and was opened anew">
              <Lost n={video.hardware.recoveries} />
            </Fact>
          </>
        )}
      </dl>
    </>
  );
}

function AudioFacts({ audio }: { audio: Audio }) {
  return (
    <dl class="facts">
      <Fact name="Codec" title={audio.codec}>
        {codec(audio.codec)}
      </Fact>
      <Fact name="Format">
        {sampleRate(audio.sample_rate)} {channels(audio.channels)}
      </Fact>
      <Fact name="Bitrate">{bitrate(audio.bitrate)}</Fact>
    </dl>
  );
}

const width = 240;
const height = 56;

function Sparkline({ points, target, boxNow }: { points: readonly Point[]; target: number; boxNow: number }) {
  const top = scaleTop(points, target);
  const line = path(points, boxNow, top, width, height);
  const aim = height * (1 - target / top);
  return (
    <svg class="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label="Bitrate of the last two minutes">
      {target > 0 && <path class="target" d={`M0 ${aim.toFixed(1)}H${width}`} />}
      <path class="line" d={line} />
    </svg>
  );
}
