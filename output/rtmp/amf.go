package rtmp

import (
	"encoding/binary"
	"math"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// Bounds of what a server may say in one command: none has that much to tell a
// publisher, and AMF nests.
const (
	maxControl   = 64 << 10
	maxAMFDepth  = 16
	maxAMFValues = 2048
)

// AMF0 type markers, AMF 0 specification §2.1.
const (
	amfNumber      = 0x00
	amfBoolean     = 0x01
	amfString      = 0x02
	amfObject      = 0x03
	amfNull        = 0x05
	amfUndefined   = 0x06
	amfReference   = 0x07
	amfECMAArray   = 0x08
	amfObjectEnd   = 0x09
	amfStrictArray = 0x0a
	amfDate        = 0x0b
	amfLongString  = 0x0c
	amfUnsupported = 0x0d
	amfXML         = 0x0f
	amfTypedObject = 0x10
)

// amfReader decodes AMF0 into the types of gortmplib's amf0. That package's own
// decoder knows no dates, long strings, references and typed objects, and gives
// up the whole command for one of them, though all that matters stood before.
type amfReader struct {
	b    []byte
	left int // values that may still come
}

// decodeAMF returns the values up to the first that is broken or not AMF0, of
// which it returns what could be read.
func decodeAMF(b []byte) (all amf0.Data) {
	r := amfReader{b: b, left: maxAMFValues}
	for len(r.b) > 0 {
		v, ok := r.value(0)
		if ok || v != nil {
			all = append(all, v)
		}
		if !ok {
			break
		}
	}
	return all
}

func (r *amfReader) take(n int) ([]byte, bool) {
	if n < 0 || n > len(r.b) {
		return nil, false
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, true
}

// value reads one value; it may return a part of it with false.
func (r *amfReader) value(depth int) (any, bool) {
	marker, ok := r.take(1)
	if r.left--; !ok || r.left < 0 || depth > maxAMFDepth {
		return nil, false
	}
	switch marker[0] {
	case amfNumber:
		return r.number()
	case amfBoolean:
		b, ok := r.take(1)
		return ok && b[0] != 0, ok
	case amfString:
		return r.text(2)
	case amfLongString, amfXML:
		return r.text(4)
	case amfNull, amfUnsupported:
		return nil, true
	case amfUndefined:
		return amf0.Undefined{}, true
	case amfReference:
		_, ok := r.take(2)
		return nil, ok
	case amfDate:
		v, ok := r.number()
		if ok {
			_, ok = r.take(2) // time zone, reserved
		}
		return v, ok
	case amfObject:
		return r.object(depth)
	case amfTypedObject:
		if _, ok := r.text(2); !ok {
			return nil, false
		}
		return r.object(depth)
	case amfECMAArray:
		if _, ok := r.take(4); !ok { // a hint of the count, which need not be right
			return nil, false
		}
		o, ok := r.object(depth)
		return amf0.ECMAArray(o), ok
	case amfStrictArray:
		return r.array(depth)
	}
	return nil, false
}

func (r *amfReader) number() (any, bool) {
	b, ok := r.take(8)
	if !ok {
		return nil, false
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), true
}

// text reads a string behind a length of n bytes.
func (r *amfReader) text(n int) (any, bool) {
	head, ok := r.take(n)
	if !ok {
		return nil, false
	}
	size := uint64(0)
	for _, c := range head {
		size = size<<8 | uint64(c)
	}
	if size > uint64(len(r.b)) {
		return nil, false
	}
	b, ok := r.take(int(size))
	return string(b), ok
}

func (r *amfReader) object(depth int) (o amf0.Object, ok bool) {
	for {
		key, ok := r.text(2)
		if !ok {
			return o, false
		}
		if key == "" && len(r.b) > 0 && r.b[0] == amfObjectEnd {
			r.b = r.b[1:]
			return o, true
		}
		v, ok := r.value(depth + 1)
		if ok || v != nil {
			o = append(o, amf0.ObjectEntry{Key: key.(string), Value: v})
		}
		if !ok {
			return o, false
		}
	}
}

func (r *amfReader) array(depth int) (a amf0.StrictArray, ok bool) {
	head, ok := r.take(4)
	if !ok {
		return nil, false
	}
	for range binary.BigEndian.Uint32(head) {
		v, ok := r.value(depth + 1)
		if !ok {
			return a, false
		}
		a = append(a, v)
	}
	return a, true
}

// command decodes a command message (RTMP 1.0 §7.2); ok is false for what is
// none.
func command(body []byte) (name string, id int, args amf0.Data, ok bool) {
	all := decodeAMF(body)
	if len(all) < 2 {
		return "", 0, nil, false
	}
	name, isString := all[0].(string)
	number, isNumber := all[1].(float64)
	if !isString || !isNumber {
		return "", 0, nil, false
	}
	if number >= 0 && number <= math.MaxInt32 {
		id = int(number)
	}
	return name, id, all[2:], true
}

// find returns the first value under a key in the objects of a command.
func find(args amf0.Data, key string) any {
	for _, a := range args {
		if o, ok := object(a); ok {
			if v, ok := o.Get(key); ok {
				return v
			}
		}
	}
	return nil
}

func object(v any) (amf0.Object, bool) {
	switch v := v.(type) {
	case amf0.Object:
		return v, true
	case amf0.ECMAArray:
		return amf0.Object(v), true
	}
	return nil, false
}

// field finds a string in the information object of a command.
func field(args amf0.Data, key string) string {
	s, _ := find(args, key).(string)
	return s
}

func level(args amf0.Data) string { return field(args, "level") }
