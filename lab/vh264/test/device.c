// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's promises and (in faults.c) each of its faults, tried on
 * /dev/video0 with the module loaded as it comes. Exit status 0: all hold.
 */
#include "client.h"

int checks, failures;

/* The type of the first NAL unit of a CAPTURE buffer. */
static int nal(struct enc *e, const struct v4l2_buffer *b)
{
	return ((uint8_t *)e->cap[b->index])[4] & 0x1f;
}

static void pictures(void)
{
	struct v4l2_buffer b;
	struct enc e;
	int i;

	enc_open(&e, 98, 66);
	CHECK(e.height == 66, "height %u", e.height);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 4);
	enc_start(&e);
	for (i = 0; i < 12; i++) {
		CHECK(!one(&e, &b, 2000), "picture %d", i);
		CHECK(b.timestamp.tv_sec == i && b.sequence == (uint32_t)i,
		      "picture %d: %ld %u", i, (long)b.timestamp.tv_sec, b.sequence);
		CHECK(KEY(b) == (i % 4 == 0), "picture %d", i);
		CHECK(nal(&e, &b) == (i ? (KEY(b) ? 5 : 1) : 7), "picture %d", i);
	}
	CHECK(set_ctrl(&e, V4L2_CID_MPEG_VIDEO_B_FRAMES, 1) == -EBUSY, "B");
	enc_close(&e);
}

static void force_key(void)
{
	struct v4l2_buffer b;
	struct enc e;
	int i;

	enc_open(&e, 64, 64);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR, 1);
	enc_start(&e);
	for (i = 0; i < 8; i++) {
		if (i == 5)
			CHECK(!set_ctrl(&e, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1), "set");
		CHECK(!one(&e, &b, 2000), "picture %d", i);
		CHECK(KEY(b) == (i == 0 || i == 5), "picture %d", i);
		CHECK((nal(&e, &b) == 7) == KEY(b), "picture %d", i);
	}
	enc_close(&e);
}

/* I pictures between IDR pictures are flagged as key pictures all the same. */
static void i_period(void)
{
	struct v4l2_buffer b;
	struct enc e;
	int i;

	enc_open(&e, 64, 64);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, 3);
	enc_start(&e);
	for (i = 0; i < 8; i++) {
		CHECK(!one(&e, &b, 2000), "picture %d", i);
		CHECK(KEY(b) == (i % 3 == 0), "picture %d", i);
		CHECK(nal(&e, &b) == (i ? 1 : 7), "picture %d", i);
	}
	enc_close(&e);
}

/* Another size while CAPTURE streams: a new stream if its buffers suffice. */
static void resize(struct enc *e, uint32_t width, uint32_t height)
{
	struct v4l2_requestbuffers r = { .type = OUT, .memory = V4L2_MEMORY_MMAP };
	struct v4l2_format f = { .type = OUT };
	int i;

	CHECK(!stream(e, OUT, false), "off");
	for (i = 0; i < BUFS; i++)
		munmap(e->out[i], e->out_len);
	f.fmt.pix.width = width;
	f.fmt.pix.height = height;
	f.fmt.pix.pixelformat = V4L2_PIX_FMT_NV12;
	CHECK(call(e->fd, VIDIOC_S_FMT, &f) == -EBUSY, "S_FMT with buffers");
	CHECK(!call(e->fd, VIDIOC_REQBUFS, &r), "free");
	CHECK(!call(e->fd, VIDIOC_S_FMT, &f), "S_FMT");
	f.type = CAP;
	CHECK(call(e->fd, VIDIOC_S_FMT, &f) == -EBUSY, "S_FMT CAPTURE");
	map_queue(e, OUT, e->out, &e->out_len);
	CHECK(!stream(e, OUT, true), "on");
	e->free_out = 0;
}

static void resizes(void)
{
	struct v4l2_buffer b;
	struct enc e;

	enc_open(&e, 64, 64);
	enc_start(&e);
	CHECK(!one(&e, &b, 2000) && !one(&e, &b, 2000), "before");
	resize(&e, 98, 66);
	CHECK(!one(&e, &b, 2000) && KEY(b) && nal(&e, &b) == 7, "98x66");
	resize(&e, 640, 360);
	CHECK(!one(&e, &b, 2000) && ERR(b) && !b.bytesused, "too large");
	resize(&e, 64, 64);
	CHECK(!one(&e, &b, 2000) && !ERR(b) && KEY(b) && nal(&e, &b) == 7, "64x64");
	CHECK(!one(&e, &b, 2000) && !KEY(b), "goes on");
	enc_close(&e);
}

