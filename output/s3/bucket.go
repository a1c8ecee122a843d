package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

const (
	defaultWriteTimeout = 10 * time.Second
	// maxUnsized bounds a file whose size nobody knows: S3 has to be told it first.
	maxUnsized = 64 << 20
)

// bucket is one bucket.
type bucket struct {
	settings
	stall   time.Duration
	carrier *carrier
	client  *minio.Client
	// unconditional: the server does not know If-None-Match on uploads.
	unconditional atomic.Bool
}

var _ output.Files = (*bucket)(nil)

// open is output.Kind.Files.
func open(t output.Target) (output.Files, error) {
	s, err := read(t)
	if err != nil {
		return nil, err
	}
	if t.WriteTimeout <= 0 {
		t.WriteTimeout = defaultWriteTimeout
	}
	b := &bucket{settings: s, stall: t.WriteTimeout, carrier: &carrier{request.NewTransport(t, false), t.Agent}}
	b.client, err = minio.New(s.endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(s.access, s.secret, ""),
		Secure: s.endpoint.Scheme == "https", Transport: b.carrier, Region: s.region, BucketLookup: s.lookup,
		MaxRetries: 1, // which is none
	})
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, fmt.Errorf("open bucket %s: %w", s.bucket, err))
	}
	return b, nil
}

// Close implements output.Files.
func (b *bucket) Close() error {
	b.carrier.transport.CloseIdleConnections()
	return nil
}

// Path is what the kernel knows of all connections to the bucket.
func (b *bucket) Path() (output.Path, bool) { return b.carrier.transport.Path() }

// Put implements output.Files.
func (b *bucket) Put(ctx context.Context, f output.File) error {
	f.New = f.New && !b.unconditional.Load()
	err := b.put(ctx, f)
	var no *output.AnswerError
	if f.New && errors.As(err, &no) && (no.Status == http.StatusNotImplemented || no.Status == http.StatusBadRequest) {
		b.unconditional.Store(true)
		f.New = false
		return b.put(ctx, f)
	}
	return err
}

func (b *bucket) put(ctx context.Context, f output.File) error {
	content, err := f.Open()
	if err != nil {
		return errors.Join(output.ErrNotSent, err)
	}
	defer content.Close()
	if f.Size < 0 {
		return b.putUnsized(ctx, f, content)
	}
	o := minio.PutObjectOptions{ContentType: f.Type, CacheControl: b.cache, DisableMultipart: true}
	if f.Volatile {
		o.CacheControl = cachePlaylist
	}
	if f.New {
		o.SetMatchETagExcept("*")
	}
	return b.watched(ctx, http.MethodPut, f.Name, f.Size, func(ctx context.Context, w *request.Watch) error {
		// Not seekable, so that minio-go tries once, and reads it as it is sent.
		body := w.Body(ctx, io.NopCloser(content), f.Pace)
		_, err := b.client.PutObject(ctx, b.bucket, b.prefix+f.Name, body, f.Size, o)
		return err
	})
}

// putUnsized stores a file whose size is not known.
func (b *bucket) putUnsized(ctx context.Context, f output.File, content io.Reader) error {
	all, err := io.ReadAll(io.LimitReader(content, maxUnsized+1))
	if err == nil && len(all) > maxUnsized {
		err = fmt.Errorf("more than %d MB without a known size", maxUnsized>>20)
	}
	if err != nil {
		return errors.Join(output.ErrNotSent, fmt.Errorf("read %s: %w", f.Name, err))
	}
	f.Size, f.Open = int64(len(all)), inMemory(all)
	return b.put(ctx, f)
}

// Stat implements output.Files.
func (b *bucket) Stat(ctx context.Context, name string) (output.FileInfo, error) {
	var info output.FileInfo
	err := b.watched(ctx, http.MethodHead, name, 0, func(ctx context.Context, _ *request.Watch) error {
		o, err := b.client.StatObject(ctx, b.bucket, b.prefix+name, minio.StatObjectOptions{})
		info = output.FileInfo{Size: o.Size, ETag: o.ETag}
		if note, ok := ctx.Value(callKey{}).(*call); ok && note.head.Get("X-Amz-Server-Side-Encryption") == "aws:kms" {
			info.ETag = "" // it looks like the content's MD5, and is another
		}
		return err
	})
	var no *output.AnswerError
	switch {
	case err == nil:
		return info, nil
	case !errors.As(err, &no) || !no.Lasting():
		return output.FileInfo{}, err
	case no.Status == http.StatusNotFound:
		return output.FileInfo{}, fs.ErrNotExist
	}
	// A key that may not list is told 403 of what is not there, too.
	return output.FileInfo{}, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
}

// Delete implements output.Files.
func (b *bucket) Delete(ctx context.Context, name string) error {
	err := b.watched(ctx, http.MethodDelete, name, 0, func(ctx context.Context, _ *request.Watch) error {
		return b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{})
	})
	var no *output.AnswerError
	if errors.As(err, &no) && no.Status == http.StatusNotFound && no.Cause == causeNoObject {
		return nil
	}
	return err
}

// watched makes one request, and puts into words what it came to.
func (b *bucket) watched(ctx context.Context, method, name string, size int64, do func(context.Context, *request.Watch) error) error {
	note := &call{}
	ctx, w, stop := request.Watched(ctx, b.stall, size)
	err := do(noted(ctx, note), w)
	switch {
	case err == nil:
	case note.code != 0:
		err = b.refusal(method, name, note, err)
	case note.begun:
		err = w.Failed(ctx, b.endpoint.Host, note.err)
	case ctx.Err() != nil:
		err = errors.Join(output.ErrNotSent, context.Cause(ctx))
	default: // it could not even be worded
		err = output.WithCause(output.CauseLocal, errors.Join(output.ErrNotSent, fmt.Errorf("%s %s: %w", method, name, err)))
	}
	stop()
	if note.freed != nil {
		<-note.freed // the content is about to be closed
	}
	return err
}
