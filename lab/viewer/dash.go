package viewer

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"strings"
)

// dash fetches what is new.
func (v *Viewer) dash(ctx context.Context) error {
	text, err := v.text(ctx, v.address)
	if err != nil {
		return err
	}
	tracks, err := segments(v.address, text)
	if err != nil {
		return err
	}
	for _, files := range tracks {
		if err := v.take(ctx, files); err != nil {
			return err
		}
	}
	return nil
}

// manifest is what a viewer needs of an MPD: numbered segments of a timeline.
type manifest struct {
	Periods []struct {
		Sets []struct {
			Template struct {
				Media          string `xml:"media,attr"`
				Initialization string `xml:"initialization,attr"`
				StartNumber    uint64 `xml:"startNumber,attr"`
				Timeline       struct {
					S []struct {
						Repeat int `xml:"r,attr"`
					} `xml:"S"`
				} `xml:"SegmentTimeline"`
			} `xml:"SegmentTemplate"`
		} `xml:"AdaptationSet"`
	} `xml:"Period"`
}

// segments are the addresses of each track's files, the header first, each
// period a track of its own.
func segments(base, text string) (tracks [][]string, err error) {
	from, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := xml.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", base, err)
	}
	for _, p := range m.Periods {
		for _, set := range p.Sets {
			t := set.Template
			names := []string{t.Initialization}
			number := t.StartNumber
			for _, s := range t.Timeline.S {
				for range s.Repeat + 1 {
					names = append(names, strings.ReplaceAll(t.Media, "$Number$", fmt.Sprint(number)))
					number++
				}
			}
			var files []string
			for _, name := range names {
				ref, err := from.Parse(name)
				if err != nil {
					return nil, fmt.Errorf("read %s: %w", base, err)
				}
				files = append(files, ref.String())
			}
			tracks = append(tracks, files)
		}
	}
	return tracks, nil
}
