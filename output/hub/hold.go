package hub

// HoldPictures says that the programme's encoder codes no pictures for now, though
// video was announced, and sound goes on: a link carries no more. What follows begins
// with a key picture. It does not block.
func (h *Hub) HoldPictures(held bool) { h.held.Store(held) }

// PicturesHeld says what HoldPictures said last: readers that cannot do without
// pictures may show the last one again.
func (h *Hub) PicturesHeld() bool { return h.held.Load() }
