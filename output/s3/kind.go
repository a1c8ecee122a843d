// Package s3 uploads segments and playlists to a bucket of Amazon S3 or of
// anything that speaks its protocol: MinIO, Ceph, Cloudflare R2, Wasabi ….
// output/forward decides what is sent when.
//
// minio-go signs and words the requests. What it does beside that is kept out:
// its retries (output/forward's know what waits), its trust and its timeouts
// (output/request's), and its texts of failed connections, which hide the cause.
package s3

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward/store"
)

// Kind is the upload to a bucket: s3://BUCKET/PREFIX.
var Kind = output.Kind{
	Name: "s3", Title: "HLS or DASH (CMAF) upload to an S3 bucket", Direction: output.Push,
	Schemes: []string{"s3"}, Transports: []string{"tls", "http"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  check, Files: open, Manifests: manifests,
}

// Defaults of the options.
const (
	amazon        = "https://s3.amazonaws.com" // minio-go takes the region's own
	defaultRegion = "us-east-1"
	cacheSegments = "public, max-age=31536000, immutable"
	cachePlaylist = "no-cache" // to be validated each time
)

// settings are a target's URL and options.
type settings struct {
	bucket       string
	prefix       string // of the keys: empty, or with a slash at its end
	endpoint     *url.URL
	region       string
	access       string
	secret       string
	lookup       minio.BucketLookupType
	cache        string
	manifests    []string
	givenAddress bool
}

// check says what is wrong with a target. Its options, beside those of
// output/forward/store:
//
//	endpoint       the server's URL; empty: Amazon's
//	region         default us-east-1
//	access_key     and
//	secret_key     both needed
//	path_style     auto (default: true where endpoint is set), true or false
//	playlists      hls (default), dash or both
//	cache_control  Cache-Control of segments and headers
func check(t output.Target) error {
	_, err := read(t)
	return err
}

// manifests is output.Kind.Manifests.
func manifests(t output.Target) []string {
	s, err := read(t)
	if err != nil {
		return []string{output.ManifestHLS}
	}
	return s.manifests
}

func read(t output.Target) (settings, error) {
	s := settings{region: defaultRegion, cache: cacheSegments, manifests: []string{output.ManifestHLS}}
	if err := s.address(t.URL); err != nil {
		return s, err
	}
	s.endpoint, _ = url.Parse(amazon) // a constant
	for _, key := range slices.Sorted(maps.Keys(t.Options)) {
		if ours, err := store.Check(key, t.Options[key]); err != nil {
			return s, err
		} else if ours {
			continue
		}
		if err := s.set(key, t.Options[key]); err != nil {
			return s, err
		}
	}
	if s.access == "" || s.secret == "" {
		return s, errors.New("access_key and secret_key are both needed: a bucket that anybody may write to is not supported")
	}
	if s.lookup == minio.BucketLookupAuto && s.givenAddress {
		s.lookup = minio.BucketLookupPath
	}
	return s, nil
}

// address reads s3://BUCKET/PREFIX.
func (s *settings) address(u *url.URL) error {
	switch {
	case u == nil:
		return errors.New("no URL")
	case u.Scheme != "s3":
		return fmt.Errorf("scheme %q is not s3", u.Scheme)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("an s3 URL is s3://BUCKET/PREFIX: keys go into access_key and secret_key, the server into endpoint")
	case u.Host == "":
		return errors.New("the URL has no bucket: write s3://BUCKET/PREFIX")
	}
	s.bucket = u.Host
	if err := s3utils.CheckValidBucketName(s.bucket); err != nil {
		return fmt.Errorf("bucket %q: %w", s.bucket, err)
	}
	s.prefix = strings.Trim(u.Path, "/")
	// A playlist's address stands for its folder, as players are given it.
	if ext := path.Ext(s.prefix); ext == ".m3u8" || ext == ".mpd" {
		s.prefix = strings.TrimPrefix(path.Dir("/"+s.prefix), "/")
	}
	if s.prefix == "" {
		return nil
	}
	s.prefix += "/"
	if err := s3utils.CheckValidObjectName(s.prefix + "x"); err != nil || strings.ContainsFunc(s.prefix, unicode.IsControl) || strings.Contains(s.prefix, "//") {
		return errors.New("the prefix in the URL cannot be part of an object's name")
	}
	return nil
}

func (s *settings) set(key, v string) error {
	if strings.ContainsFunc(v, unicode.IsControl) {
		return fmt.Errorf("%s: has control characters", key) // the value may be a secret
	}
	switch key {
	case "endpoint":
		return s.setEndpoint(v)
	case "region":
		if strings.ContainsAny(v, " /:") {
			return fmt.Errorf("region: %q is no name of a region", v)
		}
		if v != "" {
			s.region = v
		}
	case "access_key":
		s.access = v
	case "secret_key":
		s.secret = v
	case "cache_control":
		if v != "" {
			s.cache = v
		}
	default:
		return s.choose(key, v)
	}
	return nil
}

// choose sets what is one of few.
func (s *settings) choose(key, v string) error {
	switch key + "=" + v {
	case "path_style=", "path_style=auto":
	case "path_style=true":
		s.lookup = minio.BucketLookupPath
	case "path_style=false":
		s.lookup = minio.BucketLookupDNS
	case "playlists=", "playlists=hls":
	case "playlists=dash":
		s.manifests = []string{output.ManifestDASH}
	case "playlists=both":
		s.manifests = []string{output.ManifestHLS, output.ManifestDASH}
	default:
		switch key {
		case "path_style":
			return fmt.Errorf("path_style: %q is not auto, true or false", v)
		case "playlists":
			return fmt.Errorf("playlists: %q is not hls, dash or both", v)
		}
		return fmt.Errorf("option %q is not known", key)
	}
	return nil
}

func (s *settings) setEndpoint(v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return errors.New("endpoint: is not a server's URL, such as https://minio.example:9000") // it may have a secret
	case u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return errors.New("endpoint: is more than a server's URL: the bucket goes into url, keys into access_key and secret_key")
	}
	u.Path = ""
	s.endpoint, s.givenAddress = u, true
	return nil
}
