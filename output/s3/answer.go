package s3

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// causeNoObject is an answer's cause where the object, not the bucket, is missing.
const causeNoObject = "no_object"

func inMemory(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// refusal puts a server's no into words: its status, S3's own code where it gave
// one, what to look at, and its words.
func (b *bucket) refusal(method, name string, note *call, err error) error {
	s3 := minio.ToErrorResponse(err)
	if s3.Code == minio.NoSuchKey && method == http.MethodPut {
		s3.Code, s3.Message = "", "" // minio-go's guess
	}
	cause, advice := b.diagnose(s3.Code, note)
	no := &output.AnswerError{Status: note.code, Cause: cause, RetryAfter: request.RetryAfter(note.head)}
	code := request.Line(s3.Code)
	code = strings.TrimPrefix(code, strconv.Itoa(note.code)+" ") // the status line, where S3 has no word on it
	if code == "" || code == strconv.Itoa(note.code) {
		code = http.StatusText(note.code)
	}
	no.Text = fmt.Sprintf("%s: %s %s: %d %s: %s", b.endpoint.Host, method, name, note.code, code, advice)
	if words := request.Line(s3.Message); words != "" && strings.TrimPrefix(words, strconv.Itoa(note.code)+" ") != code {
		no.Text += fmt.Sprintf(" (it says: %s)", words)
	}
	if cause == string(output.CauseLocal) {
		return output.WithCause(output.CauseLocal, no)
	}
	return no
}

// diagnose says whose fault an answer is, and what to do about it. The codes
// are those of Amazon's S3 API reference, "Error responses".
func (b *bucket) diagnose(code string, note *call) (cause, advice string) {
	switch code {
	case "NoSuchBucket":
		return request.CausePath, fmt.Sprintf("%s has no bucket %q: check the URL, or make it there", b.endpoint.Host, b.bucket)
	case "NoSuchKey":
		return causeNoObject, "there is no such object"
	case "AccessDenied", "AllAccessDisabled", "AccountProblem", "XMinioAdminBucketQuotaDenied":
		return request.CauseAuth, fmt.Sprintf("access_key may not do that in bucket %q: its policy needs s3:PutObject, s3:GetObject and, with delete_old, s3:DeleteObject", b.bucket)
	case "SignatureDoesNotMatch":
		return request.CauseAuth, "secret_key is not the one of access_key (or a proxy on the way changes the request)"
	case "InvalidAccessKeyId", "InvalidSecurity", "NotSignedUp":
		return request.CauseAuth, "the server knows no such access_key: check it, and that endpoint is its server"
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return request.CauseAuth, "the access key has expired: set a new one"
	case "RequestTimeTooSkewed", "RequestExpired":
		return string(output.CauseLocal), "the clock of this box is wrong: connect it to a time server or set it"
	case "PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "InvalidRegion", "IllegalLocationConstraintException":
		return request.CauseRejected, b.elsewhere(note)
	case "EntityTooLarge":
		return request.CauseTooLarge, "the server takes no objects of this size: make segments shorter"
	case "QuotaExceeded", "XMinioStorageFull", "XMinioBucketQuotaExceeded", "InsufficientStorage":
		return request.CauseFull, "there is no room left in the bucket: make room there, or set delete_old"
	case "SlowDown", "SlowDownWrite", "SlowDownRead", "ServiceUnavailable", "Throttling", "ThrottlingException", "TooManyRequests",
		"RequestLimitExceeded", "ConditionalRequestConflict", "OperationAborted":
		return request.CauseBusy, "the server asks to come later"
	case "RequestTimeout", "InternalError":
		return request.CauseServer, "the server has failed"
	}
	return b.byStatus(note)
}

// byStatus is diagnose for a code that it does not know, or for a server that
// gave none.
func (b *bucket) byStatus(note *call) (cause, advice string) {
	switch c := note.code; {
	case c == http.StatusUnauthorized, c == http.StatusForbidden:
		return request.CauseAuth, "the server refuses access_key, or what it may do"
	case c/100 == 3:
		return request.CauseRejected, b.elsewhere(note)
	case c == http.StatusPreconditionFailed:
		return request.CauseRejected, "there is an object of that name"
	case c == http.StatusNotFound, c == http.StatusGone:
		return request.CausePath, "the server has no such bucket: check the URL, and that endpoint speaks S3"
	case c == http.StatusMethodNotAllowed, c == http.StatusNotImplemented:
		return request.CauseRejected, "the server does not do that: check that endpoint speaks S3, and path_style"
	case c == http.StatusInsufficientStorage:
		return request.CauseFull, "there is no room left in the bucket: make room there, or set delete_old"
	case c == http.StatusRequestEntityTooLarge:
		return request.CauseTooLarge, "the server takes no objects of this size: make segments shorter"
	case c == http.StatusTooManyRequests, c == http.StatusServiceUnavailable:
		return request.CauseBusy, "the server asks to come later"
	case c >= 500, c == http.StatusRequestTimeout:
		return request.CauseServer, "the server has failed"
	}
	return request.CauseRejected, "the server refuses"
}

// elsewhere is for a bucket of another region.
func (b *bucket) elsewhere(note *call) string {
	if region := request.Line(note.head.Get("X-Amz-Bucket-Region")); region != "" && region != b.region {
		return fmt.Sprintf("the bucket is in region %s: set region", region)
	}
	return fmt.Sprintf("the bucket is not at %s in region %s: check region and endpoint", b.endpoint.Host, b.region)
}
