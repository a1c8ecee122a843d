package v4l2

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// golden is what C says of an architecture: "struct NAME" is its size, "field
// NAME.FIELD" an offset, "value NAME" an ioctl number or a constant.
// TestHeaders (build tag headers) compares it with the C headers.
func golden(t *testing.T, arch string) map[string]uint64 {
	t.Helper()
	f, err := os.Open("testdata/layout-" + arch + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[string]uint64{}
	for s := bufio.NewScanner(f); s.Scan(); {
		i := strings.LastIndexByte(s.Text(), ' ')
		if strings.HasPrefix(s.Text(), "#") || i < 0 {
			continue
		}
		if m[s.Text()[:i]], err = strconv.ParseUint(s.Text()[i+1:], 0, 64); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// layout pairs a structure with C's; fields are C's names, ":" and ours where
// they differ.
type layout struct {
	ours   any
	c      string
	fields string
}

// pairs are the fields' names, C's and ours.
func (l layout) pairs() [][2]string {
	var list [][2]string
	for f := range strings.FieldsSeq(l.fields) {
		c, ours, ok := strings.Cut(f, ":")
		if !ok {
			ours = c
		}
		list = append(list, [2]string{c, ours})
	}
	return list
}

func layouts() []layout {
	const head = "index type:typ bytesused:bytesUsed flags field timestamp timecode sequence memory length reserved2 request_fd:requestFD "
	return []layout{
		{v4l2Capability{}, "v4l2_capability", "driver card bus_info:busInfo version capabilities device_caps:deviceCaps reserved"},
		{v4l2FmtDesc{}, "v4l2_fmtdesc", "index type:typ flags description pixelformat:pixelFormat mbus_code:mbusCode reserved"},
		{v4l2FrmSizeEnum{}, "v4l2_frmsizeenum", "index pixel_format:pixelFormat type:typ stepwise.min_width:size discrete.width:size reserved"},
		{v4l2Fract{}, "v4l2_fract", "numerator denominator"},
		{v4l2FrmIvalEnum{}, "v4l2_frmivalenum", "index pixel_format:pixelFormat width height type:typ stepwise.min:interval discrete:interval reserved"},
		{v4l2PixFormat{}, "v4l2_pix_format", "width height pixelformat:pixelFormat field bytesperline:bytesPerLine sizeimage:sizeImage " +
			"colorspace priv flags ycbcr_enc:ycbcrEnc quantization xfer_func:xferFunc"},
		{v4l2PlanePixFormat{}, "v4l2_plane_pix_format", "sizeimage:sizeImage bytesperline:bytesPerLine reserved"},
		{v4l2PixFormatMplane{}, "v4l2_pix_format_mplane", "width height pixelformat:pixelFormat field colorspace plane_fmt:planeFmt " +
			"num_planes:numPlanes flags ycbcr_enc:ycbcrEnc quantization xfer_func:xferFunc reserved"},
		{v4l2Format{}, "v4l2_format", "type:typ fmt.pix:pix"},
		{v4l2FormatMplane{}, "v4l2_format", "type:typ fmt.pix_mp:pix"},
		{v4l2StreamParm{}, "v4l2_streamparm", "type:typ parm.capture.capability:capability parm.capture.capturemode:mode " +
			"parm.capture.timeperframe:timePerFrame parm.output.timeperframe:timePerFrame parm.output.writebuffers:buffers"},
		{v4l2RequestBuffers{}, "v4l2_requestbuffers", "count type:typ memory capabilities flags reserved"},
		{v4l2Timecode{}, "v4l2_timecode", "type:typ flags frames seconds minutes hours userbits"},
		{v4l2Timeval{}, "timeval", "tv_sec:sec tv_usec:usec"},
		{v4l2Buffer{}, "v4l2_buffer", head + "m.offset:m m.userptr:m m.fd:m"},
		{v4l2BufferMplane{}, "v4l2_buffer", head + "m.planes:planes"},
		{v4l2Plane{}, "v4l2_plane", "bytesused:bytesUsed length m.mem_offset:m m.fd:m data_offset:dataOffset"},
		{v4l2ExportBuffer{}, "v4l2_exportbuffer", "type:typ index plane flags fd"},
		{v4l2Rect{}, "v4l2_rect", "left top width height"},
		{v4l2Selection{}, "v4l2_selection", "type:typ target flags r reserved"},
		{v4l2Input{}, "v4l2_input", "index name type:typ audioset tuner std status capabilities reserved"},
		{v4l2BTTimings{}, "v4l2_bt_timings", "width height interlaced polarities pixelclock:pixelClockLow hfrontporch:hFront hsync:hSync " +
			"hbackporch:hBack vfrontporch:vFront vsync:vSync vbackporch:vBack il_vfrontporch:ilVFront il_vsync:ilVSync " +
			"il_vbackporch:ilVBack standards flags picture_aspect:pictureAspect cea861_vic:cea861VIC hdmi_vic:hdmiVIC reserved"},
		{v4l2DVTimings{}, "v4l2_dv_timings", "type:typ bt"},
		{v4l2EnumDVTimings{}, "v4l2_enum_dv_timings", "index pad reserved timings"},
		{v4l2DVTimingsCap{}, "v4l2_dv_timings_cap", "type:typ pad reserved bt.min_width:minWidth bt.max_width:maxWidth bt.min_height:minHeight " +
			"bt.max_height:maxHeight bt.min_pixelclock:minPixelClockLow bt.max_pixelclock:maxPixelClockLow " +
			"bt.standards:standards bt.capabilities:capabilities"},
		{v4l2EDID{}, "v4l2_edid", "pad start_block:startBlock blocks reserved edid"},
		{v4l2ExtControl{}, "v4l2_ext_control", "id value value64:value"},
		{v4l2ExtControls{}, "v4l2_ext_controls", "which count error_idx:errorIdx request_fd:requestFD reserved controls"},
		{v4l2QueryExtCtrl{}, "v4l2_query_ext_ctrl", "id type:typ name minimum maximum step default_value:defaultValue flags " +
			"elem_size:elemSize elems nr_of_dims:nrOfDims dims reserved"},
		{v4l2QueryMenu{}, "v4l2_querymenu", "id index name value:name reserved"},
		{v4l2Event{}, "v4l2_event", "type:typ u u.ctrl.changes:u u.src_change.changes:u pending sequence timestamp.tv_sec:sec timestamp.tv_nsec:nsec id reserved"},
		{v4l2EventSubscription{}, "v4l2_event_subscription", "type:typ id flags reserved"},
		{v4l2EncoderCmd{}, "v4l2_encoder_cmd", "cmd flags raw"},
		{v4l2MbusFrameFmt{}, "v4l2_mbus_framefmt", "width height code field colorspace ycbcr_enc:ycbcrEnc quantization xfer_func:xferFunc flags reserved"},
		{v4l2SubdevFormat{}, "v4l2_subdev_format", "which pad format reserved"},
		{v4l2SubdevMbusCodeEnum{}, "v4l2_subdev_mbus_code_enum", "pad index code which flags reserved"},
		{v4l2SubdevFrameSizeEnum{}, "v4l2_subdev_frame_size_enum", "index pad code min_width:minWidth max_width:maxWidth " +
			"min_height:minHeight max_height:maxHeight which reserved"},
		{v4l2SubdevFrameInterval{}, "v4l2_subdev_frame_interval", "pad interval reserved"},
		{v4l2SubdevSelection{}, "v4l2_subdev_selection", "which pad target flags r reserved"},
		{mediaDeviceInfo{}, "media_device_info", "driver model serial bus_info:busInfo media_version:mediaVersion " +
			"hw_revision:hwRevision driver_version:driverVersion reserved"},
		{mediaV2Entity{}, "media_v2_entity", "id name function flags"},
		{mediaV2Interface{}, "media_v2_interface", "id intf_type:typ devnode.major:major devnode.minor:minor"},
		{mediaV2Pad{}, "media_v2_pad", "id entity_id:entity flags index"},
		{mediaV2Link{}, "media_v2_link", "id source_id:source sink_id:sink flags"},
		{mediaV2Topology{}, "media_v2_topology", "topology_version:version num_entities:numEntities ptr_entities:entities " +
			"num_interfaces:numInterfaces ptr_interfaces:interfaces num_pads:numPads ptr_pads:pads num_links:numLinks ptr_links:links"},
		{mediaPadDesc{}, "media_pad_desc", "entity index flags reserved"},
		{mediaLinkDesc{}, "media_link_desc", "source sink flags reserved"},
		{dmaBufSync{}, "dma_buf_sync", "flags"},
	}
}

// TestLayoutHere: what this very binary's compiler made of the structures.
func TestLayoutHere(t *testing.T) {
	want := golden(t, runtime.GOARCH)
	for _, l := range layouts() {
		typ := reflect.TypeOf(l.ours)
		check(t, want, "struct "+l.c, uint64(typ.Size()))
		for _, p := range l.pairs() {
			f, ok := typ.FieldByName(p[1])
			if !ok {
				t.Errorf("%v has no field %s", typ, p[1])
				continue
			}
			offset := f.Offset
			if len(f.Index) > 1 { // in an embedded structure
				offset += typ.Field(f.Index[0]).Offset
			}
			check(t, want, "field "+l.c+"."+p[0], uint64(offset))
		}
	}
	for name, v := range numbers() {
		check(t, want, "value "+name, v)
	}
}

// TestLayoutEverywhere: what Go's compiler makes of them on each architecture,
// by its own rules of size and alignment.
func TestLayoutEverywhere(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		t.Run(arch, func(t *testing.T) {
			want := golden(t, arch)
			sizes := types.SizesFor("gc", arch)
			scope := checkSources(t, arch, sizes)
			for _, l := range layouts() {
				name := reflect.TypeOf(l.ours).Name()
				typ := scope.Lookup(name).Type()
				check(t, want, "struct "+l.c, uint64(sizes.Sizeof(typ)))
				offsets := map[string]int64{}
				fieldOffsets(sizes, typ, 0, offsets)
				for _, p := range l.pairs() {
					check(t, want, "field "+l.c+"."+p[0], uint64(offsets[p[1]]))
				}
			}
			for ours, c := range ioctlNames() {
				v, _ := constant.Uint64Val(scope.Lookup(ours).(*types.Const).Val())
				check(t, want, "value "+c, v)
			}
		})
	}
}

func checkSources(t *testing.T, arch string, sizes types.Sizes) *types.Scope {
	t.Helper()
	word := "layout_64.go"
	if arch == "arm" {
		word = "layout_32.go"
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range []string{"layout.go", "numbers.go", word} {
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	pkg, err := (&types.Config{Sizes: sizes, Importer: onlyUnsafe{}}).Check("v4l2", fset, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg.Scope()
}

// onlyUnsafe imports the one package that the layout's files import.
type onlyUnsafe struct{}

func (onlyUnsafe) Import(path string) (*types.Package, error) {
	if path != "unsafe" {
		return nil, fmt.Errorf("layout files import %s", path)
	}
	return types.Unsafe, nil
}

// fieldOffsets collects the offsets of a structure's fields, those of embedded
// structures among them.
func fieldOffsets(sizes types.Sizes, typ types.Type, base int64, into map[string]int64) {
	s := typ.Underlying().(*types.Struct)
	var fields []*types.Var
	for f := range s.Fields() {
		fields = append(fields, f)
	}
	for i, offset := range sizes.Offsetsof(fields) {
		into[fields[i].Name()] = base + offset
		if fields[i].Embedded() {
			fieldOffsets(sizes, fields[i].Type(), base+offset, into)
		}
	}
}

func check(t *testing.T, want map[string]uint64, key string, got uint64) {
	t.Helper()
	switch w, ok := want[key]; {
	case !ok:
		t.Errorf("%s is not in the golden table; update it: go test -tags headers -run Headers -update", key)
	case got != w:
		t.Errorf("%s is %s here, %s in C", key, number(key, got), number(key, w))
	}
}

func number(key string, v uint64) string {
	if strings.HasPrefix(key, "value ") {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}
