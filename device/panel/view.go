package panel

// view is what a screen is to show, whatever kind of display it is. Each part takes the
// room that it needs, from the top; what does not fit is shown later (rows that go round)
// or not at all.
type view struct {
	title, corner string // the top line; corner at its right
	big           string // one word or two, large where there is room
	rows          []row
	// selected is the row of a menu that is chosen; it is always to be seen. Without a
	// menu, rows that do not fit take turns.
	menu     bool
	selected int
	text     string // prose: broken into lines, those from scroll on shown
	scroll   int
	below    string  // prose behind the rows; takes turns as they do
	bar      float64 // of a bar at the bottom, 0 to 1; below 0 it wanders
	hasBar   bool
	barText  string // above the bar, or instead where there is no room
	qr       string // an address for telephones, and the same for people
	address  string
	edit     string // a value that is being entered
	cursor   int    // in edit
	hint     string // the bottom line, where there is room
	turn     int    // counts up: rows and hints that take turns
	restful  bool   // saves the screen: almost dark
}

// row is one line: a name at the left, a value at the right.
type row struct {
	left, right string
	note        string // behind right, as much as there is room for
	wide        bool   // left may be cut for right's sake
	whole       bool   // right is never cut: left goes instead
}
