package aac

// Silence as raw_data_block (ISO/IEC 14496-3 table 4.3): no scale factor band is
// sent (max_sfb 0), so all spectral values are zero, and section, scale factor
// and spectral data take no bits.
//
//	mono                              stereo
//	000       ID_SCE                  001       ID_CPE
//	0000      element_instance_tag    0000      element_instance_tag
//	00000000  global_gain             1         common_window
//	0         ics_reserved_bit        0         ics_reserved_bit
//	00        ONLY_LONG_SEQUENCE      00        ONLY_LONG_SEQUENCE
//	0         window_shape: sine      0         window_shape: sine
//	000000    max_sfb                 000000    max_sfb
//	0         predictor_data_present  0         predictor_data_present
//	0         pulse_data_present      00        ms_mask_present
//	0         tns_data_present        twice, once a channel:
//	0         gain_control_data         00000000  global_gain
//	111       ID_END                    0 0 0     pulse, tns, gain control
//	                                  111       ID_END
//	                                  00        byte alignment
var (
	silentMono   = [...]byte{0x00, 0x00, 0x00, 0x07}
	silentStereo = [...]byte{0x21, 0x00, 0x00, 0x00, 0x00, 0x1c}
)

// SilentFrame is an access unit of silence for 1 or 2 channels at any sample
// rate, in new memory; nil for other channel counts.
func SilentFrame(channels int) []byte {
	switch channels {
	case 1:
		return append([]byte(nil), silentMono[:]...)
	case 2:
		return append([]byte(nil), silentStereo[:]...)
	}
	return nil
}
