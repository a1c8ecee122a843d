package panel

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rate writes bits per second shortly: "6.2M", "800k".
func rate(bits int) string {
	switch {
	case bits <= 0:
		return "0"
	case bits < 1_000_000:
		return strconv.Itoa((bits+500)/1000) + "k"
	case bits < 100_000_000:
		return fmt.Sprintf("%.1fM", float64(bits)/1e6)
	}
	return fmt.Sprintf("%.0fM", float64(bits)/1e6)
}

// rates writes two bit rates of one unit, "5.8/6.0M".
func rates(a, b int) string {
	if max(a, b) < 1_000_000 {
		return fmt.Sprintf("%d/%dk", (a+500)/1000, (b+500)/1000)
	}
	return fmt.Sprintf("%.1f/%.1fM", float64(a)/1e6, float64(b)/1e6)
}

// bytesOf writes a size: "12.3 GB".
func bytesOf(n uint64) string {
	switch {
	case n >= 100_000_000_000:
		return fmt.Sprintf("%d GB", n/1_000_000_000)
	case n >= 1_000_000_000:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}

// clock writes a duration as it runs: "1:02:03", "3d 04:05".
func clock(d time.Duration) string {
	s := int(max(d, 0) / time.Second)
	if days := s / 86400; days > 0 {
		return fmt.Sprintf("%dd %02d:%02d", days, s/3600%24, s/60%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// about writes a duration roughly: "3h 20m".
func about(seconds float64) string {
	switch m := int(seconds / 60); {
	case m < 1:
		return fmt.Sprintf("%d s", int(seconds))
	case m < 60:
		return fmt.Sprintf("%d min", m)
	case m < 48*60:
		return fmt.Sprintf("%dh %dm", m/60, m%60)
	default:
		return fmt.Sprintf("%d days", m/1440)
	}
}

// sentence has words begin as a sentence does.
func sentence(words string) string {
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
