package alsa

import (
	"time"
	"unsafe"
)

// pcmStatus is struct snd_pcm_status with 64-bit time, which kernels since 5.6
// take on 32-bit machines too. uint is as wide as the kernel's unsigned long on
// all machines this is built for.
type pcmStatus struct {
	state               int32
	_                   [4]byte
	trigger, stamp      [2]int64 // seconds and nanoseconds
	applied, hardware   uint
	delay               int
	available           uint
	availableMax        uint
	overrange           uint
	suspended           int32
	audioStampData      uint32
	audioStamp          [2]int64
	driverStamp         [2]int64
	audioStampPrecision uint32
	_                   [20]byte
}

// ioctlStatus is SNDRV_PCM_IOCTL_STATUS, _IOR('A', 0x20, struct snd_pcm_status).
const ioctlStatus = 2<<30 | unsafe.Sizeof(pcmStatus{})<<16 | 'A'<<8 | 0x20

// decode says what the status means. The kernel brings the number of frames up
// to date for it, and stamp is the time of that.
func (s *pcmStatus) decode() status {
	st := status{State: stopped, Available: int(s.available), At: time.Duration(s.stamp[0]*1e9 + s.stamp[1])}
	switch s.state {
	case 3: // RUNNING
		st.State = running
	case 4, 7: // XRUN, SUSPENDED
		st.State = overrun
	case 8: // DISCONNECTED
		st.State = disconnected
	}
	return st
}
