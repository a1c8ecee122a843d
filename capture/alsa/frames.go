package alsa

// decode makes samples in 16-bit units, full scale ±32768, of a card's bytes.
// It returns dst, as long as there are samples.
func decode(dst []float32, src []byte, f Format) []float32 {
	switch f {
	case S24Of3:
		dst = dst[:len(src)/3]
		for i := range dst {
			b := src[3*i : 3*i+3 : 3*i+3]
			v := int32(uint32(b[0])<<8 | uint32(b[1])<<16 | uint32(b[2])<<24)
			dst[i] = float32(v) / (1 << 16)
		}
	case S24:
		dst = dst[:len(src)/4]
		for i := range dst {
			b := src[4*i : 4*i+4 : 4*i+4]
			v := int32(uint32(b[0])<<8 | uint32(b[1])<<16 | uint32(b[2])<<24) // the fourth is padding
			dst[i] = float32(v) / (1 << 16)
		}
	case S32:
		dst = dst[:len(src)/4]
		for i := range dst {
			b := src[4*i : 4*i+4 : 4*i+4]
			v := int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
			dst[i] = float32(v) / (1 << 16)
		}
	default:
		dst = dst[:len(src)/2]
		for i := range dst {
			dst[i] = float32(int16(uint16(src[2*i]) | uint16(src[2*i+1])<<8))
		}
	}
	return dst
}
