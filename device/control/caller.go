package control

import "context"

// SessionHeader is where an HTTP request says Caller.Session, at most 64 bytes of it.
const SessionHeader = "Encoderbox-Session"

type callerKey struct{}

// WithCaller has a request's context say who asks, where the way in which it came
// tells: a Unix socket knows its peer's user.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is who asks; false where the context does not say.
func CallerOf(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}
