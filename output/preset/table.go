package preset

import "time"

const (
	kbit = 1000
	mbit = 1000 * kbit

	// Helps that several entries share.
	pathHelp = "the server and the folder, such as \"origin.example/live/channel1\""
	appHelp  = "the server and its application, such as \"media.example/live\""
	nameHelp = "the name of the stream, as players will ask for it"
)

// All are the presets, in the order they are shown. The caller owns them.
func All() []Preset {
	return append(append(platforms(), clouds()...), servers()...)
}

// platforms are what people watch.
func platforms() []Preset {
	return []Preset{
		{
			Name: "youtube", Title: "YouTube Live (RTMPS)", URL: "rtmps://{server}:443/live2/{key}",
			Server: "a.rtmps.youtube.com", ServerHelp: "only for the backup address: b.rtmps.youtube.com",
			KeyHelp: "the stream key of YouTube Studio, Go live",
			Limits:  Limits{VideoBitrate: 51 * mbit, AudioBitrate: 384 * kbit, KeyInterval: 4 * time.Second, FrameRate: 60, NeedsAudio: true},
			Source:  "https://support.google.com/youtube/answer/2853702",
		},
		{
			Name: "twitch", Title: "Twitch", URL: "rtmps://{server}:443/app/{key}",
			Server: "ingest.global-contribute.live-video.net", ServerHelp: "only for another ingest server, such as \"fra05.contribute.live-video.net\"",
			KeyHelp: "the primary stream key of the Creator Dashboard, Settings, Stream",
			Limits:  Limits{VideoBitrate: 6 * mbit, AudioBitrate: 320 * kbit, KeyInterval: 2 * time.Second, Height: 1080, FrameRate: 60},
			Source:  "https://help.twitch.tv/s/article/broadcasting-guidelines",
		},
		{
			Name: "facebook", Title: "Facebook Live", URL: "rtmps://{server}:443/rtmp/{key}",
			Server: "live-api-s.facebook.com", ServerHelp: "only for another server of Live Producer",
			KeyHelp: "the stream key of Live Producer, Streaming software",
			Limits:  Limits{VideoBitrate: 9 * mbit, AudioBitrate: 256 * kbit, KeyInterval: 4 * time.Second, Height: 1080, FrameRate: 60, NeedsAudio: true},
			Source:  "https://www.facebook.com/business/help/162540111070395",
		},
	}
}

