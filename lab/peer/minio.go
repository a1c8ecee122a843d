package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// minioVersion is the pin of lab/peer/minio/go.mod.
const minioVersion = "v0.0.0-20260212201848-7aac2a2c5b7c"

// MinIO is a MinIO server with one bucket. It checks signatures.
type MinIO struct {
	*server
	addr   string
	client *minio.Client
}

// What a MinIO is opened with.
const (
	MinIOBucket    = "live"
	MinIOAccessKey = "box-access"
	MinIOSecretKey = "box-secret-word"
)

// minioPath is the server that lab/setup/install.sh has built.
func minioPath() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("peer: find MinIO: %w", err)
	}
	path := filepath.Join(cache, "encoderbox", "bin", "minio-"+minioVersion)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("peer: MinIO is not built: run lab/setup/install.sh test (%w)", err)
	}
	return path, nil
}

// StartMinIO starts a MinIO and makes its bucket.
func StartMinIO(tb TB) *MinIO {
	tb.Helper()
	path, err := minioPath()
	if err != nil {
		tb.Fatalf("%v", err)
	}
	dir := tb.TempDir()
	m := &MinIO{}
	m.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
		m.addr = loopback(s[0].port)
		return Command{
			Name: "minio", Dir: dir,
			Args: []string{path, "server", "--quiet", "--address", m.addr, "--certs-dir", filepath.Join(dir, "certs"), filepath.Join(dir, "data")},
			Env: []string{
				"HOME=" + dir, "MINIO_ROOT_USER=" + MinIOAccessKey, "MINIO_ROOT_PASSWORD=" + MinIOSecretKey,
				"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off", "GOMAXPROCS=2",
			},
		}, nil
	})
	m.client, err = minio.New(m.addr, &minio.Options{
		Creds: credentials.NewStaticV4(MinIOAccessKey, MinIOSecretKey, ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		tb.Fatalf("peer: open MinIO: %v", err)
	}
	m.await(tb, "make a bucket", func(ctx context.Context) error {
		return m.client.MakeBucket(ctx, MinIOBucket, minio.MakeBucketOptions{})
	})
	m.await(tb, "be refused", m.refuses)
	return m
}

// await repeats what works once the server is ready: it listens before.
func (m *MinIO) await(tb TB, what string, works func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := works(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			tb.Fatalf("peer: %s in MinIO: %v: %s", what, err, lastLines(m.Log(), 8))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// refuses returns nil once the server knows whom it does not know: it serves its owner
// before.
func (m *MinIO) refuses(ctx context.Context) error {
	nobody, err := minio.New(m.addr, &minio.Options{Creds: credentials.NewStaticV4("nobody", "nothing-at-all", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		return err
	}
	_, err = nobody.BucketExists(ctx, MinIOBucket)
	switch code := minio.ToErrorResponse(err).Code; {
	case err == nil:
		return errors.New("it lets anybody in")
	case code == "InvalidAccessKeyId", code == "AccessDenied": // the answer to a HEAD has no body to say which
		return nil
	}
	return err
}

// Addr is its host and port.
func (m *MinIO) Addr() string { return m.addr }

// Endpoint is the server's address.
func (m *MinIO) Endpoint() string { return "http://" + m.addr }

// Object is one object, as the server gives it.
type Object struct {
	Data                     []byte
	Type, CacheControl, ETag string
}

// Object reads one object of the bucket.
func (m *MinIO) Object(ctx context.Context, key string) (*Object, error) {
	o, err := m.client.GetObject(ctx, MinIOBucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("peer: read %s of MinIO: %w", key, err)
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	if err != nil {
		return nil, fmt.Errorf("peer: read %s of MinIO: %w", key, err)
	}
	info, err := o.Stat()
	if err != nil {
		return nil, fmt.Errorf("peer: read %s of MinIO: %w", key, err)
	}
	return &Object{data, info.ContentType, info.Metadata.Get("Cache-Control"), info.ETag}, nil
}

// Keys are those of all objects that begin with a prefix.
func (m *MinIO) Keys(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	for o := range m.client.ListObjects(ctx, MinIOBucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, fmt.Errorf("peer: list MinIO's objects: %w", o.Err)
		}
		keys = append(keys, strings.Clone(o.Key))
	}
	return keys, nil
}