static void separate_headers(void)
{
	struct v4l2_buffer b;
	struct enc e;

	enc_open(&e, 64, 64);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_HEADER_MODE,
		 V4L2_MPEG_VIDEO_HEADER_MODE_SEPARATE);
	enc_start(&e);
	CHECK(!one(&e, &b, 2000) && nal(&e, &b) == 7 && b.bytesused < 100 && !KEY(b), "headers");
	CHECK(!dequeue(&e, CAP, &b, 2000) && nal(&e, &b) == 5 && KEY(b), "picture");
	enc_close(&e);
}

static void drain(void)
{
	struct v4l2_event_subscription sub = { .type = V4L2_EVENT_EOS };
	struct v4l2_event ev;
	struct v4l2_buffer b;
	struct enc e;
	int i;

	enc_open(&e, 64, 64);
	CHECK(!call(e.fd, VIDIOC_SUBSCRIBE_EVENT, &sub), "subscribe");
	enc_start(&e);
	fault("slow_ms", 50);
	for (i = 0; i < 3; i++)
		queue_out(&e, i);
	CHECK(!command(&e, V4L2_ENC_CMD_STOP), "stop");
	CHECK(command(&e, V4L2_ENC_CMD_STOP) == -EBUSY, "stop while draining");
	CHECK(command(&e, V4L2_ENC_CMD_START) == -EBUSY, "start while draining");
	queue_out(&e, 3);
	for (i = 0; i < 3; i++)
		CHECK(!dequeue(&e, CAP, &b, 2000) && LAST(b) == (i == 2), "picture %d", i);
	CHECK(dequeue(&e, CAP, &b, 2000) == -EPIPE, "after LAST");
	CHECK(!call(e.fd, VIDIOC_DQEVENT, &ev) && ev.type == V4L2_EVENT_EOS, "EOS");
	fault("slow_ms", 0);

	/* START goes on with the picture queued meanwhile, as a P picture */
	CHECK(!command(&e, V4L2_ENC_CMD_START), "start");
	CHECK(!dequeue(&e, CAP, &b, 2000) && !KEY(b) && b.timestamp.tv_sec == 3, "resumed");

	/* with nothing queued the drain is over at once */
	CHECK(!command(&e, V4L2_ENC_CMD_STOP), "stop");
	CHECK(!dequeue(&e, CAP, &b, 2000) && LAST(b) && !b.bytesused, "empty LAST");
	CHECK(dequeue(&e, CAP, &b, 2000) == -EPIPE, "after LAST");

	/* OUTPUT off and on goes on, CAPTURE off and on begins anew */
	CHECK(!stream(&e, OUT, false) && !stream(&e, OUT, true), "OUTPUT off, on");
	queue_cap(&e, 0);
	queue_out(&e, 0);
	CHECK(!dequeue(&e, CAP, &b, 2000) && !KEY(b), "after OUTPUT off, on");
	CHECK(!stream(&e, CAP, false), "CAPTURE off");
	for (i = 0; i < BUFS; i++)
		queue_cap(&e, i);
	CHECK(!stream(&e, CAP, true), "CAPTURE on");
	queue_out(&e, 1);
	CHECK(!dequeue(&e, CAP, &b, 2000) && KEY(b) && nal(&e, &b) == 7, "after CAPTURE off, on");

	/* STOP, then OUTPUT off: the next CAPTURE buffer is an empty LAST */
	fault("slow_ms", 200);
	queue_out(&e, 2);
	queue_out(&e, 3);
	CHECK(!command(&e, V4L2_ENC_CMD_STOP) && !stream(&e, OUT, false), "abort");
	fault("slow_ms", 0);
	for (i = 0; i < 3 && !dequeue(&e, CAP, &b, 2000) && !LAST(b); i++)
		;
	CHECK(LAST(b) && !b.bytesused, "after an aborted drain");
	enc_close(&e);
}

