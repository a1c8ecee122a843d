package hub

import "github.com/encoderbox/encoderbox/media"

// pushCached queues what the hub has cached for the reader, if all of it fits.
func (r *Reader) pushCached() {
	packets, bytes := 0, 0
	for _, p := range r.hub.cache {
		if r.gets(p) {
			packets, bytes = packets+1, bytes+len(p.Data)
		}
	}
	if packets > r.opts.MaxPackets || bytes > r.opts.MaxBytes {
		return
	}
	begun := false // the cache begins with a sync point
	for _, p := range r.hub.cache {
		if r.gets(p) {
			r.push(p, !begun || !r.takesVideo())
			begun = true
		}
	}
}

// gets says that the reader gets a packet of the cache.
func (r *Reader) gets(p media.Packet) bool {
	if r.opts.Codecs == nil {
		return r.hub.offered(p.Track.Codec) == nil
	}
	return r.codecs[p.Track.Kind()] == p.Track.Codec
}

// takesVideo says that the reader's sync points are key pictures.
func (r *Reader) takesVideo() bool {
	return r.opts.Codecs == nil && r.hub.announced(media.Video) || r.video
}

// choose follows a change of what the programme has.
func (r *Reader) choose() {
	if r.opts.Codecs == nil {
		return
	}
	var next [media.Audio + 1]media.Codec
	open := len(r.hub.kinds) == 0
	r.video = false
	for _, kind := range [...]media.Kind{media.Video, media.Audio} {
		c := r.hub.choice(kind, r.opts.Codecs)
		next[kind] = c.codec
		open = open || c.open
		r.video = r.video || kind == media.Video && (c.open || c.codec != 0)
	}
	before := r.codecs
	r.codecs = next
	r.chosen(before, next, !open && next == [media.Audio + 1]media.Codec{})
}

// chosen marks the loss where a kind goes on in another codec.
func (r *Reader) chosen(before, next [media.Audio + 1]media.Codec, nothing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind := range before {
		if r.started && before[kind] != 0 && before[kind] != next[kind] {
			r.gap[kind] = true
		}
	}
	if r.nothing = nothing; nothing {
		r.notify()
	}
}

// offer hands a packet of the programme to the reader; main says that it is of
// a main track, and sync that it is a sync point of those.
func (r *Reader) offer(p media.Packet, main, sync bool) {
	switch kind := p.Track.Kind(); {
	case r.opts.Codecs == nil && main:
		r.push(p, sync)
	case r.opts.Codecs == nil || r.codecs[kind] != p.Track.Codec:
	default:
		r.push(p, !r.video || kind == media.Video && p.Key)
	}
}
