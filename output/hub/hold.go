package hub

// HoldPictures says that the programme's encoder codes no pictures for now, though
// video was announced, and sound goes on: a link carries no more. What follows begins
// with a key picture. Readers that begin meanwhile, or go on after a loss, do so with
// sound. It does not block.
func (h *Hub) HoldPictures(held bool) { h.held.Store(held) }

// PicturesHeld says what HoldPictures said last: readers that cannot do without
// pictures may show the last one again.
func (h *Hub) PicturesHeld() bool { return h.held.Load() }

// SkipPictures says that the encoder leaves out the pictures that come, for some seconds
// at most: a link stands still. What follows may refer to the pictures before. It does
// not block.
func (h *Hub) SkipPictures(skipped bool) { h.skipped.Store(skipped) }

// PicturesSkipped says what SkipPictures said last.
func (h *Hub) PicturesSkipped() bool { return h.skipped.Load() }