// clouds are services that distribute.
func clouds() []Preset {
	return []Preset{
		{
			Name: "akamai", Title: "Akamai Media Services Live 4 (HLS)", URL: "hls+https://{server}/",
			ServerHelp: "entry point, stream and event, such as \"p-ep123456.i.akamaientrypoint.net/123456/event\"",
			// Its ingest answers HEAD by 403 or 405, and knows no If-None-Match.
			Options: map[string]string{"method": "PUT", "verify_uploads": "off"},
			Source:  "https://techdocs.akamai.com/media-services-live/docs",
		},
		{
			Name: "akamai-dash", Title: "Akamai Media Services Live 4 (DASH)", URL: "dash+https://{server}/",
			ServerHelp: "entry point, stream and event, such as \"p-ep123456.i.akamaientrypoint.net/123456/event\"",
			// Its ingest answers HEAD by 403 or 405, and knows no If-None-Match.
			Options: map[string]string{"method": "PUT", "verify_uploads": "off"},
			Source:  "https://techdocs.akamai.com/media-services-live/docs",
		},
		{
			// WebDAV with Digest authentication (RFC 7616); it takes neither HEAD nor
			// DELETE. Each of its two endpoints is a destination.
			Name: "aws-mediapackage", Title: "AWS Elemental MediaPackage v1 (HLS, WebDAV)", URL: "hls+https://{key}@{server}/",
			ServerHelp: "the input endpoint's address without https:// and without the file name at its end",
			KeyHelp:    "name and password of the input endpoint, NAME:PASSWORD",
			Options:    map[string]string{"method": "PUT", "auth": "digest", "verify_uploads": "off"},
			Source:     "https://docs.aws.amazon.com/mediapackage/",
		},
		{
			Name: "aws-medialive", Title: "AWS Elemental MediaLive (RTMP push input)", URL: "rtmp://{server}/{key}",
			ServerHelp: "the input's address, port and application name, such as \"203.0.113.5:1935/live\"",
			KeyHelp:    "the application instance of the input",
			Source:     "https://docs.aws.amazon.com/medialive/latest/ug/origin-rtmp.html",
		},
		{
			Name: "aws-ivs", Title: "Amazon Interactive Video Service", URL: "rtmps://{server}:443/app/{key}",
			ServerHelp: "the channel's ingest server, such as \"a1b2c3d4e5f6.global-contribute.live-video.net\"",
			KeyHelp:    "the channel's stream key",
			Limits:     Limits{VideoBitrate: 8500 * kbit, AudioBitrate: 320 * kbit, Height: 1080, FrameRate: 60},
			Source:     "https://docs.aws.amazon.com/ivs/latest/LowLatencyUserGuide/streaming-config.html",
		},
		{
			Name: "cloudflare", Title: "Cloudflare Stream (RTMPS)", URL: "rtmps://{server}:443/live/{key}",
			Server: "live.cloudflare.com", ServerHelp: "only for another server than live.cloudflare.com",
			KeyHelp: "the RTMPS key of the live input",
			Limits:  Limits{KeyInterval: 8 * time.Second, VideoBitrate: 12 * mbit, Height: 1080},
			Source:  "https://developers.cloudflare.com/stream/stream-live/start-stream-live/",
		},
	}
}

// servers are products that people run themselves.
func servers() []Preset {
	return []Preset{
		{
			Name: "wowza", Title: "Wowza Streaming Engine (RTMP)", URL: "rtmp://{server}/{key}",
			ServerHelp: appHelp + "; name and password belong before the host of a whole url instead",
			KeyHelp:    nameHelp,
			Source:     "https://www.wowza.com/docs/how-to-set-up-live-streaming-using-an-rtmp-based-encoder",
		},
		{
			Name: "mediamtx", Title: "MediaMTX (RTMP)", URL: "rtmp://{server}/{key}",
			ServerHelp: "the server and the path but for its last part, such as \"media.example/live\"",
			KeyHelp:    "the last part of the path: players ask for \"live/KEY\"",
			Source:     "https://mediamtx.org/docs/publish/rtmp-clients",
		},
		{
			Name: "mediamtx-srt", Title: "MediaMTX (SRT)", URL: "srt://{server}?streamid=publish%3A{key}",
			ServerHelp: "the server with its SRT port, such as \"media.example:8890\"", KeyHelp: nameHelp,
			Source: "https://mediamtx.org/docs/publish/srt-clients",
		},
		{
			Name: "mediamtx-whip", Title: "MediaMTX (WebRTC)", URL: "whip+http://{server}/{key}/whip",
			ServerHelp: "the server with its WebRTC port, such as \"media.example:8889\"", KeyHelp: nameHelp,
			Source: "https://mediamtx.org/docs/publish/webrtc-clients",
		},
		{
			Name: "nginx-rtmp", Title: "nginx with its RTMP module", URL: "rtmp://{server}/{key}",
			ServerHelp: appHelp, KeyHelp: nameHelp,
			Source: "https://github.com/arut/nginx-rtmp-module/wiki/Directives",
		},
		{
			Name: "nginx-dav", Title: "nginx with WebDAV as origin (HLS)", URL: "hls+http://{server}/",
			ServerHelp: pathHelp,
			Options:    map[string]string{"method": "PUT", "delete_old": "true"},
			Source:     "https://nginx.org/en/docs/http/ngx_http_dav_module.html",
		},
	}
}
