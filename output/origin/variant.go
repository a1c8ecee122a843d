package origin

// Variant is what a kind of origin wants differently from a plain web server:
// data for presets. Options are those of the kinds.
type Variant struct {
	Name    string
	Title   string
	Options map[string]string
	// Note is what has to be set by hand, and why.
	Note string
}

// Variants are those known.
func Variants() []Variant {
	return []Variant{
		{
			Name: "plain", Title: "a web server that takes PUT: nginx or Apache with DAV",
			Options: map[string]string{"method": "PUT"},
			Note:    "nginx: dav_methods PUT DELETE; create_full_put_path on; client_max_body_size above a segment's size",
		},
		{
			// Its ingest answers HEAD by 403 or 405, and knows no If-None-Match.
			Name: "akamai-msl", Title: "Akamai Media Services Live",
			Options: map[string]string{"method": "PUT", "verify_uploads": verifyOff},
			Note:    "the entry point wants a user agent it knows: set headers to \"User-Agent: …\" as agreed; primary and backup entry points are two destinations",
		},
		{
			// WebDAV with Digest authentication (RFC 7616), which it asks for; it takes
			// neither HEAD nor DELETE.
			Name: "aws-mediapackage", Title: "AWS Elemental MediaPackage v1, and WebDAV like it",
			Options: map[string]string{"method": "PUT", "auth": "digest", "verify_uploads": verifyOff, "delete_old": "false"},
			Note:    "name and password of the input endpoint in the URL; each of its two endpoints is a destination",
		},
	}
}