/* Held back: 2 of every 3; then a forced key, and a drain of what is left. */
static void b_frames(void)
{
	static const int want[] = { 0, 3, 1, 2, 6, 4, 5, 8, 7, 9, 11, 10 };
	struct v4l2_requestbuffers r = { .count = 1, .type = OUT,
					 .memory = V4L2_MEMORY_MMAP };
	FILE *stream_file = fopen("reordered.h264", "wb");
	struct v4l2_buffer b, o;
	int n = 0, queued = 0;
	struct enc e;

	enc_open(&e, 64, 64);
	CHECK(!set_ctrl(&e, V4L2_CID_MPEG_VIDEO_B_FRAMES, 2), "set");
	CHECK(!call(e.fd, VIDIOC_REQBUFS, &r) && r.count == 3, "count %u", r.count);
	enc_start(&e);
	while (n < 12) {
		while (queued < 12 && (queued < BUFS || !dequeue(&e, OUT, &o, 0))) {
			if (queued == 9)
				set_ctrl(&e, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, 1);
			queue_out(&e, queued < BUFS ? queued : (int)o.index);
			if (++queued == 12)
				CHECK(!command(&e, V4L2_ENC_CMD_STOP), "stop");
		}
		if (dequeue(&e, CAP, &b, 2000))
			break;
		CHECK(b.timestamp.tv_sec == want[n],
		      "buffer %d: picture %ld", n, (long)b.timestamp.tv_sec);
		CHECK(LAST(b) == (n == 11), "buffer %d", n);
		fwrite(e.cap[b.index], 1, b.bytesused, stream_file);
		queue_cap(&e, b.index);
		n++;
	}
	CHECK(n == 12, "%d pictures", n);
	fclose(stream_file);
	enc_close(&e);
}

/* The bitrate of @n still pictures at 30 a second. */
static int rate(struct enc *e, int n)
{
	long long bytes = 0;
	struct v4l2_buffer b;
	int i;

	for (i = 0; i < n; i++) {
		CHECK(!one(e, &b, 2000), "picture %d", i);
		bytes += b.bytesused;
	}
	return bytes * 8 * 30 / n;
}

#define NEAR(got, want)	((got) > (want) * 9 / 10 && (got) < (want) * 11 / 10)

static void bitrate(void)
{
	struct enc e;
	int got;

	enc_open(&e, 64, 64);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 30);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE, 1000000);
	enc_start(&e);
	got = rate(&e, 60);
	CHECK(NEAR(got, 1000000), "%d", got);
	CHECK(!set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE, 3000000), "set");
	got = rate(&e, 60);
	CHECK(NEAR(got, 3000000), "%d", got);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_VBR);
	got = rate(&e, 60);
	CHECK(NEAR(got, 1500000), "%d", got);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_CBR);

	fault("ignore_bitrate", 1);
	CHECK(!set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE, 1000000), "set");
	got = rate(&e, 60);
	CHECK(NEAR(got, 3000000), "ignored: %d", got);
	fault("ignore_bitrate", 0);
	fault("bitrate_busy", 1);
	CHECK(set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE, 2000000) == -EBUSY, "busy");
	fault("bitrate_busy", 0);
	enc_close(&e);

	/* a key picture of most of a second's bits is paid back by the next */
	enc_open(&e, 320, 180);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_GOP_SIZE, 60);
	set_ctrl(&e, V4L2_CID_MPEG_VIDEO_BITRATE, 1000000);
	enc_start(&e);
	got = rate(&e, 120);
	CHECK(NEAR(got, 1000000), "%d", got);
	enc_close(&e);
}

int main(void)
{
	int i;

	pictures();
	force_key();
	i_period();
	resizes();
	separate_headers();
	drain();
	b_frames();
	bitrate();
	faults();
	for (i = 0; i < 3; i++) {
		static const char * const now[] = { "open_now", "buffers_now", "mapped_now" };

		CHECK(stat_of(now[i]) == 0, "%s %lld", now[i], stat_of(now[i]));
	}
	printf("%d checks, %d failed\n", checks, failures);
	return failures != 0;
}
