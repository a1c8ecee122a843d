package panel

// ASCII is the printable ASCII character that looks most like r, or '?'. Displays that lack
// arrows and the like show these.
func ASCII(r rune) byte {
	if r >= ' ' && r <= '~' {
		return byte(r)
	}
	switch r {
	case '\u00a0', '\u2009', '\u202f', '░', '□':
		return ' '
	case '↑', '▲', '▴':
		return '^'
	case '↓', '▼', '▾':
		return 'v'
	case '←', '◀', '◂', '◄', '‹', '«':
		return '<'
	case '→', '▶', '▸', '►', '›', '»':
		return '>'
	case '✓', '✔', '☑', '●', '•', '∙', '■', '◉':
		return '*'
	case '✗', '✘', '×':
		return 'x'
	case '○', '◌', '°':
		return 'o'
	case '·', '…':
		return '.'
	case '–', '—', '−', '─':
		return '-'
	case '‘', '’', '′':
		return '\''
	case '“', '”', '″':
		return '"'
	case '│':
		return '|'
	case '█', '▓', '▒':
		return '#'
	case 'µ', 'μ':
		return 'u'
	default:
		return '?'
	}
}
