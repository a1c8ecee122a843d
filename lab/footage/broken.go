package footage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// TruncatedMP4 is StreetMP4 cut in the middle of its media data: the index is whole
// and speaks of pictures that are not there.
func TruncatedMP4(ctx context.Context) (string, error) {
	src, err := StreetMP4(ctx)
	if err != nil {
		return "", err
	}
	return derived(ctx, "truncated", src, "truncated.mp4", func(b []byte) []byte { return b[:len(b)*2/5] })
}

// UnindexedMP4 is an MP4 whose recorder died before it wrote the index.
func UnindexedMP4(ctx context.Context) (string, error) {
	src, err := StreetMP4(ctx)
	if err != nil {
		return "", err
	}
	// Without faststart the index comes last, and is cut off.
	atEnd, err := one(ctx, "street-moov-last", []string{src}, ffmpeg("-i", src, "-c", "copy", "moov-last.mp4"), "moov-last.mp4")
	if err != nil {
		return "", err
	}
	return derived(ctx, "unindexed", atEnd, "unindexed.mp4", func(b []byte) []byte { return b[:len(b)*4/5] })
}

// TextMP4 is a text file by the name of an MP4.
func TextMP4(ctx context.Context) (string, error) {
	text := strings.Repeat("This is a shopping list: bread, milk, a new capture card.\n", 40)
	return written(ctx, "text", "text.mp4", []byte(text))
}

// EmptyMP4 is a file of no bytes by the name of an MP4.
func EmptyMP4(ctx context.Context) (string, error) { return written(ctx, "empty", "empty.mp4", nil) }

func derived(ctx context.Context, name, src, file string, change func([]byte) []byte) (string, error) {
	dir, err := recipe{name: name, inputs: []string{src}, afterV: "1", after: func(dir string) error {
		b, err := os.ReadFile(src)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, file), change(b), 0o644)
	}}.make(ctx)
	return filepath.Join(dir, file), err
}

func written(ctx context.Context, name, file string, b []byte) (string, error) {
	dir, err := recipe{name: name, afterV: fmt.Sprintf("%q", b), after: func(dir string) error {
		return os.WriteFile(filepath.Join(dir, file), b, 0o644)
	}}.make(ctx)
	return filepath.Join(dir, file), err
}
